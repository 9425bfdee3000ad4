// Matrix products in the form a lowering emits: the machine code of their inner
// loops, and their results.
#include <regex>
#include <sstream>
#include <thread>

#include "gemm_ir.h"
#include "run.h"

namespace tc::codegen {
namespace {

using namespace testing;

// The instructions between a label that a later branch goes back to and that branch.
std::vector<std::string> inner_loop(const std::string& assembly, const std::string& function) {
  std::istringstream in(assembly.substr(assembly.find("\n" + function + ":")));
  std::vector<std::string> body;
  std::string label;
  for (std::string line; std::getline(in, line);) {
    if (line.find(".Lfunc_end") != std::string::npos) break;
    if (line.rfind(".L", 0) == 0) {
      label = line.substr(0, line.find(':'));
      body.clear();
      continue;
    }
    body.push_back(line);
    if (!label.empty() && std::regex_search(line, std::regex("\\tj[a-z]+\\t\\" + label + "$"))) return body;
  }
  return {};
}
int count(const std::vector<std::string>& lines, const char* pattern) {
  return static_cast<int>(std::count_if(lines.begin(), lines.end(), [&](const std::string& l) {
    return std::regex_search(l, std::regex(pattern));
  }));
}

void expect_clean(const gemm::Tile& t, const char* cpu) {
  const auto f = gemm::micro_kernel(t, 256, 300, 300);
  const std::string text = listing(f, AbiSpec::of(*f), Target::parse(cpu).value(), Listing::assembly).value();
  const auto loop = inner_loop(text, "micro_kernel");
  ASSERT_FALSE(loop.empty()) << text;
  EXPECT_EQ(count(loop, "vfmadd"), t.rows * t.vectors) << text;
  EXPECT_EQ(count(loop, "%rsp|%rbp"), 0) << text;  // nothing goes through the stack
  EXPECT_LE(static_cast<int>(loop.size()), t.rows * t.vectors + t.rows + t.vectors + 5)
      << text;  // loads, and the loop itself
}
TEST(MicroKernel, KeepsAccumulatorsInRegisters) {
  expect_clean({6, 2, 8}, "cpu -mcpu=znver3");
  expect_clean({14, 2, 16}, "cpu -mcpu=znver4");
  expect_clean({6, 2, 8}, "cpu -mcpu=haswell");
  expect_clean({14, 2, 16}, "cpu -mcpu=skylake-avx512");
}

void expect_product(const gemm::Tile& t, const gemm::Problem& p) {
  std::vector<float> a(static_cast<size_t>(p.m * p.k)), b(static_cast<size_t>(p.k * p.n)),
      c(static_cast<size_t>(p.m * p.n));
  uint32_t seed = 7;
  const auto next = [&] {
    return static_cast<float>(static_cast<int>((seed = seed * 1664525u + 1013904223u) >> 28) - 8);
  };
  for (float& x : a) x = next();
  for (float& x : b) x = next();
  const Kernel k = compile_or_fail(gemm::gemm(t, p));
  std::vector<float> packed = gemm::pack(b, t, p);
  void* data[] = {a.data(), packed.data(), c.data()};
  ASSERT_EQ(k.raw()(data), 0);
  for (int64_t i = 0; i < p.m; ++i)
    for (int64_t j = 0; j < p.n; ++j) {
      float want = 0;
      for (int64_t x = 0; x < p.k; ++x)
        want += a[static_cast<size_t>(i * p.k + x)] * b[static_cast<size_t>(x * p.n + j)];
      ASSERT_EQ(c[static_cast<size_t>(i * p.n + j)], want) << i << " " << j;
    }
}
TEST(Gemm, BlockedWithRemainders) {
  expect_product({6, 2, 8}, {67, 64, 48, 24, 16, LoopMode::serial});
  expect_product({14, 2, 16}, {67, 64, 48, 28, 16, LoopMode::serial});
}
TEST(Gemm, ParallelOverPanels) { expect_product({6, 2, 8}, {67, 128, 48, 24, 16, LoopMode::parallel}); }

TEST(Compile, FromSeveralThreadsAtOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 5; ++i) {
        const auto f = parse_func("func f(A: i64[1]) { A[0] = " + std::to_string(10 * t + i) + " }").value();
        Tensor a(kI64, {1});
        const Kernel k = compile_or_fail(f);
        if (!k.run(std::vector<const DLTensor*>{a.dl()}) && a.get_int(0) == 10 * t + i) ++good;
      }
    });
  for (auto& t : threads) t.join();
  EXPECT_EQ(good, 20);
}

}  // namespace
}  // namespace tc::codegen
