#include <gtest/gtest.h>

#include "tc/codegen/jit.h"

namespace tc::codegen {
namespace {
TEST(Smoke, DescribesTheHost) {
  const Target t = Target::host();
  EXPECT_FALSE(t.isa.empty());
  EXPECT_EQ(Target::parse(t.text()).value(), t);
}
}  // namespace
}  // namespace tc::codegen
