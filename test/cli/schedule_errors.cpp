// Calls of a schedule that are no step, and intrinsics declared wrongly. The errors
// of steps are files: test/golden/schedule/errors.
#include "error_cases.h"
#include "tc/schedule/lower.h"
#include "tc/te/tensor.h"

namespace tc::test {
namespace {

// T = A + 1, D = T * 2.
struct Example {
  Tensor a = placeholder({4, 6}, kF32, "A");
  Tensor t = compute({4, 6}, [&](Expr y, Expr x) { return a(y, x) + 1.0; }, "T");
  Tensor d = compute({4, 6}, [&](Expr y, Expr x) { return t(y, x) * 2.0; }, "D");
  Schedule s{{d}};
};

ErrorCase call(std::string code, std::string doing, std::function<void(Example&)> run) {
  return {std::move(code), std::move(doing), [run = std::move(run)] {
            Example e;
            run(e);
          }};
}

const std::string kParams = "(A: f32[4], S: f32[1], C: f32[4])";
const std::string kBody = "func axpy" + kParams + " {\n  compute C[i] = sum(A[i] * S[k], k in [0, +1))\n}";
const std::string kUpdate =
    "func update" + kParams +
    " {\n  C[ramp(0, 1, 4)] = C[ramp(0, 1, 4)] + A[ramp(0, 1, 4)] * broadcast(S[0], 4)\n}";

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  return text.replace(text.find(what), what.size(), by);
}

ErrorCase intrinsic(std::string code, const std::string& body, const std::string& update,
                    std::vector<std::vector<int64_t>> strides = {}) {
  return {std::move(code),
          body + "\n" + update + (strides.empty() ? "" : "\nwith one stride for A and one for S"),
          [=] { (void)make_intrinsic("axpy", body, update, "", strides).value(); }};
}

// B of a matmul is in memory, and the intrinsic's operand on the stack.
void tensorize_scope() {
  const Tensor a = placeholder({6, 8}, kF32, "A"), b = placeholder({8, 12}, kF32, "B");
  const ReduceAxis k = reduce_axis(0, 8, "k");
  const Tensor c = compute({6, 12}, [&](Expr y, Expr x) { return sum(a(y, k) * b(k, x), k); }, "C");
  Schedule s({c});
  const auto stack = [](const std::string& text) { return replaced(text, "A: f32[4]", "A: f32[4] stack"); };
  s.declare(make_intrinsic("axpy", stack(kBody), stack(kUpdate)).value());
  const std::string steps =
      "split C x factor=4 into=xo,xi\nreorder C y,xo,k,xi\ntensorize C xi intrinsic=axpy";
  if (const Check e = s.apply(parse_steps(steps).value())) throw *e;
}

// One schedule of B = A + 1 over n elements under several conditions.
ErrorCase variants(std::string doing, std::vector<Expr> (*conditions)(const VarRef& n)) {
  return {"lower.variants", std::move(doing), [conditions] {
            const VarRef n = size_var("n");
            const Tensor a = placeholder({n}, kF32, "A"),
                         b = compute({n}, [&](Expr i) { return a(i) + 1.0; }, "B");
            std::vector<Variant> all;
            for (Expr& when : conditions(n)) all.push_back({Schedule({b}), std::move(when)});
            (void)lower(all, {a, b}).value();
          }};
}

}  // namespace

ErrorFamily schedule_errors() {
  return {
      "schedule",
      {
          call("schedule.stage.unknown", "s[Z] of a tensor Z that D does not need",
               [](Example& e) { (void)e.s[placeholder({1}, kF32, "Z")]; }),
          call("schedule.axis.count", "auto [z, y, x] = s[D].axes<3>();",
               [](Example& e) { (void)e.s[e.d].axes<3>(); }),
          call("schedule.axis.stage", "s[D].split(s[T].axis(\"x\"), 2)",
               [](Example& e) { (void)e.s[e.d].split(e.s[e.t].axis("x"), 2); }),
          call("schedule.axis.stage", "s[T].compute_at(s[D], s[T].axis(\"x\"))",
               [](Example& e) { (void)e.s[e.t].compute_at(e.s[e.d], e.s[e.t].axis("x")); }),
          call("schedule.tile.count", "s[D].tile({y, x}, {2})",
               [](Example& e) { (void)e.s[e.d].tile(e.s[e.d].axes(), {2}); }),
          call("lower.args", "lower(s, {A, T, D})",
               [](Example& e) { (void)lower(e.s, {e.a, e.t, e.d}).value(); }),
          variants("variants of s for n <= 4 and n <= 8",
                   [](const VarRef& n) { return std::vector<Expr>{Expr(n) <= 4, Expr(n) <= 8}; }),
          variants("variants of s for m <= 4, of another size m, and all other calls",
                   [](const VarRef&) { return std::vector<Expr>{Expr(size_var("m")) <= 4, nullptr}; }),
          call("schedule.tensorize.name", "s.declare of an intrinsic axpy, twice",
               [](Example& e) {
                 for (int i = 0; i < 2; ++i) e.s.declare(make_intrinsic("axpy", kBody, kUpdate).value());
               }),
          call("schedule.tensorize.name", "s.declare of an intrinsic gemm_f32_6x16x1",
               [](Example& e) { e.s.declare(make_intrinsic("gemm_f32_6x16x1", kBody, kUpdate).value()); }),
          {"schedule.tensorize.scope", "tensorize with an intrinsic whose operand A is on the stack",
           tensorize_scope},
          intrinsic("intrinsic.body", replaced(kBody, "A[i]", "A[3 - i]"), kUpdate),
          {"intrinsic.name", "make_intrinsic(\"my axpy\", ...)",
           [] { (void)make_intrinsic("my axpy", kBody, kUpdate).value(); }},
          intrinsic("intrinsic.params", kBody, replaced(kUpdate, "S: f32[1]", "S: f32[2]")),
          intrinsic("intrinsic.strides", kBody, kUpdate, {{1}, {1}}),
          intrinsic("intrinsic.differs", kBody, replaced(kUpdate, "+ A", "- A")),
      }};
}

}  // namespace tc::test
