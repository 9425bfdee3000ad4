#include "tc/sim/timeline.h"

#include <fmt/format.h>

#include <algorithm>

#include "tc/isa/assembler.h"

namespace tc::sim {
namespace {

// Assembly text has no characters that JSON escapes; names of machines neither.
std::string event(std::string_view name, isa::Unit unit, int64_t start, int64_t cycles,
                  std::string_view args) {
  return fmt::format(R"({{"name":"{}","ph":"X","pid":0,"tid":{},"ts":{},"dur":{},"args":{{{}}}}})", name,
                     static_cast<int>(unit), start, cycles, args);
}

// An instruction, and before it what it waited for.
std::string both_events(const isa::Program& program, const Event& e, int64_t begin) {
  const std::string text = isa::disassemble(program.insns[e.insn]);
  const std::string_view name = std::string_view(text).substr(0, text.find(' '));
  std::string out;
  if (e.start > e.ready)
    out += ",\n" + event(fmt::format("wait {}", name), e.unit, begin + e.ready, e.start - e.ready,
                         fmt::format(R"("number":{})", e.insn));
  return out + ",\n" +
         event(name, e.unit, begin + e.start, e.end - e.start,
               fmt::format(R"("number":{},"insn":"{}")", e.insn, text));
}

std::string percent(int64_t part, int64_t all) {
  return fmt::format("{:.1f}%", 100.0 * static_cast<double>(part) / static_cast<double>(all));
}

}  // namespace

std::string chrome_trace(const isa::Program& program, const RunResult& result) {
  const TracedRun run{"", &program, &result};
  return chrome_trace(std::span(&run, 1));
}

std::string chrome_trace(std::span<const TracedRun> runs) {
  std::string out = "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n";
  out += fmt::format(R"({{"name":"process_name","ph":"M","pid":0,"args":{{"name":"{}"}}}})",
                     runs.empty() ? "" : runs[0].program->config.name);
  for (const isa::Unit unit : {isa::Unit::load, isa::Unit::compute, isa::Unit::store})
    out += fmt::format(
        ",\n"
        R"({{"name":"thread_name","ph":"M","pid":0,"tid":{},"args":{{"name":"{}"}}}})",
        static_cast<int>(unit), to_string(unit));
  constexpr int kNames = isa::kUnits;  // the row of the programs
  if (runs.size() > 1)
    out += fmt::format(
        ",\n"
        R"({{"name":"thread_name","ph":"M","pid":0,"tid":{},"args":{{"name":"programs"}}}})",
        kNames);
  int64_t begin = 0;
  for (const TracedRun& run : runs) {
    if (runs.size() > 1)
      out += fmt::format(
          ",\n"
          R"({{"name":"{}","ph":"X","pid":0,"tid":{},"ts":{},"dur":{},"args":{{}}}})",
          run.name, kNames, begin, run.result->counters.cycles);
    for (const Event& e : run.result->timeline) out += both_events(*run.program, e, begin);
    begin += run.result->counters.cycles;
  }
  return out + "\n]}\n";
}

std::string table(const Counters& c) {
  const bool timed = c.cycles > 0;
  std::string out = timed ? fmt::format("cycles {}\n", c.cycles) : "";
  if (timed)
    out += fmt::format("occupancy of compute {}   GEMM utilisation {}   memory port busy {}\n",
                       percent(c.occupied(), c.cycles), percent(c.gemm_uops, c.cycles),
                       percent(c.memory_busy, c.cycles));
  out += fmt::format("micro-ops  gemm {}  reset {}  alu {}\n", c.gemm_uops, c.reset_uops, c.alu_uops);
  out += fmt::format("bytes  instructions {}  uop {}  wgt {}  inp {}  acc {}  out {}\n", c.insn_bytes,
                     c.uop_bytes, c.wgt_bytes, c.inp_bytes, c.acc_bytes, c.out_bytes);
  if (!timed) return out;
  out += fmt::format("\n{:<8}{:>12}{:>7}{:>12}{:>12}{:>12}{:>12}{:>12}\n", "unit", "busy", "", "no insn",
                     "token prev", "token next", "push", "idle");
  for (const isa::Unit unit : {isa::Unit::load, isa::Unit::compute, isa::Unit::store}) {
    const UnitCycles& u = c.unit[static_cast<size_t>(unit)];
    out += fmt::format("{:<8}{:>12}{:>7}{:>12}{:>12}{:>12}{:>12}{:>12}\n", to_string(unit), u.busy,
                       percent(u.busy, c.cycles), u.wait_insn, u.wait_prev, u.wait_next, u.wait_push, u.idle);
  }
  return out;
}

}  // namespace tc::sim
