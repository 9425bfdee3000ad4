// The picture of the loop nests that people get.
#include <gtest/gtest.h>

#include "tc/ir/print.h"
#include "tc/schedule/lower.h"

namespace tc {
namespace {

// A window of T in every row of D: both have a loop over y, one inside the other.
TEST(Loops, TellLoopsOfOneNameApart) {
  const Tensor a = placeholder({7, 8}, kF32, "A");
  const Tensor t = compute({7, 8}, [&](Expr y, Expr x) { return a(y, x) + 1.0; }, "T");
  const Tensor d = compute({6, 8}, [&](Expr y, Expr x) { return t(y, x) + t(y + 1, x); }, "D");
  Schedule s({d});
  s[t].compute_at(s[d], s[d].axis("y"));
  EXPECT_EQ(s.loops(false), R"(for y in 6
  alloc T: f32[2, 8]
  for y_1 in 2
    for x in 8
      T[y_1, x] = A[y + y_1, x] + 1.0
  for x in 8
    D[y, x] = T[0, x] + T[1, x]
)");
  const std::string program = ir::to_string(lower(s, {a, d}).value().func);
  EXPECT_NE(program.find("T[y_1, x] = A[y + y_1, x] + 1.0"), std::string::npos) << program;
}

}  // namespace
}  // namespace tc
