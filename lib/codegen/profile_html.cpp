// A profile as HTML: a table of the units and a drawing of the instructions over time.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "insn_class.h"
#include "tc/codegen/profile.h"
#include "tc/isa/assembler.h"

namespace tc {
namespace {

constexpr int kWidth = 960, kRow = 22, kLabel = 64, kTop = 18;

struct Colour {
  std::string_view name, hex;
};
// In the order of InsnClass.
constexpr Colour kColours[kInsnClasses] = {
    {"load", "#4c78a8"}, {"uop, acc", "#72b7b2"}, {"gemm", "#54a24b"},  {"reset", "#a0cf8b"},
    {"alu", "#f2a03f"},  {"store", "#b279a2"},    {"finish", "#9d9d9d"}};

// Text of an instruction or a name: only & < > " mean something in HTML.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else
      out += c;
  }
  return out;
}

// A bar of the drawing: one instruction, or several of a kind with little between them.
struct Bar {
  size_t row = 0, colour = 0;
  int64_t begin = 0, end = 0, count = 0;
  std::string what;
};

class Bars {
 public:
  Bars(int64_t gap, bool mixed) : gap_(gap), mixed_(mixed) {}
  void add(const isa::Program& program, const sim::Event& e, int64_t base) {
    const isa::Insn& insn = program.insns[e.insn];
    if (isa::is_nop(insn)) return;
    const auto row = static_cast<size_t>(e.unit);
    const auto colour = static_cast<size_t>(class_of(insn));
    const int64_t begin = base + e.start, end = base + e.end;
    size_t& last = last_[row];
    if (last < bars_.size() && (mixed_ || bars_[last].colour == colour) && begin - bars_[last].end <= gap_ &&
        end - bars_[last].begin <= 4 * gap_) {
      bars_[last].end = end;
      ++bars_[last].count;
    } else {
      last = bars_.size();
      bars_.push_back({row, colour, begin, end, 1, fmt::format("{}: {}", e.insn, isa::disassemble(insn))});
    }
  }
  [[nodiscard]] const std::vector<Bar>& all() const { return bars_; }

 private:
  int64_t gap_;
  bool mixed_;  // whether bars of different colours join, in that of the first
  std::vector<Bar> bars_;
  std::array<size_t, isa::kUnits> last_{SIZE_MAX, SIZE_MAX, SIZE_MAX};
};

std::vector<Bar> bars_of(const Profile& profile, int64_t gap, bool mixed) {
  Bars bars(gap, mixed);
  int64_t base = 0;
  for (const SegmentProfile& s : profile.segments) {
    for (const sim::Event& e : s.result.timeline) bars.add(*s.program, e, base);
    base += s.result.counters.cycles;
  }
  return bars.all();
}

// Joins neighbours until there are few enough, those of a kind first; a row has one at least.
std::vector<Bar> few_bars(const Profile& profile, size_t most, int64_t cycles) {
  std::vector<Bar> bars = bars_of(profile, 0, false);
  for (const bool mixed : {false, true})
    for (int64_t gap = 1; bars.size() > most && gap <= 2 * cycles; gap *= 2)
      bars = bars_of(profile, gap, mixed);
  return bars;
}

