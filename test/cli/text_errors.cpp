// Workloads, IR text and log lines that are wrong.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "error_cases.h"
#include "tc/autotune/log.h"
#include "tc/ir/interpret.h"
#include "tc/ir/parse.h"
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
           {"log.open", "tune with --log /", [] { (void)autotune::LogWriter::open("/").value(); }}}};
}

}  // namespace tc::test
