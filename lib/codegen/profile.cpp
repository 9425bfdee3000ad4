#include "tc/codegen/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "insn_class.h"
#include "tc/sim/timeline.h"

namespace tc {
namespace {

void add(sim::UnitCycles& to, const sim::UnitCycles& from) {
  to.busy += from.busy, to.idle += from.idle;
  to.wait_insn += from.wait_insn, to.wait_prev += from.wait_prev;
  to.wait_next += from.wait_next, to.wait_push += from.wait_push;
}

void add(sim::Counters& to, const sim::Counters& from) {
  for (size_t i = 0; i < to.unit.size(); ++i) add(to.unit[i], from.unit[i]);
  for (size_t i = 0; i < to.insns.size(); ++i) to.insns[i] += from.insns[i];
  using C = sim::Counters;
  for (int64_t C::* const member :
       {&C::cycles, &C::fetch_blocked, &C::memory_busy, &C::gemm_cycles, &C::alu_cycles,
        &C::compute_dma_cycles, &C::insn_bytes, &C::uop_bytes, &C::wgt_bytes, &C::inp_bytes, &C::acc_bytes,
        &C::out_bytes, &C::gemm_uops, &C::reset_uops, &C::alu_uops, &C::alu_slots})
    to.*member += from.*member;
}

double share(int64_t part, int64_t all) {
  return all == 0 ? 0 : static_cast<double>(part) / static_cast<double>(all);
}

}  // namespace

sim::Counters Profile::total() const {
  sim::Counters out;
  for (const SegmentProfile& s : segments)
    if (s.device) add(out, s.result.counters);
  return out;
}

double Profile::occupancy() const {
  const sim::Counters c = total();
  return share(c.occupied(), c.cycles);
}

double Profile::gemm_utilisation() const {
  const sim::Counters c = total();
  return share(c.gemm_uops, c.cycles);
}

std::string Profile::table() const {
  const bool device = std::any_of(segments.begin(), segments.end(), [](const auto& s) { return s.device; });
  if (!timed()) {
    std::string out = fmt::format("{:<24}{:>14}{:>14}\n", "segment", "", device ? "instructions" : "");
    for (const SegmentProfile& s : segments)
      out += s.device ? fmt::format("{:<24}{:>14}{:>14}\n", s.name, "device", s.program->insns.size())
                      : fmt::format("{:<24}{:>14}\n", s.name, fmt::format("host {:.2f} ms", s.host_ms));
    return device ? out + "\n" + sim::table(total()) : out;
  }
  std::string out = fmt::format("{:<24}{:>14}{:>12}{:>12}{:>14}\n", "segment", "cycles", "occupied", "GEMM",
                                "instructions");
  for (const SegmentProfile& s : segments) {
    if (!s.device) {
      out += fmt::format("{:<24}{:>14}\n", s.name, fmt::format("host {:.2f} ms", s.host_ms));
      continue;
    }
    const sim::Counters& c = s.result.counters;
    out += fmt::format("{:<24}{:>14}{:>11.1f}%{:>11.1f}%{:>14}\n", s.name, c.cycles,
                       100 * share(c.occupied(), c.cycles), 100 * share(c.gemm_uops, c.cycles),
                       s.program->insns.size());
  }
  return out + "\n" + sim::table(total());
}

namespace {

// One row of the drawing: cycles of each class in each column, waiting last.
class Row {
 public:
  Row(size_t columns, int64_t cycles) : parts_(columns), cycles_(cycles) {}

  void add(size_t what, int64_t begin, int64_t end) {
    const auto n = static_cast<int64_t>(parts_.size());
    while (begin < end) {  // column c has the cycles from c * cycles / n on
      int64_t c = begin * n / cycles_;
      while ((c + 1) * cycles_ / n <= begin) ++c;
      const int64_t stop = std::min(end, std::max(begin + 1, (c + 1) * cycles_ / n));
      parts_[static_cast<size_t>(std::min(c, n - 1))][what] += stop - begin;
      begin = stop;
    }
  }
  [[nodiscard]] std::string text() const {
    constexpr std::string_view kLetters = "LUGRASF. ";
    std::string out;
    for (const auto& part : parts_) {
      const auto most = std::max_element(part.begin(), part.end());
      out += *most == 0 ? ' ' : kLetters[static_cast<size_t>(most - part.begin())];
    }
    return out;
  }

 private:
  std::vector<std::array<int64_t, kInsnClasses + 1>> parts_;
  int64_t cycles_;
};

}  // namespace

namespace {
// Of a drawing: that there are times in it.
void require_times(const Profile& p) {
  const bool device =
      std::any_of(p.segments.begin(), p.segments.end(), [](const auto& s) { return s.device; });
  TC_REQUIRE(!device || p.timed(),
             Error("codegen.profile", "the run was not timed: there are no cycles to draw")
                 .fix("profile with the order timed, which is the default"));
}
}  // namespace

std::string Profile::timeline(int columns) const {
  TC_REQUIRE(columns >= 1,
             Error("codegen.profile", fmt::format("a timeline of {} columns shows nothing", columns))
                 .fix("give 1 or more, 96 say"));
  require_times(*this);
  const int64_t cycles = std::max<int64_t>(1, this->cycles());
  const auto n = static_cast<size_t>(std::min<int64_t>(columns, cycles));
  std::vector<Row> rows(isa::kUnits, Row(n, cycles));
  int64_t base = 0;
  for (const SegmentProfile& s : segments) {
    for (const sim::Event& e : s.result.timeline) {
      Row& row = rows[static_cast<size_t>(e.unit)];
      row.add(kInsnClasses, base + e.ready, base + e.start);
      row.add(static_cast<size_t>(class_of(s.program->insns[e.insn])), base + e.start, base + e.end);
    }
    base += s.result.counters.cycles;
  }
  std::string out;
  for (const isa::Unit unit : {isa::Unit::load, isa::Unit::compute, isa::Unit::store})
    out += fmt::format("{:<8} {}\n", to_string(unit), rows[static_cast<size_t>(unit)].text());
  return out;
}

std::string Profile::chrome_trace() const {
  require_times(*this);
  std::vector<sim::TracedRun> runs;
  for (const SegmentProfile& s : segments)
    if (s.device) runs.push_back({s.name, s.program.get(), &s.result});
  return sim::chrome_trace(runs);
}

}  // namespace tc
