// What callers see: checks of arguments, names, targets.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include "run.h"

namespace tc::codegen {
namespace {

using namespace testing;

Kernel doubler() {
  const auto f =
      parse_func("func twice(A: f32[6], O: f32[6]) { for i in [0, +6) serial { O[i] = A[i] + A[i] } }")
          .value();
  AbiSpec abi;
  abi.workload = "twice m=2 n=3";
  abi.args = {{"input", kF32, {2, 3}, false, 0}, {"output", kF32, {2, 3}, true, 0}};
  return compile(f, abi, Target::host(), fresh()).value();
}
std::string code_of(const Check& c) { return c ? c->code() : "ok"; }
Check call(const Kernel& k, std::vector<const DLTensor*> args) { return k.run(args); }

// What the schedule packs is named so, and there is a function that packs it.
TEST(Entry, SaysHowAPackedArgumentIsMade) {
  const FuncRef f =
      parse_func("func mm(B_packed: f32[6], O: f32[6]) { for i in [0, +6) serial { O[i] = B_packed[i] } }")
          .value();
  AbiSpec abi;
  abi.args = {{"B_packed", kF32, {2, 3}, false, 0}, {"O", kF32, {2, 3}, true, 0}};
  const Kernel k = compile(f, abi, Target::host(), fresh()).value();
  Tensor plain(kF32, {6}), wrong(kF32, {3, 2}), o(kF32, {2, 3});
  for (const Tensor* t : {&plain, &wrong}) {
    const Check refused = call(k, {const_cast<Tensor*>(t)->dl(), o.dl()});
    ASSERT_TRUE(refused);
    EXPECT_NE(refused->str().find("pack it first, with mm_pack_B(B, B_packed), and pass what that makes"),
              std::string::npos)
        << refused->str();
  }
}

TEST(Entry, TakesTheDescribedTensorsAndNoOthers) {
  const Kernel k = doubler();
  Tensor a(kF32, {2, 3}), o(kF32, {2, 3}), flat(kF32, {6}), wide(kF64, {2, 3}), other(kF32, {3, 2});
  for (int i = 0; i < 6; ++i) a.set(i, i);
  EXPECT_RUNS(call(k, {a.dl(), o.dl()}));
  for (int i = 0; i < 6; ++i) EXPECT_EQ(o.get(i), 2 * i);
  EXPECT_EQ(code_of(call(k, {a.dl()})), "runtime.arg.count");
  EXPECT_EQ(code_of(call(k, {a.dl(), nullptr})), "runtime.arg.null");
  EXPECT_EQ(code_of(call(k, {flat.dl(), o.dl()})), "runtime.arg.rank");
  EXPECT_EQ(code_of(call(k, {other.dl(), o.dl()})), "runtime.arg.shape");
  EXPECT_EQ(code_of(call(k, {wide.dl(), o.dl()})), "runtime.arg.dtype");
  EXPECT_EQ(code_of(call(k, {o.dl(), o.dl()})), "runtime.arg.overlap");
  EXPECT_THROW(k(std::vector<const DLTensor*>{a.dl()}), Error);
}
TEST(Entry, ErrorsKeepTheirFacts) {
  const Kernel k = doubler();
  Tensor a(kF32, {3, 2}), o(kF32, {2, 3});
  const Check c = call(k, {a.dl(), o.dl()});
  ASSERT_TRUE(c);
  EXPECT_NE(c->str().find("input"), std::string::npos) << c->str();
}
TEST(Entry, HonoursByteOffset) {
  const Kernel k = doubler();
  Tensor a(kF32, {8}), o(kF32, {2, 3});
  for (int i = 0; i < 8; ++i) a.set(i, i);
  int64_t shape[] = {2, 3};
  DLTensor view = *a.dl();
  view.ndim = 2, view.shape = shape, view.byte_offset = 8;
  EXPECT_RUNS(call(k, {&view, o.dl()}));
  EXPECT_EQ(o.get(0), 4);
}
TEST(Entry, RawRunsOnPointers) {
  const Kernel k = doubler();
  Tensor a(kF32, {6}), o(kF32, {6});
  for (int i = 0; i < 6; ++i) a.set(i, i);
  void* data[] = {a.data(), o.data()};
  EXPECT_EQ(k.raw()(data), 0);
  EXPECT_EQ(o.get(5), 10);
}
TEST(Entry, FunctionsOfNothingAndOfEmptyTensors) {
  const auto f =
      parse_func("func f(A: f32[0], O: f32[0]) { for i in [0, +0) serial { O[i] = A[i] } }").value();
  const Kernel k = compile(f, AbiSpec::of(*f), Target::host(), fresh()).value();
  DLTensor t = *Tensor(kF32, {0}).dl();
  int64_t zero = 0;
  t.shape = &zero, t.data = nullptr;
  EXPECT_RUNS(call(k, {&t, &t}));
}
TEST(Entry, KernelOutlivesItsCopies) {
  Tensor a(kF32, {2, 3}), o(kF32, {2, 3});
  for (int i = 0; i < 6; ++i) a.set(i, i);
  std::optional<Kernel> first = doubler();
  const Kernel second = *first;
  first.reset();
  EXPECT_RUNS(call(second, {a.dl(), o.dl()}));
  EXPECT_NE(second.llvm_ir().find("define internal i32 @twice_kernel"), std::string::npos);
  EXPECT_NE(second.assembly().find("twice_kernel:"), std::string::npos);
  EXPECT_EQ(second.object().substr(1, 3), "ELF");
}
TEST(Abi, DescriptionsMustFitTheParameters) {
  const auto f = parse_func("func f(A: f32[6]) { A[0] = 1.0 }").value();
  const auto code = [&](AbiArg a) { return code_of(check_abi(*f, {"", {std::move(a)}})); };
  EXPECT_EQ(code({"A", kF32, {2, 3}, true, 0}), "ok");
  EXPECT_EQ(code({"A", kF32, {2, 4}, true, 0}), "codegen.abi");
  EXPECT_EQ(code({"A", kI32, {6}, true, 0}), "codegen.abi");
  EXPECT_EQ(code({"A", kF32, {-6}, true, 0}), "codegen.abi");
  EXPECT_EQ(code({"A", kF32, {INT64_MAX, INT64_MAX}, true, 0}), "codegen.abi");
  EXPECT_EQ(code({"A", kF32, {6}, true, 3}), "codegen.abi");
  EXPECT_EQ(code_of(check_abi(*f, {})), "codegen.abi");
}
TEST(Abi, SymbolsAreIdentifiers) {
  EXPECT_EQ(symbol_name("matmul"), "matmul");
  EXPECT_EQ(symbol_name("mat mul.3"), "mat_mul_3");
  EXPECT_EQ(symbol_name("3x3"), "f3x3");
  EXPECT_EQ(symbol_name(""), "f");
  EXPECT_EQ(symbol_name("int"), "int_");
  EXPECT_EQ(symbol_name("main"), "main_");
  EXPECT_EQ(symbol_name("tc_alloc"), "tc_alloc_");
}

TEST(Target, TextRoundTrips) {
  for (const char* text :
       {"cpu", "cpu -mcpu=znver3", "cpu -mcpu=skylake-avx512 -mattr=-avx512f", "cpu -mcpu=x86-64"}) {
    const Target t = Target::parse(text).value();
    EXPECT_EQ(Target::parse(t.text()).value(), t) << text;
  }
}
TEST(Target, AcceleratorsAreNamedByNameJsonOrFile) {
  EXPECT_EQ(Target::parse("accel").value().text(), "accel:vta");
  EXPECT_EQ(Target::parse("accel").value().machine(), isa::MachineConfig{});
  EXPECT_EQ(Target::parse("accel:vta-4x16x16").value().machine().batch, 4);
  const std::string file = ::testing::TempDir() + "machine.json";
  std::ofstream(file) << R"({"LOG_BLOCK": 5, "name": "mine"})";
  const Target t = Target::parse("accel:" + file).value();
  EXPECT_EQ(t.machine().block_in, 32);
  EXPECT_TRUE(t.text().starts_with(R"(accel:{"name":"mine","block_in":32)")) << t.text();
  std::filesystem::remove(file);  // the text holds the machine itself
  EXPECT_EQ(Target::parse(t.text()).value(), t);
  EXPECT_EQ(t.host_part(), Target::host());
  EXPECT_NE(t, Target::parse("accel").value());
}
TEST(Target, RefusesMachinesThatAreNone) {
  const auto code = [](const std::string& text) { return Target::parse(text).error().code(); };
  EXPECT_EQ(code("accel:no/such.json"), "codegen.target.config");
  EXPECT_EQ(code("accel:/"), "codegen.target.config");
  EXPECT_EQ(code("accel:"), "codegen.target.config");
  EXPECT_EQ(code("accel:{\"block\": 3}"), "isa.config.key");
  EXPECT_EQ(code("accel:{\"batch\": 0}"), "isa.config.range");
  EXPECT_EQ(code("accelerator"), "codegen.target");
  isa::MachineConfig none;
  none.block_in = 0;
  EXPECT_EQ(Target::accel(none).error().code(), "isa.config.range");
  try {
    (void)Target::host().machine();
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), "codegen.target.machine");
  }
  const Target accel = Target::parse("accel").value();
  EXPECT_EQ(accel.runs_on(Target::host())->code(), "codegen.target.unsupported");
}
TEST(Target, KnowsVectorRegisters) {
  EXPECT_EQ(Target::parse("cpu -mcpu=znver3").value().vector_bits, 256);
  EXPECT_EQ(Target::parse("cpu -mcpu=znver4").value().vector_bits, 512);
  EXPECT_EQ(Target::parse("cpu -mcpu=znver4").value().num_vector_registers, 32);
  EXPECT_EQ(Target::parse("cpu -mcpu=x86-64").value().vector_bits, 128);
}
TEST(Target, KeepsTuningApartFromInstructions) {
  const Target t = Target::parse("cpu -mcpu=znver3").value();
  EXPECT_TRUE(t.has("avx2"));
  EXPECT_FALSE(t.has("fast-15bytenop"));
  EXPECT_FALSE(t.tune.empty());
  for (const std::string& f : t.tune) EXPECT_FALSE(t.has(f)) << f;
}
TEST(Target, RefusesWhatItCannotRead) {
  for (const char* text :
       {"", "gpu", "cpu -mcpu=nonsense", "cpu -mattr=+nonsense", "cpu -mattr=avx2", "cpu --fast"}) {
    const auto t = Target::parse(text);
    ASSERT_FALSE(t.ok()) << text;
    EXPECT_EQ(t.error().code(), "codegen.target");
  }
}
TEST(Target, CodeOfAnotherMachineIsNotRun) {
  Target t = Target::host();
  t.isa.insert(std::lower_bound(t.isa.begin(), t.isa.end(), "amx-tile"), "amx-tile");
  const auto f = parse_func("func f(A: f32[1]) { A[0] = 1.0 }").value();
  if (Target::host().has("amx-tile")) GTEST_SKIP();
  const auto k = compile(f, AbiSpec::of(*f), t, fresh());
  EXPECT_EQ(k.error().code(), "codegen.target.unsupported");
  EXPECT_EQ(k.error().fact_of("missing"), "amx-tile");
}
TEST(Target, OldProcessorsRunTheSamePrograms) {
  const Target old = Target::parse("cpu -mcpu=x86-64").value();
  const auto f = parse_func(
                     "func f(A: f32[8], O: f32[8]) { O[ramp(0, 1, 8)] = fma(floor(A[ramp(0, 1, 8)]), "
                     "round(A[ramp(0, 1, 8)]), A[ramp(0, 1, 8)]) }")
                     .value();
  const Kernel k = compile(f, AbiSpec::of(*f), old, fresh()).value();
  Tensor a(kF32, {8}), o(kF32, {8});
  for (int i = 0; i < 8; ++i) a.set(i, i * 0.75 - 2);
  EXPECT_RUNS(k.run(std::vector<const DLTensor*>{a.dl(), o.dl()}));
  for (int i = 0; i < 8; ++i) EXPECT_EQ(o.get(i), std::floor(a.get(i)) * std::nearbyint(a.get(i)) + a.get(i));
}

}  // namespace
}  // namespace tc::codegen
