// Random layers, machines and plans: what the simulators compute is what te evaluation does.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <numeric>
#include <set>

#include "run_legal.h"
#include "tc/isa/random.h"
#include "tc/te/ops_quantized.h"
#include "tc/te/workload.h"

namespace tc::accel {
namespace {

int64_t rounds(int64_t preset) {
  const char* text = std::getenv("TC_ACCEL_ROUNDS");
  return text ? std::atoll(text) : preset;
}

struct Draw {
  Rng rng;
  int64_t operator()(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(rng.below(static_cast<uint64_t>(high - low + 1)));
  }
  std::string_view word(std::initializer_list<std::string_view> words) {
    return words.begin()[(*this)(0, static_cast<int64_t>(words.size()) - 1)];
  }
};

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

DevicePlan random_plan(Draw& draw, const DeviceOp& op, const isa::MachineConfig& config) {
  const auto extents = tiled_extents(op);
  DevicePlan p;
  for (int tries = 0; tries < 20; ++tries) {
    p = {};
    for (const int64_t e : extents) p.tile.push_back(draw(1, draw(0, 3) ? std::min<int64_t>(e, 4) : e));
    p.order.resize(extents.size());
    std::iota(p.order.begin(), p.order.end(), 0);
    for (size_t i = extents.size(); i-- > 1;)
      std::swap(p.order[i], p.order[static_cast<size_t>(draw(0, static_cast<int64_t>(i)))]);
    p.thread_axis = static_cast<int>(draw(-1, static_cast<int64_t>(extents.size()) - 1));
    p.threads = draw(2, 3);
    p.depth = draw(1, 4);
    p.windows_inside = draw(0, 3) != 0;
    p.image = static_cast<Keep>(draw(0, 2)), p.weight = static_cast<Keep>(draw(0, 2));
    if (footprint(op, p).fits(config)) break;
  }
  return p;
}

// The outputs of a run against those of te evaluation, byte by byte.
void expect_run(const std::vector<Tensor>& args, const std::vector<HostTensor>& want, const Compiled& c,
                const sim::RunOptions& options, uint64_t seed) {
  const std::vector<HostTensor> got = make_args(args, seed, Fill::uniform);
  const Check error = run_all(c, views_of(got), options);
  ASSERT_FALSE(error) << error->str();
  for (size_t i = 0; i < args.size(); ++i)
    ASSERT_EQ(std::memcmp(want[i].data(), got[i].data(), want[i].bytes()), 0) << args[i].name();
}

// Compiles with default or random plans and runs in every order; what was refused is counted by code.
struct Tally {
  int64_t compiled = 0, rounds = 0;
  std::map<std::string, int64_t> refused;
  void report() const {
    for (const auto& [code, count] : refused) testing::Test::RecordProperty(code, static_cast<int>(count));
    testing::Test::RecordProperty("compiled", static_cast<int>(compiled));
    EXPECT_GE(compiled * 10, rounds * 8) << "too many were refused";
  }
};
void try_computation(const std::vector<Tensor>& args, const isa::MachineConfig& config, Draw& draw,
                     uint64_t seed, uint64_t orders, Tally& tally) {
  ++tally.rounds;
  const Legalized l = legalize(args, config).value();
  std::vector<DevicePlan> plans;
  const bool preset = draw(0, 2) == 0;
  for (const DeviceOp& op : l.ops) {
    const auto p = default_plan(op, config);
    ASSERT_TRUE(p) << op.plain.name() << " was taken, and fits in no tiles";
    plans.push_back(preset ? *p : random_plan(draw, op, config));
  }
  const Schedule s = make_schedule(l, plans).value();
  const auto c = compile_all(s, l.args, config);
  if (!c) {  // refused, with the number that does not fit: never wrong
    ++tally.refused[std::string(c.error().code())];
    EXPECT_TRUE(c.error().code() == "codegen.accel.capacity") << c.error().str() << s.text();
    return;
  }
  ++tally.compiled;
  // what decides, before anything is lowered, whether a program is too long
  ASSERT_EQ(c.value().programs.size(), l.ops.size());
  for (size_t i = 0; i < l.ops.size(); ++i)
    EXPECT_LE(static_cast<int64_t>(c.value().programs[i].insns.size()),
              4 * instructions(l.ops[i], plans[i], config) + 64)
        << s.text();
  const std::vector<HostTensor> want = make_args(args, seed, Fill::uniform);
  const Check error = evaluate(args, views_of(want));
  ASSERT_FALSE(error) << error->str();
  expect_run(args, want, c.value(), {.order = sim::Order::program}, seed);
  expect_run(args, want, c.value(), {.order = sim::Order::timed}, seed);
  for (uint64_t k = 0; k < orders; ++k)
    expect_run(args, want, c.value(), {.order = sim::Order::random, .seed = seed * 100 + k}, seed);
  if (testing::Test::HasFailure()) ADD_FAILURE() << s.text();
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
