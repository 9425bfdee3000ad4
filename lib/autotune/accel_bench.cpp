// Trials on the simulator: what a program computes and how many cycles it takes.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>

#include "tc/autotune/accel.h"
#include "tc/codegen/accel.h"
#include "tc/schedule/lower.h"
#include "tc/te/evaluate.h"

namespace tc::autotune {
namespace {

constexpr size_t kElements = 128;  // of each result, compared with te evaluation

using Bytes = std::vector<uint8_t>;

Bytes bytes_of(const HostTensor& t) {
  const auto* p = static_cast<const uint8_t*>(t.data());
  return {p, p + t.bytes()};
}

// As the partition names regions.
std::string region_name(const std::string& name) {
  std::string out = name.substr(0, 48);
  for (char& c : out)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '.') c = '_';
  return out;
}

// Elements drawn from one result, and what they must be.
struct Expectation {
  Tensor blocked, plain;  // a tensor like op.out, and what is unpacked from it
  std::vector<std::vector<int64_t>> indices;
  std::vector<ir::Value> values;
};

bool same(const ir::Value& a, const ir::Value& b) { return a == b; }

void add(sim::Counters& to, const sim::Counters& c) {
  to.cycles += c.cycles;
  for (int u = 0; u < isa::kUnits; ++u) {
    auto& t = to.unit[static_cast<size_t>(u)];
    const auto& f = c.unit[static_cast<size_t>(u)];
    t.busy += f.busy, t.wait_insn += f.wait_insn, t.wait_prev += f.wait_prev, t.wait_next += f.wait_next;
    t.wait_push += f.wait_push, t.idle += f.idle;
  }
  to.fetch_blocked += c.fetch_blocked, to.memory_busy += c.memory_busy;
  to.gemm_cycles += c.gemm_cycles, to.alu_cycles += c.alu_cycles,
      to.compute_dma_cycles += c.compute_dma_cycles;
  for (size_t i = 0; i < c.insns.size(); ++i) to.insns[i] += c.insns[i];
  to.insn_bytes += c.insn_bytes, to.uop_bytes += c.uop_bytes, to.wgt_bytes += c.wgt_bytes;
  to.inp_bytes += c.inp_bytes, to.acc_bytes += c.acc_bytes, to.out_bytes += c.out_bytes;
  to.gemm_uops += c.gemm_uops, to.reset_uops += c.reset_uops, to.alu_uops += c.alu_uops;
  to.alu_slots += c.alu_slots;
}

}  // namespace

struct AccelBench::State {
  isa::MachineConfig config;
  accel::Legalized legal;
  std::map<std::string, Bytes> packed;  // by region name; what the CPU makes before the device runs
  std::vector<Expectation> expected;    // one per op
  mutable std::mutex mutex;
  mutable std::map<std::string, Bytes> verified;  // results of a trial whose drawn elements were right

  Check prepare(const WorkloadGraph& graph, uint64_t seed);
  Check expect(const accel::DeviceOp& op, const std::vector<Tensor>& args,
               const std::vector<ir::TensorView>& views, uint64_t seed);
  Check run_program(const isa::Program& program, std::map<std::string, Bytes>& memory,
                    sim::Counters& counters) const;
  Check verify(const accel::DeviceOp& op, const Expectation& e, const Bytes& result) const;
};

Check AccelBench::State::prepare(const WorkloadGraph& graph, uint64_t seed) {
  const std::vector<HostTensor> inputs = make_args(graph.args, seed, Fill::uniform);
  const std::vector<ir::TensorView> views = views_of(inputs);
  // the packed operands, by evaluation of the graph that makes them
  std::vector<Tensor> made;
  for (const accel::DeviceOp& op : legal.ops)
    for (const accel::DeviceCopy& c : op.copies) {
      const bool device = std::any_of(legal.ops.begin(), legal.ops.end(),
                                      [&](const accel::DeviceOp& other) { return other.out == c.packed; });
      if (!device && std::find(made.begin(), made.end(), c.packed) == made.end()) made.push_back(c.packed);
    }
  std::vector<Tensor> args;
  std::vector<ir::TensorView> arg_views;
  for (const Tensor& t : Graph::of(made).inputs) {
    const auto at = std::find(graph.args.begin(), graph.args.end(), t);
    args.push_back(t);
    arg_views.push_back(views[static_cast<size_t>(at - graph.args.begin())]);
  }
  std::vector<HostTensor> results;
  for (const Tensor& t : made) {
    args.push_back(t);
    arg_views.push_back(results.emplace_back(t).view());
  }
  if (auto error = evaluate(args, arg_views)) return error;
  for (size_t i = 0; i < made.size(); ++i) packed[region_name(made[i].name())] = bytes_of(results[i]);
  for (const accel::DeviceOp& op : legal.ops)
    if (auto error = expect(op, graph.args, views, seed)) return error;
  return std::nullopt;
}

