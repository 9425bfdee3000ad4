#include "hazards.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "tc/isa/assembler.h"
#include "uop_bounds.h"

namespace tc::sim {

using isa::MemId;
using isa::Unit;

namespace {
constexpr size_t kMaxCells = size_t{1} << 23;
size_t index(Unit unit) { return static_cast<size_t>(unit); }
}  // namespace

Hazards::Hazards(const isa::Program& program, bool fresh)
    : program_(&program),
      fresh_(fresh),
      inp_{"INP", MemId::inp, Unit::load, Unit::compute, {}},
      wgt_{"WGT", MemId::wgt, Unit::load, Unit::compute, {}},
      acc_{"OUT", MemId::acc, Unit::compute, Unit::store, {}},
      uop_{"UOP", MemId::uop, Unit::compute, Unit::compute, {}} {
  const isa::MachineConfig& config = program.config;
  inp_.places.resize(static_cast<size_t>(config.inp_depth));
  wgt_.places.resize(static_cast<size_t>(config.wgt_depth));
  acc_.places.resize(static_cast<size_t>(config.acc_depth));
  uop_.places.resize(static_cast<size_t>(config.uop_depth));
  for (size_t i = 0; i < program.insns.size(); ++i) {
    const auto unit = index(unit_of(program.insns[i]));
    order_[unit].push_back(static_cast<uint32_t>(i));
    if (dma_of(program.insns[i], config)) last_dma_[unit] = static_cast<uint32_t>(order_[unit].size());
  }
}

Expected<Hazards> Hazards::make(const isa::Program& program, uint64_t dram_bytes, bool fresh) {
  Hazards hazards(program, fresh);
  if (Check error = hazards.find_stores(dram_bytes)) return *error;
  return hazards;
}

// The union of what stores write, and the largest cell that no access cuts.
Check Hazards::find_stores(uint64_t dram_bytes) {
  const isa::MachineConfig& config = program_->config;
  grain_ = 0;
  std::vector<Interval> rows;
  for (const isa::Insn& insn : program_->insns) {
    const auto dma = dma_of(insn, config);
    if (!dma || dma->rows == 0) continue;
    grain_ = std::gcd(grain_, std::gcd(dma->address, dma->row_bytes));
    if (dma->rows > 1) grain_ = std::gcd(grain_, dma->pitch);
    if (unit_of(insn) != Unit::store) continue;
    // Blocks outside the memory are refused when they run.
    if (dma->end() > dram_bytes || dma->elements > static_cast<uint64_t>(config.acc_depth)) continue;
    for (uint64_t y = 0; y < dma->rows; ++y) {
      const uint64_t begin = dma->address + y * dma->pitch;
      if (!rows.empty() && rows.back().end == begin)
        rows.back().end += dma->row_bytes;
      else
        rows.push_back({begin, begin + dma->row_bytes, 0});
    }
    if (rows.size() > kMaxCells) break;
  }
  std::sort(rows.begin(), rows.end(), [](const Interval& a, const Interval& b) { return a.begin < b.begin; });
  uint64_t cells = 0;
  for (const Interval& row : rows) {
    if (!stores_.empty() && row.begin <= stores_.back().end) {
      cells += row.end > stores_.back().end ? (row.end - stores_.back().end) / grain_ : 0;
      stores_.back().end = std::max(stores_.back().end, row.end);
    } else {
      stores_.push_back({row.begin, row.end, cells});
      cells += (row.end - row.begin) / grain_;
    }
  }
  if (cells > kMaxCells || rows.size() > kMaxCells)
    return Error("sim.limit",
                 fmt::format("checking the order of {} stored places of DRAM needs too much memory", cells))
        .fix("run without the check of the order");
  cells_.resize(cells);
  return std::nullopt;
}

std::string Hazards::describe(Unit unit, uint32_t number) const {
  const uint32_t i = order_[index(unit)][number - 1];
  return fmt::format("instruction {}: {}", i, isa::disassemble(program_->insns[i]));
}

// `number` of the other unit has touched the place before; it must be known to be done.
Check Hazards::ordered(Unit other, uint32_t number, const char* what, const char* memory,
                       uint64_t place) const {
  if (number <= clock_[index(other)]) return std::nullopt;
  const bool dram = memory == nullptr;
  return Error(dram ? "sim.hazard.dram" : "sim.hazard.sram",
               fmt::format(
                   "{} and {} {} {} without a token between them", to_string(other), to_string(unit_), what,
                   dram ? fmt::format("byte {:#x} of DRAM", place) : fmt::format("{}[{}]", memory, place)))
      .fact("one", describe(other, number))
      .fact("other", describe(unit_, at_))
      .fix("let the one that must be first push a token that the other pops");
}

// The last instruction before this one in the program that the pad's writer has not run, as far as
// is known, and that writes the element. Where micro-ops go is not known before they are loaded.
std::optional<uint32_t> Hazards::pending_writer(const Scratchpad& pad, uint64_t element) const {
  const std::vector<uint32_t>& writers = order_[index(pad.writer)];
  const uint32_t here = order_[index(unit_)][at_ - 1];
  std::optional<uint32_t> found;
  for (uint32_t k = clock_[index(pad.writer)]; k < writers.size() && writers[k] < here; ++k) {
    const isa::Insn& insn = program_->insns[writers[k]];
    const auto dma = dma_of(insn, program_->config);
    const bool writes = dma ? dma->mem_id == pad.memory && element >= dma->sram_base &&
                                  element - dma->sram_base < dma->elements
                            : &pad == &acc_ && micro_ops(insn) > 0;
    if (writes) found = k + 1;
  }
  return found;
}

Error Hazards::unwritten(const Scratchpad& pad, uint64_t element) const {
  if (pad.writer != unit_)
    if (const auto writer = pending_writer(pad, element))
      return Error("sim.hazard.sram",
                   fmt::format("{} reads {}[{}], and no token makes it wait until {} has written it",
                               to_string(unit_), pad.name, element, to_string(pad.writer)))
          .fact("one", describe(pad.writer, *writer))
          .fact("other", describe(unit_, at_))
          .fix("let the one that must be first push a token that the other pops");
  const bool out = pad.writer == Unit::compute && unit_ == Unit::compute && &pad == &acc_;
  return Error("sim.unwritten", fmt::format("element {} of {} is read, and nothing has written it", element,
                                            out ? "ACC" : pad.name))
      .fact("insn", describe(unit_, at_))
      .fix("load it, or reset it with a gemm, before");
}

Check Hazards::write(Scratchpad& pad, uint64_t begin, uint64_t count) {
  for (uint64_t e = begin; e < begin + count; ++e) {
    if (pad.reader != unit_)
      if (Check error = ordered(pad.reader, pad.places[e].read, "read and write", pad.name, e)) return error;
    pad.places[e].written = at_;
  }
  return std::nullopt;
}

Check Hazards::read(Scratchpad& pad, uint64_t begin, uint64_t count) {
  for (uint64_t e = begin; e < begin + count; ++e) {
    if (fresh_ && pad.places[e].written == 0) return unwritten(pad, e);
    if (pad.writer == unit_) continue;  // in its own order
    if (Check error = ordered(pad.writer, pad.places[e].written, "write and read", pad.name, e)) return error;
    pad.places[e].read = at_;
  }
  return std::nullopt;
}

Check Hazards::access_dram(const Dma& dma, bool is_store) {
  if (stores_.empty() || dma.rows == 0 || dma.end() <= stores_.front().begin ||
      dma.address >= stores_.back().end)
    return std::nullopt;
  for (uint64_t y = 0; y < dma.rows; ++y) {
    const uint64_t begin = dma.address + y * dma.pitch;
    if (Check error = access_row(begin, begin + dma.row_bytes, is_store)) return error;
  }
  return std::nullopt;
}

Check Hazards::access_row(uint64_t begin, uint64_t end, bool is_store) {
  auto it = std::upper_bound(stores_.begin(), stores_.end(), begin,
                             [](uint64_t at, const Interval& i) { return at < i.end; });
  for (; it != stores_.end() && it->begin < end; ++it) {
    const uint64_t from = std::max(begin, it->begin), to = std::min(end, it->end);
    for (uint64_t at = from; at < to; at += grain_) {
      Cell& cell = cells_[it->first_cell + (at - it->begin) / grain_];
      if (is_store) {
        if (Check error = ordered(Unit::load, cell.loaded, "read and write", nullptr, at)) return error;
        if (Check error = ordered(Unit::compute, cell.computed, "read and write", nullptr, at)) return error;
        cell.stored = at_;
      } else {
        if (Check error = ordered(Unit::store, cell.stored, "write and read", nullptr, at)) return error;
        (unit_ == Unit::load ? cell.loaded : cell.computed) = at_;
      }
    }
  }
  return std::nullopt;
}

template <class Insn>
Check Hazards::access_uops(const Insn& insn, const Machine& machine) {
  if (micro_ops({insn, {}}) == 0) return std::nullopt;
  if (Check error = read(uop_, insn.uop_bgn, insn.uop_end - insn.uop_bgn)) return error;
  constexpr bool is_gemm = std::is_same_v<Insn, isa::Gemm>;
  const bool operands = reads_operands(insn);
  // The first element in trouble, looked at again below: no call and no branch but
  // this in the loop, which is as long as that of the computation.
  uint64_t bad = 0;
  const uint32_t loads = clock_[index(Unit::load)], stores = clock_[index(Unit::store)];
  const auto check = [&](uint32_t d, uint32_t s, uint32_t w, bool report) -> Check {
    if (operands && is_gemm) {
      Place &inp = inp_.places[s], &wgt = wgt_.places[w];
      bad |= inp.written > loads || wgt.written > loads || (fresh_ && (inp.written == 0 || wgt.written == 0));
      inp.read = wgt.read = at_;
    }
    Place& acc = acc_.places[d];
    const bool reads_dst = !is_gemm || operands;
    const uint32_t src_written = operands && !is_gemm ? acc_.places[s].written : 1;
    bad |= acc.read > stores || (fresh_ && ((reads_dst && acc.written == 0) || src_written == 0));
    if (!report) {
      acc.written = bad ? acc.written : at_;
      return std::nullopt;
    }
    Check error;
    if (operands && is_gemm) {
      error = read(inp_, s, 1);
      if (!error) error = read(wgt_, w, 1);
    } else if (operands) {
      error = read(acc_, s, 1);
    }
    if (!error && reads_dst) error = read(acc_, d, 1);
    if (!error) error = write(acc_, d, 1);
    return error;
  };
  const Insn once = distinct_iterations(insn);
  for_each_uop(
      once, machine, [&](uint32_t d, uint32_t s, uint32_t w) { (void)check(d, s, w, false); },
      [&] { return bad != 0; });
  if (bad == 0) return std::nullopt;
  Check error;
  for_each_uop(
      once, machine,
      [&](uint32_t d, uint32_t s, uint32_t w) {
        if (!error) error = check(d, s, w, true);
      },
      [&] { return error.has_value(); });
  return error;
}

// The host uses DRAM again once it sees finish, so all DMA must be known to be done.
Check Hazards::at_finish() const {
  for (const Unit unit : {Unit::load, Unit::store})
    if (last_dma_[index(unit)] > clock_[index(unit)])
      return Error("sim.hazard.finish",
                   fmt::format("finish does not wait for {}, which may still transfer", to_string(unit)))
          .fact("insn", describe(unit, last_dma_[index(unit)]))
          .fix(fmt::format(
              "let the last {} push a token to compute, and a load.uop with x_size 0 pop it before finish",
              to_string(unit)));
  return std::nullopt;
}

Check Hazards::access(const isa::Insn& insn, const Clock& clock, uint32_t at, const Machine& machine) {
  unit_ = unit_of(insn);
  clock_ = clock;
  at_ = at;
  if (const auto* gemm = std::get_if<isa::Gemm>(&insn.body)) return access_uops(*gemm, machine);
  if (const auto* alu = std::get_if<isa::Alu>(&insn.body)) return access_uops(*alu, machine);
  if (insn.opcode() == isa::Opcode::finish) return at_finish();
  const auto dma = dma_of(insn, machine.config());
  if (!dma) return std::nullopt;
  const bool is_store = unit_ == Unit::store;
  if (Check error = access_dram(*dma, is_store)) return error;
  if (is_store) return read(acc_, dma->sram_base, dma->elements);
  Scratchpad& pad = dma->mem_id == MemId::inp   ? inp_
                    : dma->mem_id == MemId::wgt ? wgt_
                    : dma->mem_id == MemId::uop ? uop_
                                                : acc_;
  return write(pad, dma->sram_base, dma->elements);
}

}  // namespace tc::sim
