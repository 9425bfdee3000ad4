// Functions for an accelerator: targets, what such functions refuse, and what cannot be cut.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "error_cases.h"
#include "tc/autotune/accel.h"
#include "tc/autotune/api.h"
#include "tc/codegen/accel.h"
#include "tc/codegen/accel_schedule.h"
#include "tc/ir/parse.h"
#include "tc/runtime/accel/bundle.h"

namespace tc::test {
namespace {

Function product(const char* target) {
  BuildOptions options;
  options.target = Target::parse(target).value();
  return build(workload("qmatmul m=4 n=4 k=4"), Log(), 1, options).value();
}

ErrorCase target(std::string code, const std::string& text) {
  return {std::move(code), fmt::format("--target '{}'", text), [text] { (void)Target::parse(text).value(); }};
}

ErrorCase of_function(std::string code, std::string doing, const char* machine,
                      std::function<void(const Function&)> wrong) {
  return {std::move(code), std::move(doing),
          [machine, wrong = std::move(wrong)] { wrong(product(machine)); }};
}

constexpr const char* kStopsForTheHost = R"(func f(A: i64[4], B: i64[4]) {
  alloc T: i64[4] acc
  alloc S: i64[4]
  alloc U: i64[4]
  for i in [0, +4) {
    T[i] = A[i]
    S[i] = T[i]
  }
  for i in [0, +4) {
    U[i] = S[i] * 5
  }
  for i in [0, +4) {
    B[i] = T[i] + U[i]
  }
})";

// Y is kept in memory: the host sets it to 0, and the device, which has X in ACC, adds to it.
void begun_by_the_host() {
  const Tensor x = placeholder({4, 16}, kI32, "X");
  const ReduceAxis k = reduce_axis(0, 4, "k");
  const Tensor y = compute({16}, [&](Expr i) { return sum(x(k, i), k); }, "Y");
  Schedule s({y});
  s[y].reorder({s[y].axis("k"), s[y].axis("i")});
  s.cache_read(x, Scope::acc, {s[y]}).compute_at(s[y], s[y].axis("k"));
  BuildOptions options;
  options.target = Target::parse("accel").value();
  (void)build(s, {x, y}, options).value();
}

void other_text() {
  const auto file = std::filesystem::temp_directory_path() / "tc-errors.bundle";
  std::ofstream(file) << "hello\n";
  const auto bundle = accel::Bundle::load(file.string());
  std::filesystem::remove(file);
  (void)bundle.value();
}

}  // namespace

ErrorFamily codegen_accel_errors() {
  return {"codegen_accel",
          {target("codegen.target.config", "accel:no/such/machine.json"),
           target("isa.config.key", R"(accel:{"LOG_BLOK": 5})"),
           {"codegen.target.machine", "Target(\"cpu\").machine()",
            [] { (void)Target::parse("cpu -mcpu=x86-64").value().machine(); }},
           of_function("codegen.profile", "a profile of a function for the CPU", "cpu -mcpu=x86-64",
                       [](const Function& f) { (void)f.profile({}).value(); }),
           of_function("codegen.accel.kernel", "f.kernel() of a function for an accelerator", "accel",
                       [](const Function& f) { (void)f.kernel(); }),
           of_function("codegen.form", "f.ir(\"unroll\") of a function for an accelerator", "accel",
                       [](const Function& f) { (void)f.ir("unroll"); }),
           of_function("codegen.export.accel", "f.export(\"dir/matmul\", header=True)", "accel",
                       [](const Function& f) {
                         if (const Check e = f.export_to("dir/matmul", {true, true, false, false, false}))
                           throw *e;
                       }),
           {"codegen.accel.output",
            "build a reduction in memory, of which the device adds what the host began", begun_by_the_host},
           {"codegen.accel.param", "compile_device of a function with two parameters A",
            [] {
              const auto a = [] { return ir::buffer("A", kI8, {ir::int_imm(4)}); };
              (void)accel::compile_device(ir::func("main", {a(), a()}, ir::seq({})), {}).value();
            }},
           {"runtime.accel.file", "accel::Bundle::load(\"no/such.bundle\")",
            [] { (void)accel::Bundle::load("no/such.bundle").value(); }},
           masked({"runtime.accel.bundle", "accel::Bundle::load of a file with another text", other_text},
                  "in +([^\n]*)\n", "..."),
           {"codegen.accel.partition", kStopsForTheHost,
            [] { (void)accel::partition(ir::parse_func(kStopsForTheHost).value()).value(); }},
           {"codegen.accel.plan", "accel::make_schedule(legalized, {}) of a product",
            [] {
              const auto args = workload("qmatmul m=4 n=4 k=4").build().args;
              (void)accel::make_schedule(accel::legalize(args, {}).value(), {}).value();
            }},
           {"codegen.accel.nothing", "tune(\"softmax m=4 n=8 dtype=f32\", target=\"accel\")",
            [] { (void)autotune::make_accel_space(workload("softmax m=4 n=8").build(), {}).value(); }}}};
}

}  // namespace tc::test
