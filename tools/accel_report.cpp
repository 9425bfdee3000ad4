#include "accel_report.h"

#include <fmt/format.h>

namespace tc::cli {
namespace {

Json units_of(const sim::Counters& c) {
  Json out = Json::object();
  for (const isa::Unit unit : {isa::Unit::load, isa::Unit::compute, isa::Unit::store}) {
    const sim::UnitCycles& u = c.unit[static_cast<size_t>(unit)];
    out[std::string(to_string(unit))] = {{"busy", u.busy},           {"wait_insn", u.wait_insn},
                                         {"wait_prev", u.wait_prev}, {"wait_next", u.wait_next},
                                         {"wait_push", u.wait_push}, {"idle", u.idle}};
  }
  return out;
}

}  // namespace

Json counters_json(const sim::Counters& c) {
  Json insns = Json::object();
  for (size_t i = 0; i < c.insns.size(); ++i)
    insns[std::string(to_string(static_cast<isa::Opcode>(i)))] = c.insns[i];
  const auto part = [&](int64_t n) {
    return c.cycles == 0 ? 0.0 : static_cast<double>(n) / static_cast<double>(c.cycles);
  };
  return {{"cycles", c.cycles},
          {"occupancy", part(c.occupied())},
          {"gemm_utilisation", part(c.gemm_uops)},
          {"units", units_of(c)},
          {"fetch_blocked", c.fetch_blocked},
          {"memory_busy", c.memory_busy},
          {"gemm_cycles", c.gemm_cycles},
          {"alu_cycles", c.alu_cycles},
          {"compute_dma_cycles", c.compute_dma_cycles},
          {"insns", std::move(insns)},
          {"micro_ops", {{"gemm", c.gemm_uops}, {"reset", c.reset_uops}, {"alu", c.alu_uops}}},
          {"bytes",
           {{"insn", c.insn_bytes},
            {"uop", c.uop_bytes},
            {"wgt", c.wgt_bytes},
            {"inp", c.inp_bytes},
            {"acc", c.acc_bytes},
            {"out", c.out_bytes},
            {"data", c.data_bytes()}}}};
}

Json profile_json(const Profile& profile) {
  Json segments = Json::array();
  for (const SegmentProfile& s : profile.segments) {
    Json one = {{"name", s.name}, {"device", s.device}};
    if (s.device)
      one["counters"] = counters_json(s.result.counters);
    else
      one["host_ms"] = s.host_ms;
    segments.push_back(std::move(one));
  }
  Json out = {{"machine", profile.machine}};
  out.update(counters_json(profile.total()));
  out["segments"] = std::move(segments);
  return out;
}

Profile timed_run(const BoundKernel& kernel) {
  return kernel.function().profile(kernel.args(), Function::timed()).value();
}

std::string check_orders(const BoundKernel& kernel, int count, uint64_t seed) {
  for (int i = 0; i < count; ++i) {
    sim::RunOptions options = Function::timed();
    options.order = sim::Order::random;
    options.timeline = false;
    options.seed = seed + static_cast<uint64_t>(i);
    const Comparison c =
        kernel.check([&] { (void)kernel.function().profile(kernel.args(), options).value(); });
    if (!c.passed()) return fmt::format("random order {}: {}", options.seed, c.difference);
  }
  return "";
}

}  // namespace tc::cli
