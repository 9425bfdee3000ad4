// Running a legalised, scheduled computation as it would run: host parts in the interpreter,
// device programs in a simulator, and what passes between them in memory.
#pragma once
#include <gtest/gtest.h>

#include <cstring>
#include <unordered_map>

#include "tc/codegen/accel.h"
#include "tc/codegen/accel_schedule.h"
#include "tc/schedule/lower.h"
#include "tc/sim/run.h"
#include "tc/te/evaluate.h"

namespace tc::accel {

/// A computation cut and compiled; `programs` has one for each device segment, in order.
struct Compiled {
  Partition partition;
  std::vector<isa::Program> programs;
};
inline Expected<Compiled> compile_all(const Schedule& s, const std::vector<Tensor>& args,
                                      const isa::MachineConfig& config) {
  auto lowered = lower(s, args);
  if (!lowered) return lowered.error();
  auto parts = partition(lowered.value().func);
  if (!parts) return parts.error();
  Compiled out{std::move(parts).value(), {}};
  for (const Segment& segment : out.partition.segments) {
    if (!segment.device) continue;
    auto code = compile_device(segment.func, config);
    if (!code) return code.error();
    out.programs.push_back(std::move(code.value().program));
  }
  return out;
}

/// Runs it on tensors of the function's parameters.
inline Check run_all(const Compiled& c, std::span<const ir::TensorView> views,
                     const sim::RunOptions& options) {
  std::unordered_map<const ir::Buffer*, ir::TensorView> at;
  for (size_t i = 0; i < views.size(); ++i) at.emplace(c.partition.params[i].get(), views[i]);
  std::vector<HostTensor> own;
  own.reserve(c.partition.intermediates.size());
  for (const ir::BufferRef& b : c.partition.intermediates) {
    std::vector<int64_t> shape;
    for (const Expr& e : b->shape) shape.push_back(ir::as_int(e).value());
    at.emplace(b.get(), own.emplace_back(b->type, shape).view());
  }
  size_t next = 0;
  for (const Segment& segment : c.partition.segments) {
    std::vector<ir::TensorView> mine;
    for (const ir::BufferRef& p : segment.func->params) mine.push_back(at.at(p.get()));
    if (!segment.device) {
      if (auto error = ir::interpret(segment.func, mine)) return error;
      continue;
    }
    const isa::Program& program = c.programs[next++];
    auto dram = sim::Dram::of(program);
    if (!dram) return dram.error();
    for (size_t i = 0; i < mine.size(); ++i) {
      const isa::Region* r = program.region(segment.func->params[i]->name);
      TC_ASSERT(r, "a parameter without a region");
      std::memcpy(dram.value().bytes().data() + r->address, mine[i].data, r->bytes);
    }
    auto ran = sim::run(program, dram.value(), options);
    if (!ran) return ran.error();
    for (size_t i = 0; i < mine.size(); ++i) {
      const isa::Region* r = program.region(segment.func->params[i]->name);
      std::memcpy(mine[i].data, dram.value().bytes().data() + r->address, r->bytes);
    }
  }
  return std::nullopt;
}

}  // namespace tc::accel
