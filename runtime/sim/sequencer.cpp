#include "sequencer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tc/isa/assembler.h"

namespace tc::sim {

using isa::Unit;

namespace {

Unit prev_of(Unit unit) { return unit == Unit::store ? Unit::compute : Unit::load; }
Unit next_of(Unit unit) { return unit == Unit::load ? Unit::compute : Unit::store; }

}  // namespace

Sequencer::Sequencer(const isa::Program& program, Machine& machine, Dram& dram, Hazards* hazards,
                     const Limits& limits)
    : program_(program),
      machine_(machine),
      dram_(dram),
      hazards_(hazards),
      work_limit_(limits.work),
      work_left_(limits.work),
      queue_depth_(static_cast<size_t>(program.config.queue_depth)),
      token_depth_(static_cast<size_t>(program.config.token_depth)) {
  unit_.reserve(program.insns.size());
  for (size_t i = 0; i < program.insns.size(); ++i) {
    unit_.push_back(unit_of(program.insns[i]));
    order_[index(unit_[i])].push_back(static_cast<uint32_t>(i));
  }
}

Check Sequencer::check_neighbours() const {
  for (size_t i = 0; i < program_.insns.size(); ++i) {
    const isa::Tokens& t = program_.insns[i].tokens;
    const bool bad_prev = unit_[i] == Unit::load && (t.pop_prev || t.push_prev);
    const bool bad_next = unit_[i] == Unit::store && (t.pop_next || t.push_next);
    if (bad_prev || bad_next)
      return Error("sim.token.neighbour", fmt::format("{} has no {} unit to pass tokens with",
                                                      to_string(unit_[i]), bad_prev ? "previous" : "next"))
          .fact("insn", fmt::format("instruction {}: {}", i, isa::disassemble(program_.insns[i])))
          .fix("pass tokens between load and compute, or compute and store");
  }
  return std::nullopt;
}

// Channels: load -> compute, compute -> load, compute -> store, store -> compute.
const Sequencer::Channel& Sequencer::to(Unit unit, bool next) const {
  return channels_[unit == Unit::load ? 0 : unit == Unit::store ? 3 : next ? 2 : 1];
}
const Sequencer::Channel& Sequencer::from(Unit unit, bool next) const {
  return channels_[unit == Unit::load ? 1 : unit == Unit::store ? 2 : next ? 3 : 0];
}
Sequencer::Channel& Sequencer::to(Unit unit, bool next) {
  return const_cast<Channel&>(std::as_const(*this).to(unit, next));
}
Sequencer::Channel& Sequencer::from(Unit unit, bool next) {
  return const_cast<Channel&>(std::as_const(*this).from(unit, next));
}

Sequencer::Wait Sequencer::waits(Unit unit) const {
  if (queued_[index(unit)] == 0) return Wait::insn;
  const isa::Tokens& t = program_.insns[order_[index(unit)][next_[index(unit)]]].tokens;
  if (t.pop_prev && from(unit, false).tokens.empty()) return Wait::prev;
  if (t.pop_next && from(unit, true).tokens.empty()) return Wait::next;
  return Wait::nothing;
}

Sequencer::Wait Sequencer::waits_to_finish(Unit unit) const {
  const isa::Tokens& t = program_.insns[current(unit)].tokens;
  if (t.push_prev && to(unit, false).tokens.size() >= token_depth_) return Wait::push;
  if (t.push_next && to(unit, true).tokens.size() >= token_depth_) return Wait::push;
  return Wait::nothing;
}

// An instruction's work, against the limit and before any is done.
Check Sequencer::spend(const isa::Insn& insn) {
  const isa::MachineConfig& c = program_.config;
  // At most 2^43 micro-ops times 2^14: no overflow.
  int64_t work = 1 + micro_ops(insn) * ((c.batch * c.block_in * c.block_out + 255) / 256);
  if (const auto dma = dma_of(insn, c))
    work += static_cast<int64_t>(dma->elements) * isa::element_bytes(c, dma->mem_id) / 16;
  if (work > work_left_)
    return Error("sim.limit",
                 fmt::format("the program does more than the run may cost, which is {} units of work",
                             work_limit_))
        .fact("insn", fmt::format("{} micro-ops: {}", micro_ops(insn), isa::disassemble(insn)))
        .fact("done before", std::to_string(work_limit_ - work_left_))
        .fact("it takes", std::to_string(work))
        .fix(fmt::format("raise the limit to {} or more: tensorc sim --max-work, Limits::work in C++",
                         work_limit_ - work_left_ + work));
  work_left_ -= work;
  return std::nullopt;
}

Check Sequencer::start(Unit unit) {
  const size_t u = index(unit);
  const uint32_t number = order_[u][next_[u]];
  const isa::Insn& insn = program_.insns[number];
  const auto pop = [&](Channel& channel) {
    for (size_t i = 0; i < clock_[u].size(); ++i)
      clock_[u][i] = std::max(clock_[u][i], channel.tokens.front()[i]);
    channel.tokens.pop_front();
  };
  if (insn.tokens.pop_prev) pop(from(unit, false));
  if (insn.tokens.pop_next) pop(from(unit, true));
  ++next_[u];
  --queued_[u];
  running_[u] = true;
  Check error = spend(insn);
  if (!error) error = machine_.check(insn, dram_);
  if (error) return std::move(*error).fact("at", fmt::format("instruction {}", number));
  // before the iterations run: there may be very many
  if (hazards_)
    if (Check hazard = hazards_->access(insn, clock_[u], static_cast<uint32_t>(next_[u]), machine_)) {
      if (insn.opcode() != isa::Opcode::finish) return hazard;
      finish_too_early_ = std::move(hazard);
    }
  machine_.perform(insn, dram_);
  count(insn);
  return std::nullopt;
}

void Sequencer::finish(Unit unit) {
  const size_t u = index(unit);
  const isa::Insn& insn = program_.insns[current(unit)];
  running_[u] = false;
  clock_[u][u] = static_cast<uint32_t>(next_[u]);
  const auto push = [&](Channel& channel) {
    channel.tokens.push_back(clock_[u]);
    ++channel.sent;
  };
  if (insn.tokens.push_prev) push(to(unit, false));
  if (insn.tokens.push_next) push(to(unit, true));
}

void Sequencer::count(const isa::Insn& insn) {
  const isa::MachineConfig& c = program_.config;
  ++counters_.insns[static_cast<size_t>(insn.opcode())];
  counters_.insn_bytes += isa::kInsnBytes;
  if (const auto* gemm = std::get_if<isa::Gemm>(&insn.body))
    (gemm->reset ? counters_.reset_uops : counters_.gemm_uops) += micro_ops(insn);
  if (insn.opcode() == isa::Opcode::alu) {
    counters_.alu_uops += micro_ops(insn);
    counters_.alu_slots += micro_ops(insn) * (c.alu_cycles() / c.alu_interval);
  }
  const auto dma = dma_of(insn, c);
  if (!dma) return;
  const auto bytes = static_cast<int64_t>(dma->bytes());
  switch (dma->mem_id) {
    case isa::MemId::uop:
      counters_.uop_bytes += bytes;
      break;
    case isa::MemId::wgt:
      counters_.wgt_bytes += bytes;
      break;
    case isa::MemId::inp:
      counters_.inp_bytes += bytes;
      break;
    case isa::MemId::acc:
    case isa::MemId::acc8:
      counters_.acc_bytes += bytes;
      break;
    case isa::MemId::out:
      counters_.out_bytes += bytes;
      break;
  }
}

bool Sequencer::all_done() const {
  if (!all_fetched()) return false;
  for (size_t u = 0; u < order_.size(); ++u)
    if (running_[u] || next_[u] < order_[u].size()) return false;
  return true;
}

Check Sequencer::check_left() const {
  if (finish_too_early_) return finish_too_early_;
  static constexpr std::pair<Unit, Unit> kEnds[] = {{Unit::load, Unit::compute},
                                                    {Unit::compute, Unit::load},
                                                    {Unit::compute, Unit::store},
                                                    {Unit::store, Unit::compute}};
  for (size_t i = 0; i < channels_.size(); ++i)
    if (!channels_[i].tokens.empty()) {
      const auto [from, to] = kEnds[i];
      return Error("sim.token.left",
                   fmt::format("{} of the {} tokens that {} sends to {} are taken by nobody",
                               channels_[i].tokens.size(), channels_[i].sent, to_string(from), to_string(to)))
          .fix("they would be taken by the next program; let instructions pop them, or do not push them");
    }
  return std::nullopt;
}

// ---- why a machine is stuck

// Which instruction would send the token that `taker` waits for. Sets `root` where none does.
std::string Sequencer::sender(Unit from, Unit taker, bool* root) const {
  const bool forward = from < taker;
  const size_t u = index(from);
  for (size_t i = next_[u] - (running_[u] ? 1 : 0); i < order_[u].size(); ++i) {
    const isa::Tokens& t = program_.insns[order_[u][i]].tokens;
    if (forward ? t.push_next : t.push_prev)
      return fmt::format("instruction {} of {} would send it", order_[u][i], to_string(from));
  }
  *root = true;
  const Channel& channel = to(from, forward);
  return fmt::format("no instruction of {} sends it: all {} of its tokens are taken", to_string(from),
                     channel.sent);
}

std::string Sequencer::state(Unit unit, bool* root) const {
  if (!running(unit) && !has_more(unit)) return "has no instructions left";
  const uint32_t number = current(unit);
  const std::string insn =
      fmt::format("instruction {}: {}", number, isa::disassemble(program_.insns[number]));
  if (running(unit)) return insn + "\nis done and waits for room among the tokens it gives";
  switch (waits(unit)) {
    case Wait::insn:
      return insn + "\nis not fetched: another queue is full";
    case Wait::prev:
      return fmt::format("{}\nwaits for a token of {}; {}", insn, to_string(prev_of(unit)),
                         sender(prev_of(unit), unit, root));
    case Wait::next:
      return fmt::format("{}\nwaits for a token of {}; {}", insn, to_string(next_of(unit)),
                         sender(next_of(unit), unit, root));
    default:
      return insn;
  }
}

Error Sequencer::deadlock() const {
  std::string message = "the machine is stuck: its units wait for each other";
  std::array<std::string, isa::kUnits> states;
  for (const Unit unit : {Unit::store, Unit::compute, Unit::load}) {
    bool root = false;
    states[index(unit)] = state(unit, &root);
    if (root) {
      const Unit from = waits(unit) == Wait::prev ? prev_of(unit) : next_of(unit);
      message = fmt::format("the machine is stuck: instruction {} waits for a token that {} never sends",
                            current(unit), to_string(from));
    }
  }
  Error error("sim.deadlock", std::move(message));
  for (const Unit unit : {Unit::load, Unit::compute, Unit::store})
    (void)std::move(error).fact(std::string(to_string(unit)), states[index(unit)]);
  if (!all_fetched())
    (void)std::move(error).fact(
        "fetch", fmt::format("instruction {} waits for room in the queue of {}, which holds {}", fetched_,
                             to_string(unit_[fetched_]), queue_depth_));
  return std::move(error).fix(
      "for every pop there must be a push of the neighbour, which does not wait for the pop");
}

}  // namespace tc::sim
