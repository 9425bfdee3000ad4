// What the code generator refuses: targets, descriptions of arguments, libraries.
#include <cstdlib>
#include <filesystem>

#include "../../lib/codegen/llvm/loader.h"
#include "error_cases.h"
#include "tc/codegen/build.h"
#include "tc/ir/parse.h"
#include "tc/te/ops.h"

namespace tc::test {
namespace {

using codegen::AbiSpec, codegen::Target;

ir::FuncRef one() { return ir::parse_func("func f(A: f32[6]) { A[0] = 1.0 }").value(); }

constexpr const char* kLargeStack = R"(func f(A: i64[1]) {
  alloc T: i64[8193] stack
  for i in [0, +8193) serial {
    T[i] = i
  }
  A[0] = T[8192]
})";

codegen::CompileOptions uncached() {
  codegen::CompileOptions options;
  options.use_cache = false;
  return options;
}

ErrorCase target(std::string code, std::string text) {
  return {std::move(code), "--target \"" + text + "\"", [text] { (void)Target::parse(text).value(); }};
}

// Exports f, `times` times, with `linker` as TC_LINKER.
ErrorCase library(std::string code, std::string doing, size_t times, const char* linker) {
  return {std::move(code), std::move(doing), [times, linker] {
            const auto folder = std::filesystem::temp_directory_path() / "tc-errors-library";
            const ir::FuncRef f = one();
            const std::vector<codegen::ExportFunc> funcs(times, {f, AbiSpec::of(*f)});
            const char* before = std::getenv("TC_LINKER");
            const std::string kept = before ? before : "";
            ::setenv("TC_LINKER", linker, 1);
            std::filesystem::create_directories(folder);
            const Check e = codegen::export_library(funcs, Target::host(), (folder / "sums").string());
            std::filesystem::remove_all(folder);
            before ? ::setenv("TC_LINKER", kept.c_str(), 1) : ::unsetenv("TC_LINKER");
            if (e) throw *e;
          }};
}

}  // namespace

ErrorFamily codegen_errors() {
  return {"codegen",
          {
              target("codegen.target", "cpu -mcpu=pentium9"),
              masked({"codegen.target.unsupported", "code for a machine with a feature that this one has not",
                      [] {
                        Target t = Target::host();
                        t.isa.push_back("zz-unknown");
                        const ir::FuncRef f = one();
                        (void)codegen::compile(f, AbiSpec::of(*f), t, uncached()).value();
                      }},
                     "cpu -mcpu=([^\n]*)", "..."),
              {"codegen.stack", kLargeStack,
               [] {
                 const ir::FuncRef f = ir::parse_func(kLargeStack).value();
                 (void)codegen::compile(f, AbiSpec::of(*f), Target::host(), uncached()).value();
               }},
              {"codegen.form", "f.ir(\"unrolled\")",
               [] {
                 const Tensor x = placeholder({4}, kF32, "X"), y = op::relu(x, "Y");
                 (void)build(Schedule({y}), {x, y}).value().ir("unrolled");
               }},
              {"codegen.abi", "describe A: f32[6] as f32[2, 4]",
               [] {
                 if (const Check e = codegen::check_abi(*one(), {"", {{"A", kF32, {2, 4}, true, 0}}}))
                   throw *e;
               }},
              library("codegen.export.name", "export two functions f into one library", 2, ""),
              library("codegen.export.linker", "export a library with TC_LINKER=no-such-linker", 1,
                      "no-such-linker"),
              {"codegen.link", "load an object of which only the first 100 bytes are left",
               [] {
                 const ir::FuncRef f = one();
                 const auto k = codegen::compile(f, AbiSpec::of(*f), Target::host(), uncached()).value();
                 (void)codegen::LoadedObject::load(std::string(k.object()).substr(0, 100));
               }},
              masked({"internal.assert", "what no program should cause: a constant of a type that has none",
                      [] { (void)ir::int_imm(1, kF32); }},
                     "\\.cpp:([0-9]+)", "..."),
              {"codegen.llvm", "code for a Target whose processor was set to one without 64 bits, i686",
               [] {
                 const ir::FuncRef f = one();
                 Target old = Target::parse("cpu -mcpu=x86-64").value();
                 old.cpu = "i686", old.isa.clear(), old.tune.clear();  // which parse refuses
                 (void)codegen::listing(f, AbiSpec::of(*f), old, codegen::Listing::assembly).value();
               }},
          }};
}

}  // namespace tc::test