std::string drawing(const Profile& profile, size_t most) {
  const int64_t cycles = std::max<int64_t>(1, profile.cycles());
  const auto x = [&](int64_t cycle) {
    return kLabel + static_cast<double>(cycle) * (kWidth - kLabel) / static_cast<double>(cycles);
  };
  std::string out =
      fmt::format("<svg viewBox=\"0 0 {} {}\" width=\"100%\" font-family=\"sans-serif\" font-size=\"11\">\n",
                  kWidth, kTop + 3 * kRow + 16);
  for (const isa::Unit unit : {isa::Unit::load, isa::Unit::compute, isa::Unit::store})
    out += fmt::format("<text x=\"0\" y=\"{}\" fill=\"currentColor\">{}</text>\n",
                       kTop + static_cast<int>(unit) * kRow + 15, to_string(unit));
  int64_t base = 0;
  for (const SegmentProfile& s : profile.segments) {
    if (!s.device) continue;
    out += fmt::format(
        "<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"4\" y2=\"{1}\" stroke=\"#999\"/>"
        "<text x=\"{2:.1f}\" y=\"12\" fill=\"currentColor\">{3}</text>\n",
        x(base), kTop + 3 * kRow, x(base) + 3, escaped(s.name));
    base += s.result.counters.cycles;
  }
  for (const Bar& b : few_bars(profile, most, cycles)) {
    const std::string what = b.count == 1
                                 ? escaped(b.what)
                                 : fmt::format("{} instructions, the first {}", b.count, escaped(b.what));
    out += fmt::format(
        "<rect x=\"{:.2f}\" y=\"{}\" width=\"{:.2f}\" height=\"{}\" fill=\"{}\"><title>{}\n"
        "cycles {} to {}</title></rect>\n",
        x(b.begin), kTop + static_cast<int>(b.row) * kRow + 2, std::max(0.3, x(b.end) - x(b.begin)), kRow - 4,
        kColours[b.colour].hex, what, b.begin, b.end);
  }
  return out + fmt::format(
                   "<text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"currentColor\">{} cycles</text>\n"
                   "</svg>\n",
                   kWidth, kTop + 3 * kRow + 12, profile.cycles());
}

std::string legend() {
  std::string out = "<p style=\"font-size:85%\">";
  for (const Colour& c : kColours)
    out += fmt::format("<span style=\"color:{}\">&#9632;</span> {} &nbsp; ", c.hex, c.name);
  return out + "</p>\n";
}

std::string row(std::string_view tag, std::initializer_list<std::string> cells) {
  std::string out = "<tr>";
  for (const std::string& c : cells) out += fmt::format("<{0}>{1}</{0}>", tag, c);
  return out + "</tr>\n";
}

std::string percent(int64_t part, int64_t all) {
  return all == 0 ? "-"
                  : fmt::format("{:.1f}%", 100.0 * static_cast<double>(part) / static_cast<double>(all));
}

// Of a run that was not timed there are none.
std::string cycles_text(int64_t n) { return n == 0 ? "-" : std::to_string(n); }

std::string units(const sim::Counters& c) {
  std::string out = "<table>\n" + row("th", {"unit", "busy", "waits for instructions", "for the unit before",
                                             "for the unit behind", "for room", "idle"});
  for (const isa::Unit unit : {isa::Unit::load, isa::Unit::compute, isa::Unit::store}) {
    const sim::UnitCycles& u = c.unit[static_cast<size_t>(unit)];
    out += row("td", {std::string(to_string(unit)), percent(u.busy, c.cycles), percent(u.wait_insn, c.cycles),
                      percent(u.wait_prev, c.cycles), percent(u.wait_next, c.cycles),
                      percent(u.wait_push, c.cycles), percent(u.idle, c.cycles)});
  }
  return out + "</table>\n";
}

}  // namespace

std::string Profile::html(size_t max_events) const {
  const sim::Counters c = total();
  std::string out =
      "<div>\n<table>\n" + row("th", {"segment", "cycles", "occupied", "GEMM", "instructions", "data bytes"});
  for (const SegmentProfile& s : segments) {
    const sim::Counters& own = s.result.counters;
    out += s.device ? row("td", {escaped(s.name), cycles_text(own.cycles),
                                 percent(own.occupied(), own.cycles), percent(own.gemm_uops, own.cycles),
                                 std::to_string(s.program->insns.size()), std::to_string(own.data_bytes())})
                    : row("td", {escaped(s.name), fmt::format("host, {:.2f} ms", s.host_ms), "", "", "", ""});
  }
  out += row("td", {"all on " + escaped(machine), cycles_text(c.cycles), percent(c.occupied(), c.cycles),
                    percent(c.gemm_uops, c.cycles), "", std::to_string(c.data_bytes())});
  out += "</table>\n";
  if (!timed()) return out + "</div>\n";
  out += units(c);
  return out + drawing(*this, std::max<size_t>(1, max_events)) + legend() + "</div>\n";
}

}  // namespace tc
