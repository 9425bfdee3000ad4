#include <gtest/gtest.h>

#include "ir/random_ir.h"
#include "tc/ir/print.h"
#include "tc/ir/verify.h"

namespace tc::ir {
namespace {

TEST(VerifyProperty, RandomProgramsKeepTheirForm) {
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    const FuncRef nested = testing::RandomIr(seed).func(), te = testing::RandomIr(seed).te_func();
    testing::RandomOptions options;
    options.flat = true;
    const FuncRef flat = testing::RandomIr(seed, options).func();
    for (const auto& [f, form] :
         {std::pair{nested, Form::nested}, std::pair{te, Form::te}, std::pair{flat, Form::flat}}) {
      const Check broken = verify(f, form);
      ASSERT_FALSE(broken.has_value()) << "seed " << seed << "\n" << broken->str() << "\n" << to_string(f);
    }
    ASSERT_TRUE(verify(te, Form::nested).has_value());
  }
}

}  // namespace
}  // namespace tc::ir
