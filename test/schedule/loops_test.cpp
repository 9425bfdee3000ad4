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

// passes::unroll makes no more than 4096 statements of a loop.
TEST(Loops, SayWhichUnrolledOnesAreTooLong) {
  const Tensor a = placeholder({4097, 64}, kF32, "A");
  const Tensor d = compute({4097, 64}, [&](Expr y, Expr x) { return a(y, x) + 1.0; }, "D");
  Schedule s({d});
  s[d].unroll(s[d].axis("y"));
  EXPECT_EQ(s.loops(false), R"(for y in 4097 unrolled (stays a loop: more than 4096 copies)
  for x in 64
    D[y, x] = A[y, x] + 1.0
)");
  Schedule t({d});
  const auto [outer, inner] = t[d].split(t[d].axis("y"), 64);
  t[d].unroll(inner).unroll(t[d].axis("x"));
  EXPECT_NE(t.loops(false).find("for yi in 64 unrolled\n"), std::string::npos) << t.loops(false);
  t[d].unroll(outer);  // of 64 x 64 statements
  EXPECT_NE(t.loops(false).find("unrolled (stays a loop"), std::string::npos) << t.loops(false);
}

}  // namespace
}  // namespace tc
