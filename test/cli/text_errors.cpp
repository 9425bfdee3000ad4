// Workloads, IR text and log lines that are wrong.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "error_cases.h"
#include "tc/autotune/log.h"
#include "tc/ir/interpret.h"
#include "tc/ir/parse.h"
#include "tc/ir/pass.h"
#include "tc/ir/verify.h"
#include "tc/te/evaluate.h"
#include "tc/te/workload.h"

namespace tc::test {
namespace {

ErrorCase workload(std::string code, std::string text) {
  return {std::move(code), text, [text] { (void)parse_workload(text).value(); }};
}

ErrorCase parse(std::string code, std::string text) {
  return {std::move(code), text, [text] { (void)ir::parse_func(text, "f.tc").value(); }};
}

ErrorCase verify(std::string code, ir::Form form, std::string text) {
  return {std::move(code), fmt::format("as {} form:\n{}", ir::to_string(form), text), [text, form] {
            if (Check e = ir::verify(ir::parse_func(text, "f.tc").value(), form)) throw *e;
          }};
}

// What no text can say: a function that is put together by hand.
ErrorCase built(std::string code, ir::Form form, std::string doing, std::function<ir::FuncRef()> make) {
  return {std::move(code), std::move(doing), [make = std::move(make), form] {
            if (Check e = ir::verify(make(), form)) throw *e;
          }};
}

// func f(A: f32[4], C: f32[4]) of one store into C[0].
ir::FuncRef storing(const ir::BufferRef& a, Expr value) {
  const ir::BufferRef c = ir::buffer("C", kF32, {ir::int_imm(4)});
  return ir::func("f", {a, c}, ir::store(c, {ir::int_imm(0)}, std::move(value)));
}
ir::BufferRef vector_of_4(const char* name) { return ir::buffer(name, kF32, {ir::int_imm(4)}); }

ErrorCase pass(std::string code, std::string passes, std::string text) {
  return {std::move(code), "tensorc opt --passes " + passes + " of:\n" + text, [passes, text] {
            (void)ir::run_pipeline(ir::parse_pipeline(passes), ir::parse_func(text, "f.tc").value(), {}, {});
          }};
}

// On A and C of four elements each, A = 0 1 2 3.
ErrorCase interpret(std::string code, std::string body, ir::InterpretOptions options = {}) {
  const std::string text = fmt::format("func f(A: f32[4], C: f32[4]) {{\n{}\n}}", body);
  return {std::move(code), text, [text, options] {
            float a[4] = {0, 1, 2, 3}, c[4] = {};
            const ir::TensorView views[] = {{kF32, {4}, a}, {kF32, {4}, c}};
            if (Check e = ir::interpret(ir::parse_func(text, "f.tc").value(), views, options)) throw *e;
          }};
}

ErrorCase log_line(std::string code, std::string doing, std::string line) {
  return {std::move(code), std::move(doing), [line] { (void)autotune::record_from_line(line).value(); }};
}

}  // namespace

ErrorFamily workload_errors() {
  return {
      "workload",
      {workload("workload.syntax", "matmul m=4 n=4 k"), workload("workload.operator", "matmull m=4 n=4 k=4"),
       workload("workload.key", "matmul m=4 n=4 j=4"),
       workload("workload.duplicate", "matmul m=4 m=4 n=4 k=4"),
       workload("workload.missing", "matmul m=4 n=4"), workload("workload.value", "matmul m=4 n=4 k=four"),
       workload("workload.value", "matmul m=1..16..8 n=4 k=4"),
       workload("workload.value", "conv2d n=1..8 c=4 h=8..16 w=8 k=6 r=3 s=3"),
       workload("workload.size", "matmul m=1000000 n=1000000 k=1"),
       workload("te.op.attr", "conv2d n=1 c=4 h=8 w=8 k=6 r=3 s=3 groups=4")}};
}

ErrorFamily ir_errors() {
  using ir::Form;
  ErrorFamily f{"ir", {}};
  f.cases = {
      parse("ir.parse", "func f(A: f32[4]) {\n  A[0] = 1.0 +\n}"),
      parse("ir.parse", "func f(A: f32[4]) {\n  B[0] = 1.0\n}"),
      parse("ir.type", "func f(A: f32[4]) {\n  A[0] = 1\n}"),
      parse("ir.rank", "func f(A: f32[4]) {\n  A[0, 0] = 1.0\n}"),
      verify("ir.verify.te", Form::te, "func f(A: f32[4]) {\n  A[0] = 1.0\n}"),
      verify("ir.verify.order", Form::te,
             "func f(A: f32[4], B: f32[4], C: f32[4]) {\n  compute C[i] = B[i]\n  compute B[i] = A[i]\n}"),
      verify("ir.verify.nested", Form::nested, "func f(A: f32[4], C: f32[4]) {\n  compute C[i] = A[i]\n}"),
      verify("ir.verify.flat", Form::flat, "func f(A: f32[4, 4]) {\n  A[0, 0] = 1.0\n}"),
      verify("ir.verify.loop", Form::target,
             "func f(A: f32[4]) {\n  for i in [0, +4) unrolled {\n    A[i] = 1.0\n  }\n}"),
      verify("ir.verify.call", Form::target, "func f(A: f32[4]) {\n  A[0] = exp(A[1])\n}"),
      parse("ir.shape", "func f(A: f32[-3]) {\n}"),
      {"ir.compute", "ir::compute({P, Q}, {i}, {sum of A, 1}): one value is a reduction, the other not",
       [] {
         const ir::VarRef i = ir::var("i"), k = ir::var("k");
         const Expr sum = ir::reduce(ir::simple_combiner(ir::BinaryOp::add, kF32), {ir::int_imm(0)},
                                     {ir::int_imm(4)}, {k}, {ir::load(vector_of_4("A"), {k})}, 0);
         (void)ir::compute({vector_of_4("P"), vector_of_4("Q")}, {i}, {sum, ir::float_imm(1)});
       }},
      parse("ir.scan", "func f(A: f32[4]) {\n  scan {\n    A[0] = 1.0\n  }\n}"),
      parse("ir.extern", "func f(A: f32[4]) {\n  extern A of (A) {\n    A[0] = 1.0\n  }\n}"),
      {"ir.depth", "a sum of 3000 operands, not over an axis but written out",
       [] {
         const ir::BufferRef a = vector_of_4("A");
         Expr e = ir::load(a, {ir::int_imm(0)});
         for (int i = 0; i < 3000; ++i) e = e + ir::load(a, {ir::int_imm(i % 4)});
       }},
      pass("ir.flatten", "flatten",
           "func f(N: i64[1], A: f32[N[0], 4], C: f32[4]) {\n  for i in [0, +4) {\n    C[i] = A[0, i]\n  "
           "}\n}"),
      verify("ir.verify.bound", Form::te,
             "func f(A: f32[4], B: f32[4]) {\n  compute A[x] = reduce c(v: f32; w: f32) -> (v + B[x]) from "
             "(0.0) of "
             "(B[x])\n}"),
      verify("ir.verify.reduce", Form::te,
             "func f(A: f32[4], B: f32[4]) {\n  compute A[x] = sum(B[k], k in [0, +4)) + 1.0\n}"),
      verify("ir.verify.type", Form::te, "func f(A: f32[16], I: i64[8]) {\n  compute I[x], A[x] = 1, 2.0\n}"),
      verify(
          "ir.verify.register", Form::target,
          "func f(A: f32[8]) {\n  alloc T: f32[8] register\n  for x in [0, +8) {\n    T[x] = A[x]\n  }\n}"),
      built("ir.verify.buffer", Form::nested, "C[0] = T[0] with a T that is nowhere allocated",
            [] { return storing(vector_of_4("A"), ir::load(vector_of_4("T"), {ir::int_imm(0)})); }),
      built("ir.verify.rank", Form::nested, "new ir::Load(kF32, A, {0, 0}) of a vector A",
            [] {
              const ir::BufferRef a = vector_of_4("A");
              return storing(a, Expr(new ir::Load(kF32, a, {ir::int_imm(0), ir::int_imm(0)})));
            }),
      built("ir.verify.shape", Form::nested, "new ir::Binary(kF32, BinaryOp::add, A[0], nullptr)",
            [] {
              const ir::BufferRef a = vector_of_4("A");
              const Expr e = ir::load(a, {ir::int_imm(0)});
              return storing(a, Expr(new ir::Binary(kF32, ir::BinaryOp::add, e, nullptr)));
            }),
      {"ir.interpret.args", "interpret a function of A and C with one array",
       [] {
         float a[4] = {};
         const ir::TensorView views[] = {{kF32, {4}, a}};
         const char* text = "func f(A: f32[4], C: f32[4]) { C[0] = A[0] }";
         if (Check e = ir::interpret(ir::parse_func(text).value(), views)) throw *e;
       }},
      {"ir.interpret.unbound", "interpret C[0] = A[x] with an x that nothing binds",
       [] {
         const ir::BufferRef a = vector_of_4("A");
         float data[4] = {}, out[4] = {};
         const ir::TensorView views[] = {{kF32, {4}, data}, {kF32, {4}, out}};
         if (Check e = ir::interpret(storing(a, ir::load(a, {ir::var("x")})), views)) throw *e;
       }},
      interpret("ir.interpret.shift", "  for i in [0, +4) {\n    C[1 << (i - 1)] = A[i]\n  }"),
      interpret("ir.interpret.assume", "  compute C[i] = assume(A[i] > 0.5, A[i])"),
      interpret("ir.interpret.bounds", "  for i in [0, +5) {\n    C[i] = A[0]\n  }"),
      interpret("ir.interpret.uninitialized", "  alloc T: f32[4]\n  C[0] = T[1]"),
      interpret("ir.interpret.race", "  for i in [0, +4) parallel {\n    C[0] = A[i]\n  }"),
      interpret("ir.interpret.div_by_zero", "  for i in [0, +4) {\n    C[4 / i] = A[i]\n  }"),
      interpret("ir.interpret.steps", "  for i in [0, +1000000) {\n    C[0] = A[1]\n  }",
                {.max_steps = 1000}),
      interpret("ir.interpret.memory", "  alloc T: f32[1000000000]\n  T[0] = A[0]\n  C[0] = T[0]",
                {.max_bytes = 1 << 20}),
  };
  return f;
}

ErrorFamily log_errors() {
  autotune::Record later, unchecked;
  later.version = 99;
  unchecked.id = unchecked.run = "x";
  unchecked.workload = "relu m=4 n=4 dtype=f32";
  unchecked.workload_hash = autotune::WorkloadKey(unchecked.workload).hash();
  unchecked.status = autotune::Status::ok;
  unchecked.run_ns = {1};
  unchecked.ts = "2026-01-31T12:00:00.000Z";
  std::string damaged = to_line(unchecked);
  damaged[damaged.find("relu")] = 'R';
  return {"log",
          {log_line("log.json", "a line that is cut off", to_line(unchecked).substr(0, 40)),
           log_line("log.checksum", "a line of which a byte changed", damaged),
           log_line("log.version", "a record of a later version", to_line(later)),
           log_line("log.field", "a record that claims ok without a check", to_line(unchecked)),
           {"log.missing", "--log no-such-log.jsonl",
            [] { (void)autotune::read_log("no-such-log.jsonl").value(); }},
           {"log.read", "--log /", [] { (void)autotune::read_log("/").value(); }},
           {"log.open", "tune with --log /", [] { (void)autotune::LogWriter::open("/").value(); }},
           {"log.write", "a record for a log on a full disk",
            [] {
              if (const Check e = autotune::LogWriter::open("/dev/full").value().append({})) throw *e;
            }},
           {"log.size", "a line of 20 bytes, read with max_line = 10", [] {
              const std::string path = std::filesystem::temp_directory_path() / "tc-errors-log.jsonl";
              std::ofstream(path) << "{\"v\": 1, \"kind\": 2}\n";
              const auto file = autotune::read_log(path, {.max_line = 10});
              std::filesystem::remove(path);
              throw ErrorText{"error[" + file.value().bad[0].code + "]: " + file.value().bad[0].reason};
            }}}};
}

}  // namespace tc::test
