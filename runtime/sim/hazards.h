// Finds accesses of two units that no token orders. Tokens are first in, first
// out and units run in order, so which instruction is done before which follows
// from the program alone: a vector clock a unit, carried by tokens. Two accesses to
// one place, one of them a write, must be ordered by it; otherwise the result
// depends on time, even where this run's order happens to be right.
// Private to runtime/sim.
#pragma once
#include <array>
#include <vector>

#include "dma.h"
#include "tc/sim/machine.h"

namespace tc::sim {

/// For each unit, how many of its instructions are known to be done.
using Clock = std::array<uint32_t, isa::kUnits>;

class Hazards {
 public:
  /// For one run of the program, which must outlive it, in a memory of that size. With
  /// `fresh`, reading what nothing wrote is an error. Error sim.limit where what stores
  /// write is too much to keep track of.
  [[nodiscard]] static Expected<Hazards> make(const isa::Program& program, uint64_t dram_bytes, bool fresh);

  /// The access of an instruction that Machine::check has passed and that runs next: it is
  /// number `at` of its unit, counted from 1, and `clock` was the unit's when it started.
  [[nodiscard]] Check access(const isa::Insn& insn, const Clock& clock, uint32_t at, const Machine& machine);

 private:
  // When a place was last written and read, as numbers of the units that do; 0: never.
  struct Place {
    uint32_t written = 0, read = 0;
  };
  struct Scratchpad {
    const char* name;
    isa::MemId memory;  // that loads into it name
    isa::Unit writer, reader;
    std::vector<Place> places;
  };
  // Of DRAM only what stores write can be in conflict: intervals of it, cell by cell.
  struct Cell {
    uint32_t stored = 0, loaded = 0, computed = 0;
  };
  struct Interval {
    uint64_t begin, end;
    size_t first_cell;
  };

  Hazards(const isa::Program& program, bool fresh);
  Check find_stores(uint64_t dram_bytes);
  Check write(Scratchpad& pad, uint64_t begin, uint64_t count);
  Check read(Scratchpad& pad, uint64_t begin, uint64_t count);
  Check access_dram(const Dma& dma, bool is_store);
  Check access_row(uint64_t begin, uint64_t end, bool is_store);
  template <class Insn>
  Check access_uops(const Insn& insn, const Machine& machine);
  Check at_finish() const;
  Check ordered(isa::Unit other, uint32_t number, const char* what, const char* memory, uint64_t place) const;
  [[nodiscard]] std::optional<uint32_t> pending_writer(const Scratchpad& pad, uint64_t element) const;
  [[nodiscard]] Error unwritten(const Scratchpad& pad, uint64_t element) const;
  [[nodiscard]] std::string describe(isa::Unit unit, uint32_t number) const;

  const isa::Program* program_;
  bool fresh_;
  std::array<std::vector<uint32_t>, isa::kUnits> order_;
  std::array<uint32_t, isa::kUnits> last_dma_{};  // numbers of the last that touch DRAM
  Scratchpad inp_, wgt_, acc_, uop_;              // ACC stands for OUT as well
  std::vector<Interval> stores_;
  std::vector<Cell> cells_;
  uint64_t grain_ = 1;  // bytes of a cell

  // The access under way.
  isa::Unit unit_{};
  Clock clock_{};
  uint32_t at_ = 0;
};

}  // namespace tc::sim
