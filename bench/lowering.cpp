// How many schedules a second one core lowers: random legal schedules of a block of
// ResNet (3x3 convolution, bias, relu, residual add), as the property tests draw them.
//   lowering [SCHEDULES]
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "../test/property/random_schedule.h"
#include "tc/codegen/build.h"
#include "tc/runtime/timer.h"
#include "tc/te/ops.h"

namespace {

using namespace tc;

double seconds_since(int64_t start) { return static_cast<double>(runtime::now_ns() - start) * 1e-9; }

void report(const char* what, std::vector<double> each) {
  double total = 0;
  for (const double t : each) total += t;
  std::sort(each.begin(), each.end());
  std::printf("%-28s %8.0f a second; median %.3f ms, slowest %.1f ms\n", what,
              static_cast<double>(each.size()) / total, each[each.size() / 2] * 1e3, each.back() * 1e3);
}

}  // namespace

int main(int argc, char** argv) try {
  const int schedules = argc > 1 ? std::atoi(argv[1]) : 1000;
  const Tensor x = placeholder({1, 56, 56, 64}, kF32, "X"), w = placeholder({3, 3, 64, 64}, kF32, "W");
  const Tensor bias = placeholder({64}, kF32, "bias"), residual = placeholder({1, 56, 56, 64}, kF32, "R");
  op::Conv2dOptions options;
  options.padding = 1;
  const Tensor conv = op::conv2d(x, w, {}, options);
  const Tensor sum = compute(conv.extents(), [&](const Axes& i) { return conv.at(i) + bias.at({i[3]}); }, "B",
                             {"n", "h", "w", "c"});
  const Tensor relu =
      compute(conv.extents(), [&](const Axes& i) { return max(sum.at(i), ir::float_imm(0, kF32)); }, "relu",
              {"n", "h", "w", "c"});
  const Tensor out = compute(conv.extents(), [&](const Axes& i) { return relu.at(i) + residual.at(i); }, "Y",
                             {"n", "h", "w", "c"});
  const std::vector<Tensor> args = {x, w, bias, residual, out};
  std::vector<double> lowering, pipeline;
  size_t steps = 0;
  for (int seed = 0; seed < schedules; ++seed) {
    Schedule s({out});
    test::ScheduleDice(s, static_cast<uint64_t>(seed)).roll(8 + seed % 29);
    steps += s.steps().size();
    const int64_t start = runtime::now_ns();
    const auto lowered = lower(s, args);
    lowering.push_back(seconds_since(start));
    if (!lowered) throw lowered.error();
    const int64_t again = runtime::now_ns();
    const auto form = to_target_form(s, args);
    pipeline.push_back(seconds_since(again));
    if (!form) throw form.error();
  }
  std::printf("%d schedules of %.1f steps\n", schedules, static_cast<double>(steps) / schedules);
  report("lowered", lowering);
  report("lowered and all passes", pipeline);
  return 0;
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
