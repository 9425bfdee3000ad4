// dot in machine code: every type, group and number of lanes, on this machine and
// on older ones whose code it runs, against the interpreter.
#include <fmt/format.h>

#include <random>

#include "codegen/run.h"
#include "tc/ir/interpret.h"

namespace tc::codegen::testing {
namespace {

std::string lanes(int64_t n) { return n == 1 ? "0" : fmt::format("ramp(0, 1, {})", n); }

// O = dot(C, A, B) of n results; A has one group for all where `shared`.
FuncRef dot_func(const std::string& a, const std::string& b, int n, int group, bool shared) {
  const int count = shared ? group : n * group;
  return parse_func(fmt::format("func f(C: i32[{}], A: {}[{}], B: {}[{}], O: i32[{}]) {{\n"
                                "  O[{}] = dot(C[{}], A[{}], B[{}])\n}}",
                                n, a, count, b, n * group, n, lanes(n), lanes(n), lanes(count),
                                lanes(n * group)))
      .value();
}

void fill(Tensor& t, std::mt19937_64& random) {
  const int64_t low = t.type().is_signed() ? -(int64_t{1} << (t.type().bits - 1)) : 0;
  const int64_t high = low + (int64_t{1} << t.type().bits) - 1;
  for (int64_t i = 0; i < t.size(); ++i) {
    const uint64_t dice = random() % 4;  // the ends of the range are where instructions saturate
    t.set_int(i, dice == 0   ? low
                 : dice == 1 ? high
                             : low + static_cast<int64_t>(random() % static_cast<uint64_t>(high - low + 1)));
  }
}

void check(const FuncRef& f, const Target& target, std::mt19937_64& random) {
  std::vector<Tensor> tensors;
  std::vector<TensorView> views;
  std::vector<const DLTensor*> raw;
  for (const BufferRef& p : f->params)
    tensors.emplace_back(p->type, std::vector<int64_t>{*as_int(p->shape[0])});
  for (size_t i = 0; i + 1 < tensors.size(); ++i) fill(tensors[i], random);
  for (Tensor& t : tensors) {
    raw.push_back(t.dl());
    views.push_back({t.type(), {t.size()}, t.data()});
  }
  const auto compiled = compile(f, AbiSpec::of(*f), target, fresh());
  ASSERT_TRUE(compiled) << compiled.error().str() << to_string(f);
  EXPECT_RUNS(compiled.value().run(raw));
  std::vector<int64_t> got;
  for (int64_t i = 0; i < tensors[3].size(); ++i) got.push_back(tensors[3].get_int(i));
  EXPECT_RUNS(interpret(f, views));
  for (int64_t i = 0; i < tensors[3].size(); ++i)
    EXPECT_EQ(got[static_cast<size_t>(i)], tensors[3].get_int(i)) << i << " on " << target.cpu << "\n"
                                                                  << to_string(f);
}

class Dot : public ::testing::TestWithParam<const char*> {};

TEST_P(Dot, IsExactForEveryTypeAndShape) {
  const Target target = Target::parse(GetParam()).value();
  if (target.runs_on(Target::host())) GTEST_SKIP() << "not on this machine";
  std::mt19937_64 random(7);
  for (const char* a : {"i8", "u8", "i16"})
    for (const char* b : {"i8", "u8", "i16"})
      for (const int n : {1, 3, 4, 8, 16, 32, 48})
        for (const int group : {1, 2, 3, 4, 8})
          check(dot_func(a, b, n, group, random() % 2 != 0), target, random);
}
INSTANTIATE_TEST_SUITE_P(Targets, Dot,
                         ::testing::Values("cpu", "cpu -mcpu=x86-64-v4", "cpu -mcpu=x86-64-v3",
                                           "cpu -mcpu=x86-64-v2", "cpu -mcpu=alderlake"),
                         [](const auto& info) { return "T" + std::to_string(info.index); });

}  // namespace
}  // namespace tc::codegen::testing
