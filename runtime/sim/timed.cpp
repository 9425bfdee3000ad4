#include "timed.h"

#include <fmt/format.h>

#include <algorithm>

#include "tc/isa/assembler.h"

namespace tc::sim {

using isa::Unit;

namespace {
constexpr Unit kAll[] = {Unit::load, Unit::compute, Unit::store};
constexpr int64_t kNever = MemoryPort::kNever;
size_t index(Unit unit) { return static_cast<size_t>(unit); }

// Cycles of an instruction without DMA; kNever where they are too many to count.
int64_t cycles_of(const isa::Insn& insn, const isa::MachineConfig& c) {
  const int64_t n = micro_ops(insn);
  if (n == 0) return 1;  // finish, tokens only, loops without iterations
  if (insn.opcode() == isa::Opcode::gemm) return c.gemm_latency + n;
  int64_t cycles = 0;
  if (__builtin_mul_overflow(n, c.alu_cycles(), &cycles) ||
      __builtin_add_overflow(cycles, c.alu_latency, &cycles))
    return kNever;
  return cycles;
}
}  // namespace

Timed::Timed(const isa::Program& program, Sequencer& sequencer, const RunOptions& options)
    : program_(program),
      config_(program.config),
      sequencer_(sequencer),
      options_(options),
      port_(program.config) {}

// Fetch asks for a burst of instructions whenever it has room for one, so its
// requests overlap; it sends one instruction a cycle, in order.
bool Timed::step_fetch() {
  const auto total = static_cast<int64_t>(program_.insns.size());
  bool progress = false;
  while (requested_ < total) {
    const int64_t burst = std::min({std::max<int64_t>(1, config_.dram_burst_bytes / isa::kInsnBytes),
                                    total - requested_, config_.fetch_depth});
    if (requested_ - sent_ + burst > config_.fetch_depth) break;
    port_.request(kFetchPort, now_ + config_.dram_latency, 1, burst * isa::kInsnBytes);
    bursts_.push_back(burst);
    requested_ += burst;
    progress = true;
  }
  while (sent_ < arrived_ && now_ >= next_send_ && sequencer_.can_fetch()) {
    sequencer_.fetch();
    ++sent_;
    next_send_ = now_ + 1;
    progress = true;
  }
  return progress;
}

bool Timed::step_port() {
  bool progress = false;
  MemoryPort::Done done{};
  if (port_.end_burst(now_, done)) {
    progress = true;
    if (done.who == kFetchPort) {
      if (arrived_ == sent_) next_send_ = std::max(next_send_, now_ + 1);
      arrived_ += bursts_.front();
      bursts_.pop_front();
    } else if (done.last) {
      UnitState& unit = units_[done.who - 1];
      unit.end = std::max(now_, unit.not_before);
    }
  }
  return port_.begin_burst(now_) || progress;
}

Check Timed::start(Unit unit) {
  UnitState& state = units_[index(unit)];
  const uint32_t number = sequencer_.current(unit);
  const isa::Insn& insn = program_.insns[number];
  if (Check error = sequencer_.start(unit)) return error;
  const auto dma = dma_of(insn, config_);
  if (dma) {
    state.not_before = now_ + std::max<int64_t>(1, static_cast<int64_t>(dma->elements));
    state.end = dma->rows == 0 ? state.not_before : kNever;
    if (dma->rows > 0)
      port_.request(1 + index(unit), now_ + config_.dram_latency, static_cast<int64_t>(dma->rows),
                    static_cast<int64_t>(dma->row_bytes));
  } else {
    const int64_t cycles = cycles_of(insn, config_);
    if (cycles > options_.limits.cycles)
      return Error("sim.limit",
                   fmt::format("one instruction takes more than {} cycles", options_.limits.cycles))
          .fact("at", fmt::format("instruction {}", number))
          .fact("insn", isa::disassemble(insn))
          .fix("raise Limits::cycles");
    state.end = now_ + cycles;
  }
  if (options_.timeline) {
    state.event = result_.timeline.size();
    result_.timeline.push_back({unit, number, state.ready, now_, 0});
  }
  state.ready = -1;
  return std::nullopt;
}

Expected<bool> Timed::step_unit(Unit unit) {
  UnitState& state = units_[index(unit)];
  if (sequencer_.running(unit)) {
    if (state.end > now_ || sequencer_.waits_to_finish(unit) != Sequencer::Wait::nothing) return false;
    sequencer_.finish(unit);
    if (options_.timeline) result_.timeline[state.event].end = now_;
    return true;
  }
  const Sequencer::Wait wait = sequencer_.waits(unit);
  if (wait == Sequencer::Wait::insn) return false;
  if (state.ready < 0) state.ready = now_;
  if (wait != Sequencer::Wait::nothing) return false;
  if (Check error = start(unit)) return *error;
  return true;
}

int64_t Timed::next_event() const {
  int64_t next = port_.next_event();
  if (sent_ < arrived_ && next_send_ > now_) next = std::min(next, next_send_);
  for (const Unit unit : kAll)
    if (sequencer_.running(unit) && units_[index(unit)].end > now_)
      next = std::min(next, units_[index(unit)].end);
  return next;
}

// What everyone does in the cycles until the next event: nothing changes in between.
void Timed::account(int64_t cycles) {
  Counters& c = sequencer_.counters();
  for (const Unit unit : kAll) {
    UnitCycles& u = c.unit[index(unit)];
    if (sequencer_.running(unit)) {
      const bool busy = units_[index(unit)].end > now_;
      (busy ? u.busy : u.wait_push) += cycles;
      if (!busy || unit != Unit::compute) continue;
      const isa::Insn& insn = program_.insns[sequencer_.current(unit)];
      if (insn.opcode() == isa::Opcode::gemm) c.gemm_cycles += cycles;
      if (insn.opcode() == isa::Opcode::alu) c.alu_cycles += cycles;
      if (insn.opcode() == isa::Opcode::load && !is_nop(insn)) c.compute_dma_cycles += cycles;
    } else if (!sequencer_.has_more(unit)) {
      u.idle += cycles;
    } else {
      const Sequencer::Wait wait = sequencer_.waits(unit);
      (wait == Sequencer::Wait::insn   ? u.wait_insn
       : wait == Sequencer::Wait::prev ? u.wait_prev
                                       : u.wait_next) += cycles;
    }
  }
  if (sent_ < arrived_ && now_ >= next_send_) c.fetch_blocked += cycles;
}

Expected<RunResult> Timed::run() {
  while (true) {
    for (bool progress = true; progress;) {
      progress = step_port();
      progress |= step_fetch();
      for (const Unit unit : kAll) {
        const Expected<bool> stepped = step_unit(unit);
        if (!stepped) return stepped.error();
        progress |= stepped.value();
      }
    }
    if (sequencer_.all_done()) break;
    const int64_t next = next_event();
    if (next == kNever) return sequencer_.deadlock();
    if (next > options_.limits.cycles)
      return Error("sim.limit", fmt::format("the program takes more than {} cycles", options_.limits.cycles))
          .fix("raise Limits::cycles");
    account(next - now_);
    now_ = next;
  }
  result_.counters = sequencer_.counters();
  result_.counters.cycles = now_;
  result_.counters.memory_busy = port_.busy_cycles();
  return std::move(result_);
}

}  // namespace tc::sim
