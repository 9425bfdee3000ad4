// What must not happen: the end of the process, and pages both writable and executable.
#include <fstream>
#include <sstream>

#include "run.h"

namespace tc::codegen {
namespace {

using namespace testing;

FuncRef copy() {
  return parse_func("func f(A: f32[8], O: f32[8]) { O[ramp(0, 1, 8)] = A[ramp(0, 1, 8)] * 2.0 }").value();
}

TEST(Faults, FatalErrorsOfLlvmComeBack) {
  // a processor without 64-bit mode under a 64-bit triple: LLVM would exit
  const auto f = copy();
  EXPECT_EQ(Target::parse("cpu -mcpu=i686").error().code(), "codegen.target");
  Target old = Target::parse("cpu -mcpu=x86-64").value();
  old.cpu = "i686", old.isa.clear(), old.tune.clear();
  for (int i = 0; i < 2; ++i) {
    const auto text = listing(f, AbiSpec::of(*f), old, Listing::assembly);
    ASSERT_FALSE(text.ok());
    EXPECT_EQ(text.error().code(), "codegen.llvm");
    EXPECT_NE(text.error().message().find("64-bit"), std::string::npos) << text.error().str();
  }
  EXPECT_TRUE(
      listing(f, AbiSpec::of(*f), Target::host(), Listing::assembly).ok());  // the next compile is well
}

TEST(Faults, CodeIsNeverWritableAndExecutable) {
  const Kernel k = compile_or_fail(copy());
  std::ifstream maps("/proc/self/maps");
  bool found = false;
  for (std::string line; std::getline(maps, line);) {
    std::istringstream in(line);
    uintptr_t begin = 0, end = 0;
    char dash = 0;
    std::string rights;
    in >> std::hex >> begin >> dash >> end >> rights;
    EXPECT_FALSE(rights[1] == 'w' && rights[2] == 'x') << line;
    const auto code = reinterpret_cast<uintptr_t>(k.raw());
    if (begin <= code && code < end) {
      found = true;
      EXPECT_EQ(rights.substr(0, 3), "r-x");
    }
  }
  EXPECT_TRUE(found);
}

TEST(Faults, DeepAndWideProgramsCompile) {
  const BufferRef a = buffer("A", kF32, {int_imm(4)});
  Expr e = load(a, {int_imm(0)});
  for (int i = 0; i < 1500; ++i) e = e + load(a, {int_imm(1 + i % 3)});
  EXPECT_TRUE(compile(func("deep", {a}, store(a, {int_imm(0)}, e)),
                      AbiSpec::of(*func("deep", {a}, store(a, {int_imm(0)}, e))), Target::host(), fresh())
                  .ok());
  // shared within one expression: 2^40 paths, 40 nodes
  Expr d = load(a, {int_imm(0)});
  for (int i = 0; i < 40; ++i) d = d + d;
  const auto f = func("shared", {a}, store(a, {int_imm(0)}, d));
  EXPECT_LT(listing(f, {"", {{"A", kF32, {4}, true, 0}}}, Target::host(), Listing::llvm).value().size(),
            20000u);
}

}  // namespace
}  // namespace tc::codegen
