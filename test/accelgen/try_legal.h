// A random plan of a legalised computation, compiled and run in every order.
#pragma once
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <numeric>

#include "run_legal.h"
#include "tc/support/rng.h"

namespace tc::accel {

/// How many rounds: TC_ACCEL_ROUNDS, or `preset`.
inline int64_t rounds(int64_t preset) {
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

inline DevicePlan random_plan(Draw& draw, const DeviceOp& op, const isa::MachineConfig& config) {
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
inline void expect_run(const std::vector<Tensor>& args, const std::vector<HostTensor>& want,
                       const Compiled& c, const sim::RunOptions& options, uint64_t seed) {
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
inline void try_computation(const std::vector<Tensor>& args, const isa::MachineConfig& config, Draw& draw,
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
  if (!c) {  // refused, with the number that does not fit: never wrong, and only where it was foreseen
    ++tally.refused[std::string(c.error().code())];
    EXPECT_EQ(c.error().code(), "codegen.accel.capacity") << c.error().str() << s.text();
    bool fit = true;
    for (size_t i = 0; i < l.ops.size(); ++i) fit = fit && footprint(l.ops[i], plans[i]).fits(config);
    EXPECT_FALSE(fit) << c.error().str() << s.text();
    return;
  }
  ++tally.compiled;
  // what decides, before anything is lowered, whether a program is too long
  int64_t made = 0, estimated = 0;
  for (const isa::Program& p : c.value().programs) made += static_cast<int64_t>(p.insns.size());
  for (size_t i = 0; i < l.ops.size(); ++i) estimated += 8 * instructions(l.ops[i], plans[i], config) + 64;
  EXPECT_LE(made, estimated) << s.text();
  const std::vector<HostTensor> want = make_args(args, seed, Fill::uniform);
  const Check error = evaluate(args, views_of(want));
  ASSERT_FALSE(error) << error->str();
  expect_run(args, want, c.value(), {.order = sim::Order::program}, seed);
  expect_run(args, want, c.value(), {.order = sim::Order::timed}, seed);
  for (uint64_t k = 0; k < orders; ++k)
    expect_run(args, want, c.value(), {.order = sim::Order::random, .seed = seed * 100 + k}, seed);
  if (testing::Test::HasFailure()) ADD_FAILURE() << s.text();
}

}  // namespace tc::accel
