#include "recording.h"

#include <fmt/format.h>

namespace tc::accel {

using isa::Unit;

namespace {

Check check_neighbours(Unit from, Unit to) {
  const int distance = static_cast<int>(from) - static_cast<int>(to);
  if (distance == 1 || distance == -1) return std::nullopt;
  return Error("runtime.accel.token", fmt::format("{} and {} pass no tokens: they are no neighbours",
                                                  to_string(from), to_string(to)))
      .fix("pass tokens between load and compute, and between compute and store");
}

}  // namespace

void Recording::append(isa::Insn insn, bool takes_pops) {
  const Unit unit = unit_of(insn);
  Queue& q = queue(unit);
  if (takes_pops) {
    insn.tokens.pop_prev = q.pop_prev;
    insn.tokens.pop_next = q.pop_next;
    q.pop_prev = q.pop_next = false;
  }
  if (!is_nop(insn)) q.silent_dma = true;
  q.newest = insns_.size();
  insns_.push_back(insn);
}

// The unit of an instruction without effect is that of its scratchpad.
void Recording::append_nop(Unit unit) {
  if (unit == Unit::store)
    append({isa::Store{.mem_id = isa::MemId::out}, {}});
  else
    append({isa::Load{.mem_id = unit == Unit::load ? isa::MemId::inp : isa::MemId::uop}, {}});
}

Check Recording::push(Unit from, Unit to) {
  if (Check error = check_neighbours(from, to)) return error;
  Queue& q = queue(from);
  const auto flag = from < to ? &isa::Tokens::push_next : &isa::Tokens::push_prev;
  if (q.pop_prev || q.pop_next || !q.newest || insns_[*q.newest].tokens.*flag) append_nop(from);
  insns_[*q.newest].tokens.*flag = true;
  if (to == Unit::compute) q.silent_dma = false;
  ++pushed_[index(from)][index(to)];
  return std::nullopt;
}

Check Recording::pop(Unit from, Unit to) {
  if (Check error = check_neighbours(from, to)) return error;
  Queue& q = queue(to);
  bool& asked = from < to ? q.pop_prev : q.pop_next;
  if (asked) append_nop(to);
  asked = true;
  ++popped_[index(from)][index(to)];
  return std::nullopt;
}

Check Recording::finish() {
  for (const Unit from : {Unit::load, Unit::compute, Unit::store})
    for (const Unit to : {Unit::load, Unit::compute, Unit::store})
      if (const int64_t pushed = pushed_[index(from)][index(to)], popped = popped_[index(from)][index(to)];
          pushed != popped)
        return Error("runtime.accel.token",
                     fmt::format("{} sends {} {} tokens, of which {} {}", to_string(from), to_string(to),
                                 pushed, popped, popped < pushed ? "are taken" : "should be taken"))
            .fix("for every push there must be a pop");
  // With as many pops as pushes, compute has waited for all that load and store
  // announced. Then for the rest, both in one instruction where there is room.
  for (const Unit unit : {Unit::load, Unit::store}) {
    if (queue(unit).pop_prev || queue(unit).pop_next) append_nop(unit);
    if (!queue(unit).silent_dma) continue;
    if (Check error = push(unit, Unit::compute)) return error;
    if (Check error = pop(unit, Unit::compute)) return error;
  }
  if (queue(Unit::compute).pop_prev || queue(Unit::compute).pop_next) append_nop(Unit::compute);
  append({isa::Finish{}, {}});
  return std::nullopt;
}

}  // namespace tc::accel
