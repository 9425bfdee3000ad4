// Compiled functions called wrongly, and what the compiler and tuner refuse.
#include <cstdlib>

#include "error_cases.h"
#include "tc/autotune/api.h"
#include "tc/autotune/local_executor.h"
#include "tc/runtime/c_api.h"
#include "tc/runtime/status.h"
#include "tc/te/ops.h"

namespace tc::test {
namespace {

constexpr DLDataType kFloat32 = {kDLFloat, 32, 1};

// y = relu(x) of 4x8, with arguments that `spoil` makes wrong.
ErrorCase call(std::string code, std::string doing,
               std::function<void(std::vector<const DLTensor*>&, DLTensor&)> spoil) {
  return {std::move(code), std::move(doing), [spoil = std::move(spoil)] {
            const Tensor x = placeholder({4, 8}, kF32, "X"), y = op::relu(x, "Y");
            const Function f = build(Schedule({y}), {x, y}).value();
            runtime::Tensor a({4, 8}, kFloat32), b({4, 8}, kFloat32);
            DLTensor wrong = *a.dl();
            std::vector<const DLTensor*> args = {&wrong, b.dl()};
            spoil(args, wrong);
            f(args);
          }};
}

}  // namespace

ErrorFamily runtime_errors() {
  static int64_t shape[] = {4, 7}, strides[] = {1, 4};
  return {
      "runtime",
      {call("runtime.arg.count", "one argument to a function of two",
            [](auto& args, DLTensor&) { args.pop_back(); }),
       call("runtime.arg.null", "a null pointer", [](auto& args, DLTensor&) { args[0] = nullptr; }),
       call("runtime.arg.device", "a tensor of another device",
            [](auto&, DLTensor& t) { t.device = {kDLCUDA, 0}; }),
       call("runtime.arg.dtype", "f64 for f32", [](auto&, DLTensor& t) { t.dtype.bits = 64; }),
       call("runtime.arg.rank", "a vector for a matrix", [](auto&, DLTensor& t) { t.ndim = 1; }),
       call("runtime.arg.shape", "a 4x7 matrix for 4x8", [](auto&, DLTensor& t) { t.shape = shape; }),
       call("runtime.arg.strides", "a transposed view", [](auto&, DLTensor& t) { t.strides = strides; }),
       call("runtime.arg.data", "no memory", [](auto&, DLTensor& t) { t.data = nullptr; }),
       call("runtime.arg.alignment", "data off by one byte", [](auto&, DLTensor& t) { t.byte_offset = 1; }),
       call("runtime.arg.overlap", "the input as the output",
            [](auto& args, DLTensor&) { args[1] = args[0]; })}};
}

ErrorFamily other_errors() {
  return {"other",
          {{"codegen.target", "--target \"cpu -mcpu=pentium9\"",
            [] { (void)codegen::Target::parse("cpu -mcpu=pentium9").value(); }},
           {"codegen.form", "f.ir(\"unrolled\")",
            [] {
              const Tensor x = placeholder({4}, kF32, "X"), y = op::relu(x, "Y");
              (void)build(Schedule({y}), {x, y}).value().ir("unrolled");
            }},
           {"autotune.worker.missing", "a worker that does not exist",
            [] {
              TuneSettings s;
              s.worker = "/nowhere/tc-worker";
              (void)tune(parse_workload("relu m=4 n=4").value(), s).value();
            }},
           {"autotune.search.name", "--search genetic",
            [] { (void)autotune::make_search("genetic", nullptr, {}).value(); }},
           {"autotune.point.json", "decisions that are no object",
            [] { (void)autotune::point_from_json(autotune::Json::array()).value(); }}}};
}

}  // namespace tc::test
