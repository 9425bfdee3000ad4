// Compiles a scheduled computation for a machine, runs it in every order and compares with the
// definition.
#pragma once
#include <gtest/gtest.h>

#include <cstring>

#include "tc/codegen/accel.h"
#include "tc/ir/print.h"
#include "tc/isa/assembler.h"
#include "tc/schedule/lower.h"
#include "tc/sim/run.h"
#include "tc/te/evaluate.h"

namespace tc::accel::test {

/// A machine that is small enough for tests to fill.
inline isa::MachineConfig machine(int64_t batch, int64_t block_in, int64_t block_out) {
  isa::MachineConfig c;
  c.batch = batch, c.block_in = block_in, c.block_out = block_out;
  c.alu_lanes = batch * block_out;
  return c;
}

/// Memory with the arguments in their regions; outputs poisoned, as all that no argument has.
inline sim::Dram memory_of(const isa::Program& program, const std::vector<Tensor>& args,
                           const std::vector<HostTensor>& values) {
  sim::Dram dram = sim::Dram::of(program).value();
  for (size_t i = 0; i < args.size(); ++i) {
    const isa::Region* r = program.region(args[i].name());
    if (r) std::memcpy(dram.bytes().data() + r->address, values[i].data(), values[i].bytes());
  }
  return dram;
}

/// The first thing that is wrong with a device function in one order; "" where all is right.
/// `want` holds the inputs and the right outputs.
inline std::string run_once(const isa::Program& program, const std::vector<Tensor>& args,
                            const std::vector<HostTensor>& want, const sim::RunOptions& options,
                            sim::Counters* counters = nullptr) {
  std::vector<HostTensor> start;
  for (size_t i = 0; i < args.size(); ++i) {
    start.emplace_back(args[i]);
    if (args[i].op().is_placeholder()) std::memcpy(start[i].data(), want[i].data(), want[i].bytes());
  }
  sim::Dram dram = memory_of(program, args, start);
  const auto result = sim::run(program, dram, options);
  if (!result) return result.error().str();
  if (counters) *counters = result.value().counters;
  for (size_t i = 0; i < args.size(); ++i) {
    const isa::Region* r = program.region(args[i].name());
    if (!r) return "no region for " + args[i].name();
    if (std::memcmp(dram.bytes().data() + r->address, want[i].data(), want[i].bytes()) != 0)
      return args[i].name() + " differs";
  }
  return "";
}

struct Ran {
  DeviceCode code;
  sim::Counters counters;
  std::string text;  // the function
};

/// Runs in program order, in time and in `orders` random orders, each checked for order.
inline std::string run_all(const isa::Program& program, const std::vector<Tensor>& args,
                           const std::vector<HostTensor>& want, int orders, sim::Counters* counters) {
  std::string wrong = run_once(program, args, want, {.order = sim::Order::program});
  if (wrong.empty()) wrong = run_once(program, args, want, {.order = sim::Order::timed}, counters);
  for (int seed = 0; seed < orders && wrong.empty(); ++seed)
    wrong = run_once(program, args, want, {.order = sim::Order::random, .seed = static_cast<uint64_t>(seed)});
  return wrong;
}

inline Ran expect_right(const std::vector<Tensor>& args, const Schedule& s, const isa::MachineConfig& config,
                        int orders = 3) {
  Ran ran{};
  const auto low = lower(s, args);
  EXPECT_TRUE(low) << low.error().str();
  if (!low) return ran;
  ran.text = ir::to_string(low.value().func);
  auto code = compile_device(low.value().func, config);
  EXPECT_TRUE(code) << code.error().str() << "\n" << ran.text;
  if (!code) return ran;
  ran.code = std::move(code).value();
  std::vector<HostTensor> want = make_args(args, 3, Fill::uniform);
  const Check error = evaluate(args, views_of(want));
  EXPECT_FALSE(error) << error->str();
  const std::string wrong = run_all(ran.code.program, args, want, orders, &ran.counters);
  EXPECT_EQ(wrong, "") << ran.text << "\n" << isa::disassemble(ran.code.program).substr(0, 6000);
  return ran;
}

}  // namespace tc::accel::test
