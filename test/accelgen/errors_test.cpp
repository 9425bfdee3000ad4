// What the device cannot do is refused with what does not fit: test/golden/errors/accelgen.txt
// (TC_BLESS=1 writes it).
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "run_device.h"
#include "tc/ir/parse.h"

namespace tc::accel::test {
namespace {

// Tiles of 1 x 4 everywhere, 8 tiles a scratchpad.
isa::MachineConfig tiny() {
  isa::MachineConfig c = machine(1, 4, 4);
  c.inp_depth = c.wgt_depth = c.acc_depth = 8;
  return c;
}

struct Refusal {
  const char *code, *doing, *body;
};

// Bodies of func main(A: i8[16, 4], B: i8[16, 4, 4], D: i32[16, 4], E: i32[64], C: i8[16, 4]).
constexpr Refusal kRefusals[] = {
    {"codegen.accel.capacity", "a stage larger than its scratchpad", R"(
  alloc a: i8[16, 4] inp
  for y in [0, +16) { for i in [0, +4) { a[y, i] = A[y, i] } })"},
    {"codegen.accel.capacity", "two virtual threads, and room for one", R"(
  for t in [0, +2) vthread {
    alloc x: i32[6, 4] acc
    for y in [0, +6) { for i in [0, +4) { x[y, i] = i32(0) } }
    for y in [0, +6) { for i in [0, +4) { C[t * 6 + y, i] = cast(i8, x[y, i]) } }
  })"},
    {"codegen.accel.capacity", "no room for what the ALU computes on the way", R"(
  alloc x: i32[8, 4] acc
  for y in [0, +8) { for i in [0, +4) { x[y, i] = D[y, i] } }
  for y in [0, +4) { for i in [0, +4) {
    C[y, i] = cast(i8, x[y, i] * x[y + 4, i] + x[y, i] * x[y + 4, i])
  } })"},
    {"codegen.accel.capacity", "no room in a copy of an unrolled loop", R"(
  alloc x: i32[8, 4] acc
  for y in [0, +8) { for i in [0, +4) { x[y, i] = D[y, i] } }
  for u in [0, +2) unrolled {
    for y in [0, +4) { for i in [0, +4) {
      C[u * 4 + y, i] = cast(i8, x[y, i] * x[y + 4, i] + (x[y + 4, i] >> cast(i32, u)))
    } }
  })"},
    {"codegen.accel.lanes", "the lanes outside", R"(
  alloc x: i32[4, 4] acc
  for i in [0, +4) {
    for y in [0, +4) { x[y, i] = i32(0) }
    for y in [0, +4) { x[y, i] = x[y, i] + i32(1) }
  })"},
    {"codegen.accel.lanes", "half a tile", R"(
  alloc x: i32[4, 4] acc
  for y in [0, +4) { for i in [0, +2) { x[y, i] = i32(0) } })"},
    {"codegen.accel.lanes", "a copy that transposes tiles", R"(
  alloc w: i8[1, 4, 4] wgt
  for o in [0, +4) { for i in [0, +4) { w[0, o, i] = B[0, i, o] } })"},
    {"codegen.accel.lanes", "a guard that cuts a tile", R"(
  alloc x: i32[2, 4] acc
  for y in [0, +2) { for i in [0, +4) { if y * 4 + i < 7 { x[y, i] = D[y, i] } } })"},
    {"codegen.accel.tile", "an offset of one element", R"(
  alloc x: i32[2, 4] acc
  for t in [0, +1) {
    for i in [0, +4) { x[0, i] = E[i + 1 + t] }
    for i in [0, +4) { x[1, i] = i32(0) }
  })"},
    {"codegen.accel.alu", "a division", R"(
  alloc x: i32[4, 4] acc
  for y in [0, +4) { for i in [0, +4) { x[y, i] = D[y, i] } }
  for y in [0, +4) { for i in [0, +4) { x[y, i] = x[y, i] / i32(3) } })"},
    {"codegen.accel.operand", "an operand that is still in memory", R"(
  alloc x: i32[4, 4] acc
  for y in [0, +4) { for i in [0, +4) { x[y, i] = D[y, i] } }
  for y in [0, +4) { for i in [0, +4) { C[y, i] = cast(i8, x[y, i] + D[y, i]) } })"},
    {"codegen.accel.operand", "a scratchpad of inputs that is computed", R"(
  alloc a: i8[4, 4] inp
  for y in [0, +4) { for i in [0, +4) { a[y, i] = A[y, i] + i8(1) } })"},
    {"codegen.accel.type", "inputs of another width", R"(
  alloc a: i32[4, 4] inp
  for y in [0, +4) { for i in [0, +4) { a[y, i] = D[y, i] } })"},
    {"codegen.accel.type", "results of 32 bits", R"(
  alloc x: i32[4, 4] acc
  for y in [0, +4) { for i in [0, +4) { x[y, i] = i32(0) } }
  for y in [0, +4) { for i in [0, +4) { D[y, i] = x[y, i] } })"},
    {"codegen.accel.scope", "a stage in memory inside a program of the device", R"(
  alloc m: i32[4, 4]
  for y in [0, +4) { for i in [0, +4) { m[y, i] = i32(0) } })"},
    {"codegen.accel.index", "an index read from memory", R"(
  alloc x: i32[4, 4] acc
  for y in [0, +4) { for i in [0, +4) { x[y, i] = D[cast(i64, D[y, 0]), i] } })"},
    {"codegen.accel.index", "an index that divides by zero", R"(
  alloc x: i32[4, 4] acc
  for y in [0, +4) { for i in [0, +4) { x[y, i] = D[6 / y, i] } })"},
    {"codegen.accel.bounds", "a read outside", R"(
  alloc x: i32[4, 4] acc
  for y in [0, +4) { for i in [0, +4) { x[y, i] = D[y + 13, i] } })"},
    {"codegen.accel.order", "iterations that need each other", R"(
  alloc x: i32[4, 4] acc
  for y in [0, +4) { for i in [0, +4) { x[y, i] = D[y, i] } }
  for y in [0, +3) { for i in [0, +4) { x[y + 1, i] = x[y, i] + i32(1) } })"},
    {"codegen.accel.unwritten", "a stage that is not computed before it is read", R"(
  alloc x: i32[4, 4] acc
  for y in [0, +3) { for i in [0, +4) { x[y, i] = D[y, i] } }
  for y in [0, +4) { for i in [0, +4) { C[y, i] = cast(i8, x[y, i]) } })"},
    {"codegen.accel.loop", "a loop as long as another one says", R"(
  alloc x: i32[4, 4] acc
  for y in [0, +4) { for i in [0, +y) { x[0, i] = i32(0) } })"},
    {"codegen.accel.statement", "a prefetch", R"(
  alloc x: i32[4, 4] acc
  for y in [0, +4) {
    prefetch D[y + 1, 0]
    for i in [0, +4) { x[y, i] = D[y, i] }
  })"},
    {"codegen.accel.shape", "a stage larger than any memory", R"(
  alloc x: i32[1000000000000, 4] acc
  for i in [0, +4) { x[0, i] = i32(0) })"},
    {"codegen.accel.limit", "loops that never end", R"(
  for t in [0, +100000000000) {
    alloc a: i8[1, 4] inp
    for i in [0, +4) { a[0, i] = A[t % 16, i] }
  })"},
    {"codegen.accel.vthread", "virtual threads whose number is no number", R"(
  for u in [0, +2) {
    for t in [0, +u) vthread {
      alloc x: i32[1, 4] acc
      for i in [0, +4) { x[0, i] = i32(0) }
      for i in [0, +4) { C[t, i] = cast(i8, x[0, i]) }
    }
  })"},
};

std::string refuse(const std::string& body, std::string* code) {
  const std::string text =
      "func main(A: i8[16, 4], B: i8[16, 4, 4], D: i32[16, 4], E: i32[64], C: i8[16, 4]) {" + body + "\n}";
  const auto func = ir::parse_func(text);
  EXPECT_TRUE(func) << func.error().str();
  if (!func) return "";
  const auto compiled = compile_device(func.value(), tiny());
  EXPECT_FALSE(compiled) << body;
  if (compiled) return "";
  *code = compiled.error().code();
  return compiled.error().str();
}

TEST(AccelErrors, SayWhatDoesNotFit) {
  std::string all;
  for (const Refusal& r : kRefusals) {
    std::string code;
    const std::string text = refuse(r.body, &code);
    EXPECT_EQ(code, r.code) << text << "\n" << r.body;
    all += (all.empty() ? "// " : "\n// ") + std::string(r.doing) + "\n" + text + "\n";
  }
  const auto path = std::filesystem::path(TC_SOURCE_DIR) / "test/golden/errors/accelgen.txt";
  if (std::getenv("TC_BLESS")) {
    std::ofstream(path) << all;
    return;
  }
  std::stringstream want;
  want << std::ifstream(path).rdbuf();
  EXPECT_EQ(all, want.str()) << "TC_BLESS=1 writes " << path;
}

TEST(AccelErrors, ParametersOfOneName) {
  const ir::BufferRef a = ir::buffer("A", kI8, {ir::int_imm(4)}), b = ir::buffer("A", kI8, {ir::int_imm(4)});
  const auto code = compile_device(ir::func("main", {a, b}, ir::seq({})), tiny());
  ASSERT_FALSE(code);
  EXPECT_EQ(code.error().code(), "codegen.accel.param");
}

TEST(AccelErrors, LoopsWithoutEnd) {
  const auto func = ir::parse_func(R"(func main(A: i8[16, 4]) {
  for t in [0, +100000000000) {
    alloc a: i8[1, 4] inp
    for i in [0, +4) { a[0, i] = A[t % 16, i] }
  }
})");
  const auto code = compile_device(func.value(), tiny());
  ASSERT_FALSE(code);
  EXPECT_EQ(code.error().code(), "codegen.accel.limit");
}

// Each of these is refused in time, and without room for all of it.
TEST(AccelErrors, HostileSizes) {
  const char* bodies[] = {
      "for y in [0, +1000000000000) { for i in [0, +4) { x[y % 4, i] = i32(0) } }",
      "for y in [0, +4) { for i in [0, +4) { x[y * 4611686018427387904, i] = i32(0) } }",
      "for r in [0, +4000000) { for y in [0, +4000000) { for i in [0, +4) { x[0, i] = D[0, i] } } }",
      "for r in [0, +4000000) { for y in [0, +4000000) { for i in [0, +4) { x[0, i] = max(x[0, i], i32(1)) } "
      "} }",
      "for r in [0, +3000000) { for y in [0, +3000000) { if r * y % 7 == 3 { for i in [0, +4) { x[0, i] = "
      "i32(0) } } } }",
      "for y in [0, +4) { for i in [0, +4) { if y * 9223372036854775807 < 5 { x[y, i] = i32(0) } } }",
      "for t in [0, +9000000000000000000) { for i in [0, +4) { x[t * t * t, i] = i32(0) } }",
      "for y in [0, +4) { for i in [0, +4) { x[y / 0, i] = i32(0) } }",
  };
  for (const char* body : bodies) {
    const auto func = ir::parse_func(
        "func main(D: i32[16, 4], C: i8[16, 4]) {\n  alloc x: i32[4, 4] acc\n  " + std::string(body) + "\n}");
    ASSERT_TRUE(func) << func.error().str();
    const auto code = compile_device(func.value(), tiny());
    EXPECT_FALSE(code) << body;
    if (!code) {
      EXPECT_EQ(code.error().code().substr(0, 14), "codegen.accel.") << code.error().str();
    }
  }
}

TEST(AccelErrors, ParameterInAScratchpad) {
  const auto func = ir::parse_func("func main(A: i8[16, 4] inp) { for i in [0, +4) { A[0, i] = i8(0) } }");
  ASSERT_TRUE(func) << func.error().str();
  const auto code = compile_device(func.value(), tiny());
  ASSERT_FALSE(code);
  EXPECT_EQ(code.error().code(), "codegen.accel.scope");
}

TEST(AccelErrors, NothingToDo) {
  const auto func = ir::parse_func(R"(func main(A: i8[0, 4], C: i8[0, 4]) {
  for y in [0, +0) {
    alloc x: i32[1, 4] acc
    for i in [0, +4) { x[0, i] = cast(i32, A[y, i]) }
    for i in [0, +4) { C[y, i] = cast(i8, x[0, i]) }
  }
})");
  const auto code = compile_device(func.value(), tiny());
  ASSERT_TRUE(code) << code.error().str();
  EXPECT_EQ(code.value().program.insns.size(), 1U);  // finish
}

}  // namespace
}  // namespace tc::accel::test