Check AccelBench::State::expect(const accel::DeviceOp& op, const std::vector<Tensor>& args,
                                const std::vector<ir::TensorView>& views, uint64_t seed) {
  std::vector<Tensor> own;
  std::vector<ir::TensorView> own_views;
  for (const Tensor& t : Graph::of({op.plain}).inputs) {
    const auto at = std::find(args.begin(), args.end(), t);
    own.push_back(t);
    own_views.push_back(views[static_cast<size_t>(at - args.begin())]);
  }
  const HostTensor result(op.plain);
  own.push_back(op.plain);
  own_views.push_back(result.view());
  Expectation e;
  e.indices = random_indices(op.plain, kElements, seed);
  auto values = evaluate_at(own, op.plain, e.indices, own_views);
  if (!values) return values.error();
  e.values = std::move(values).value();
  e.blocked = placeholder(op.out.extents(), op.out.dtype(), "blocked");
  e.plain = accel::unpacked(op, e.blocked, config);
  expected.push_back(std::move(e));
  return std::nullopt;
}

Check AccelBench::State::run_program(const isa::Program& program, std::map<std::string, Bytes>& memory,
                                     sim::Counters& counters) const {
  auto dram = sim::Dram::of(program);
  if (!dram) return dram.error();
  const auto bytes = dram.value().bytes();
  for (const isa::Region& r : program.regions) {
    if (r.kind == isa::RegionKind::output)
      std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(r.address), r.bytes, uint8_t{0xa5});
    if (r.kind != isa::RegionKind::input) continue;
    const auto at = memory.find(r.name);
    TC_ASSERT(at != memory.end() && at->second.size() == r.bytes,
              "a device program reads what nothing packs");
    std::copy(at->second.begin(), at->second.end(), bytes.begin() + static_cast<std::ptrdiff_t>(r.address));
  }
  sim::RunOptions options;
  options.order = sim::Order::timed;
  auto run = sim::run(program, dram.value(), options);
  if (!run) return run.error();
  add(counters, run.value().counters);
  for (const isa::Region& r : program.regions)
    if (r.kind == isa::RegionKind::output) {
      const auto* first = bytes.data() + r.address;
      memory[r.name] = Bytes(first, first + r.bytes);
    }
  return std::nullopt;
}

Check AccelBench::State::verify(const accel::DeviceOp& op, const Expectation& e, const Bytes& result) const {
  const HostTensor blocked(e.blocked), plain(e.plain);
  TC_ASSERT(blocked.bytes() == result.size(), "a result of another size");
  std::memcpy(blocked.data(), result.data(), result.size());
  const ir::TensorView views[] = {blocked.view(), plain.view()};
  auto got = evaluate_at({e.blocked, e.plain}, e.plain, e.indices, views);
  if (!got) return got.error();
  const auto wrong = [&](std::string what) {
    return Error("autotune.accel.wrong", fmt::format("a result differs: {}", what))
        .fact("stage", op.plain.name())
        .fix("this is a fault of tc: please report the workload and the decisions");
  };
  for (size_t i = 0; i < e.values.size(); ++i)
    if (!same(got.value()[i], e.values[i]))
      return wrong(
          fmt::format("element [{}] is not what te evaluation gives", fmt::join(e.indices[i], ", ")));
  const std::scoped_lock lock(mutex);
  const auto [first, fresh] = verified.emplace(op.out.name(), result);
  if (!fresh && first->second != result) return wrong("another schedule gave another tensor");
  return std::nullopt;
}

AccelBench::AccelBench(std::unique_ptr<State> state) : state_(std::move(state)) {}
AccelBench::~AccelBench() = default;
const accel::Legalized& AccelBench::legalized() const { return state_->legal; }

Expected<std::shared_ptr<const AccelBench>> AccelBench::make(const WorkloadGraph& graph,
                                                             const isa::MachineConfig& config,
                                                             uint64_t seed) {
  auto state = std::make_unique<State>();
  auto legal = accel::legalize(graph.args, config);
  if (!legal) return legal.error();
  state->config = config;
  state->legal = std::move(legal).value();
  if (state->legal.ops.empty())
    return Error("codegen.accel.nothing", "the accelerator computes no part of this")
        .fact("why", state->legal.left.empty() ? "there is no integer arithmetic" : state->legal.left[0])
        .fix("tune it for the target cpu");
  try {
    if (auto error = state->prepare(graph, seed)) return *error;
  } catch (const Error& e) {
    return e;
  }
  return std::shared_ptr<const AccelBench>(new AccelBench(std::move(state)));
}

Expected<AccelTrial> AccelBench::run(const std::vector<accel::DevicePlan>& plans) const {
  const State& s = *state_;
  AccelTrial out;
  auto schedule = accel::make_schedule(s.legal, plans);
  if (!schedule) return schedule.error();
  out.steps = schedule.value().text();
  auto lowered = lower(schedule.value(), s.legal.args);
  if (!lowered) return lowered.error();
  auto parts = accel::partition(lowered.value().func);
  if (!parts) return parts.error();
  std::map<std::string, Bytes> memory = s.packed;
  for (const accel::Segment& segment : parts.value().segments) {
    if (!segment.device) continue;
    auto code = accel::compile_device(segment.func, s.config);
    if (!code) return code.error();
    if (auto error = s.run_program(code.value().program, memory, out.counters)) return *error;
  }
  for (size_t i = 0; i < s.legal.ops.size(); ++i) {
    const auto result = memory.find(region_name(s.legal.ops[i].out.name()));
    TC_ASSERT(result != memory.end(), "a device result that no program stores");
    if (auto error = s.verify(s.legal.ops[i], s.expected[i], result->second)) return *error;
    out.elements += static_cast<int64_t>(s.expected[i].values.size());
  }
  return out;
}

}  // namespace tc::autotune
