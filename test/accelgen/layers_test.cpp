// Random layers, machines and plans: what the simulators compute is what te evaluation does.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "tc/isa/random.h"
#include "tc/te/ops_quantized.h"
#include "tc/te/workload.h"
#include "try_legal.h"

namespace tc::accel {
namespace {

std::string random_layer(Draw& draw) {
  const int64_t r = draw(1, 3), s = draw(1, 3);
  const std::string image =
      fmt::format("n={} c={} h={} w={}", draw(1, 3), draw(1, 40), draw(r, 9), draw(s, 9));
  const std::string window =
      fmt::format("r={} s={} stride={} layout={}", r, s, draw(1, 3), draw.word({"nhwc", "nchw"}));
  const std::string after = fmt::format("shift={} round={} act={} low={} high={} mul={}", draw(0, 12),
                                        draw(0, 1), draw.word({"none", "relu"}), draw(-128, 5), draw(20, 127),
                                        draw(0, 3) ? 1 : draw(2, 40) * (draw(0, 1) ? 1 : -1));
  switch (draw(0, 6)) {
    case 0:
    case 1:
      return fmt::format("qconv2d {} k={} {} pad={} bias={} {}", image, draw(1, 40), window, draw(0, 2),
                         draw(0, 1), after);
    case 2:
      return fmt::format("qdepthwise_conv2d {} {} pad={} bias={} {}", image, window, draw(0, 2), draw(0, 1),
                         after);
    case 3:
      return fmt::format("qavg_pool2d {} {} {}", image, window, after);
    case 4:
      return fmt::format("qmatmul m={} n={} k={} tb={} bias={} {}", draw(1, 70), draw(1, 70), draw(1, 70),
                         draw(0, 1), draw(0, 1), after);
    case 5:
      return draw(0, 1) ? fmt::format("matmul m={} n={} k={} dtype=i8", draw(1, 40), draw(1, 40), draw(1, 40))
                        : fmt::format("{} shape={}x{} dtype={}",
                                      draw.word({"add", "sub", "mul", "maximum", "minimum"}), draw(1, 30),
                                      draw(1, 50), draw.word({"i8", "i32", "i32", "i16", "u8"}));
    default:
      return draw(0, 1) ? fmt::format("max_pool2d {} {} dtype=i8", image, window)
                        : fmt::format("qadd shape={}x{} {}", draw(1, 40), draw(1, 60), after);
  }
}

TEST(Layers, ComputeWhatTeEvaluationDoes) {
  Tally tally;
  for (int64_t round = 0; round < rounds(120) && !HasFailure(); ++round) {
    Draw draw{Rng(static_cast<uint64_t>(round) + 77)};
    const isa::MachineConfig config = draw(0, 2) ? isa::random_config(draw.rng) : isa::MachineConfig{};
    const std::string text = random_layer(draw);
    SCOPED_TRACE(fmt::format("round {}: {} on {}", round, text, isa::to_json(config)));
    try_computation(parse_workload(text).value().build().args, config, draw, static_cast<uint64_t>(round), 20,
                    tally);
  }
  tally.report();
}

// Two to six layers, each on any earlier tensor, some on several; outputs are those nobody reads.
struct Network {
  Draw& draw;
  std::vector<Tensor> args, values;
  std::set<const ir::Buffer*> read;
  int weights = 0;

  Tensor constant(std::vector<int64_t> shape, DType type) {
    args.push_back(placeholder(std::move(shape), type, fmt::format("w{}", weights++)));
    return args.back();
  }
  Tensor pick() {
    const Tensor t =
        values[static_cast<size_t>(draw(0, 2) ? static_cast<int64_t>(values.size()) - 1
                                              : draw(0, static_cast<int64_t>(values.size()) - 1))];
    read.insert(t.buffer().get());
    return t;
  }
  op::Requantize requantize() {
    return {.shift = draw(0, 9), .round = draw(0, 1) != 0, .relu = draw(0, 1) != 0, .low = draw(-128, 0)};
  }
  void add(const std::string& name) {
    const Tensor x = pick();
    const int64_t c = x.extent(3);
    op::Conv2dOptions o;
    o.name = name, o.stride = draw(1, 2), o.padding = draw(0, 1);
    op::PoolOptions p;
    p.name = name, p.kernel = draw(1, std::min<int64_t>({3, x.extent(1), x.extent(2)})),
    p.stride = draw(1, 2);
    switch (draw(0, 5)) {
      case 0:
      case 1: {
        const int64_t k = draw(1, 24), r = draw(1, std::min<int64_t>(3, x.extent(1))),
                      s = draw(1, std::min<int64_t>(3, x.extent(2)));
        const Tensor bias = draw(0, 1) ? constant({k}, kI32) : Tensor();
        values.push_back(op::qconv2d(x, constant({r, s, c, k}, kI8), bias, o, requantize()));
        return;
      }
      case 2:
        values.push_back(op::qdepthwise_conv2d(x, constant({1, 1, c, 1}, kI8), {}, o, requantize()));
        return;
      case 3:
        values.push_back(draw(0, 1) ? op::max_pool2d(x, p) : op::qavg_pool2d(x, p, requantize()));
        return;
      case 4: {
        Tensor y = pick();
        if (y.extents() != x.extents()) y = x;
        values.push_back(op::qadd(x, y, requantize(), name));
        return;
      }
      default:  // on the host
        values.push_back(op::transpose(x, {0, 2, 1, 3}, name));
    }
  }
  std::vector<Tensor> make() {
    args = {placeholder({draw(1, 2), draw(3, 8), draw(3, 8), draw(1, 20)}, kI8, "X")};
    values = {args[0]};
    const int64_t layers = draw(2, 6);
    for (int64_t i = 0; i < layers; ++i) add(fmt::format("L{}", i));
    for (size_t i = 1; i < values.size(); ++i)
      if (!read.contains(values[i].buffer().get())) args.push_back(values[i]);
    return args;
  }
};

TEST(Layers, NetworksComputeWhatTeEvaluationDoes) {
  Tally tally;
  for (int64_t round = 0; round < rounds(40) && !HasFailure(); ++round) {
    Draw draw{Rng(static_cast<uint64_t>(round) + 1234567)};
    const isa::MachineConfig config = draw(0, 1) ? isa::random_config(draw.rng) : isa::MachineConfig{};
    Network network{draw, {}, {}, {}};
    std::vector<Tensor> args = network.make();
    const Graph graph = Graph::of([&] {
      std::vector<Tensor> outputs;
      for (const Tensor& t : args)
        if (!t.op().is_placeholder()) outputs.push_back(t);
      return outputs;
    }());
    std::erase_if(args, [&](const Tensor& t) {  // of layers that nothing needs
      return t.op().is_placeholder() &&
             std::find(graph.inputs.begin(), graph.inputs.end(), t) == graph.inputs.end();
    });
    SCOPED_TRACE(fmt::format("round {} on {}", round, isa::to_json(config)));
    try_computation(args, config, draw, static_cast<uint64_t>(round), 3, tally);
  }
  tally.report();
}

}  // namespace
}  // namespace tc::accel
