#include "fuzz/accel_cases.h"
#include "fuzz/harness.h"
#include "tc/isa/assembler.h"
#include "tc/isa/random.h"
#include "tc/sim/random_program.h"
#include "tc/sim/timeline.h"
#include "tc/support/crc32.h"

namespace tc::test {
namespace {

using namespace tc::sim;

RunOptions small(Order order, uint64_t seed = 0) {
  RunOptions options;
  options.order = order;
  options.seed = seed;
  options.timeline = order == Order::timed;
  options.limits = {.work = 200'000, .cycles = int64_t{1} << 40, .dram_bytes = 1 << 22};
  return options;
}

}  // namespace

std::string mutated(Rng& rng, std::string text, std::initializer_list<const char*> words) {
  for (uint64_t edits = 1 + (rng.below(4) == 0 ? rng.below(6) : 0); edits > 0; --edits) {
    size_t at = rng.below(text.size() + 1), n = rng.below(4);
    if (rng.below(2)) {  // another number, the edit that is most likely to be read
      at = std::min(text.find_first_of("0123456789", at), text.size());
      n = std::min(text.find_first_not_of("0123456789", at), text.size()) - at;
      text.replace(at, n, std::to_string(rng.next() >> (20 + rng.below(44))));
      continue;
    }
    switch (rng.below(6)) {
      case 0:
        text.insert(at, words.begin()[rng.below(words.size())]);
        break;
      case 1:
        text.erase(at, n);
        break;
      case 2:
        text.insert(at, 1, static_cast<char>(rng.next()));
        break;
      case 3:
        text.insert(at, text.substr(rng.below(text.size() + 1), rng.below(60)));
        break;
      case 4:
        if (at < text.size()) text[at] = static_cast<char>('0' + rng.below(10));
        break;
      default:
        text.replace(at, n, std::to_string(static_cast<int64_t>(rng.next() >> rng.below(64))));
        break;
    }
  }
  return text;
}

void damage(Rng& rng, std::string& file) {
  for (uint64_t edits = 1 + rng.below(4); edits > 0; --edits) {
    // mostly where sections, instructions and counts are, not in the data
    const size_t at = rng.below(std::min<size_t>(file.size(), rng.below(4) ? 1200 : file.size()));
    if (rng.below(8) == 0)
      file.resize(at + 1);
    else if (rng.below(2))
      file[at] = static_cast<char>(rng.next());
    else
      file[at] = static_cast<char>(file[at] ^ (1 << rng.below(8)));
  }
  if (rng.below(8) == 0 || file.size() < 32) return;
  const auto set = [&](size_t at, uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i) file[at + i] = static_cast<char>(value >> (8 * i));
  };
  set(16, file.size(), 8);
  set(24, crc32(std::string_view(file).substr(32)), 4);
  set(28, crc32(std::string_view(file).substr(0, 28)), 4);
}

namespace {

bool fuzz_config(Rng& rng) {
  std::string json = isa::to_json(isa::random_config(rng));
  if (rng.below(2))
    json =
        R"({"TARGET":"sim","HW_VER":"0.0.2","LOG_INP_WIDTH":3,"LOG_WGT_WIDTH":3,"LOG_ACC_WIDTH":5,"LOG_BATCH":0,"LOG_BLOCK":4,"LOG_UOP_BUFF_SIZE":15,"LOG_INP_BUFF_SIZE":15,"LOG_WGT_BUFF_SIZE":18,"LOG_ACC_BUFF_SIZE":17})";
  json = mutated(
      rng, json,
      {"{", "}", "[", "\"", ":", ",", "-", "1e99", "null", "\"LOG_BLOCK\":", "\"batch\":", "\\u0000"});
  if (showing()) show(json);
  const auto config = isa::parse_config(json);
  if (!config) return false;
  require(!isa::validate(config.value()), "an accepted configuration is not valid");
  require(isa::parse_config(isa::to_json(config.value())).value() == config.value(),
          "a configuration changes in its JSON");
  (void)Machine::make(config.value()).value();
  return true;
}

void round_trip(const isa::Program& p) {
  require(isa::load(isa::save(p).value()).value() == p, "a program changes in its file");
  require(isa::assemble(isa::disassemble(p)).value() == p, "a program changes in its text");
}

// All orders, within limits. With the check, one verdict and one result.
void run_all(const isa::Program& p, Rng& rng) {
  if (showing()) show(isa::disassemble(p));
  struct Outcome {
    Expected<RunResult> result;
    std::vector<uint8_t> dram;
  };
  const auto outcome = [&](const RunOptions& options) {
    Expected<Dram> dram = Dram::of(p, options.limits.dram_bytes);
    if (!dram) return Outcome{dram.error(), {}};
    Expected<RunResult> result = run(p, dram.value(), options);
    return Outcome{std::move(result), {dram.value().bytes().begin(), dram.value().bytes().end()}};
  };
  const Outcome first = outcome(small(Order::program));
  const Outcome timed = outcome(small(Order::timed));
  if (timed.result.ok()) (void)chrome_trace(p, timed.result.value());
  for (int i = 0; i < 2; ++i) {
    const Outcome random = outcome(small(Order::random, rng.next()));
    require(random.result.ok() == first.result.ok(), "a verdict depends on the order");
    require(!random.result.ok() || random.dram == first.dram, "a result depends on the order");
  }
  const bool too_slow = !timed.result.ok() && timed.result.error().code() == "sim.limit";
  require(too_slow || timed.result.ok() == first.result.ok(), "the verdict in time is another");
  require(!timed.result.ok() || timed.dram == first.dram, "the result in time is another");
  RunOptions unchecked = small(Order::random, rng.next());
  unchecked.check_order = false;
  (void)outcome(unchecked);
}

bool fuzz_text(Rng& rng) {
  const isa::MachineConfig config = isa::random_config(rng);
  isa::Program p = random_program(rng, config, static_cast<int>(rng.below(6)));
  // Without the long lines of data, so that edits meet something else.
  for (isa::Segment& s : p.segments)
    if (s.kind != isa::SegmentKind::uop) s.bytes.resize(std::min<size_t>(s.bytes.size(), 8));
  p.regions = {{"A", isa::RegionKind::input, 0, 16}, {"B", isa::RegionKind::output, 64, 64}};
  const std::string text =
      mutated(rng, isa::disassemble(p),
              {"\n", " ", ";", "=", "-", "@A", ".code\n", ".segment 0 i8\n", ".config ", "finish\n",
               "load.inp ", "gemm ", "alu.shr ", " pop_prev", " x_size=", "0x", "99999999999999999999",
               ".region C input 0 1\n", ".dram 0\n"});
  if (showing()) show(text);
  const auto q = isa::assemble(text);
  if (!q) return false;
  round_trip(q.value());
  run_all(q.value(), rng);
  return true;
}

bool fuzz_file(Rng& rng) {
  const isa::Program p = random_program(rng, isa::random_config(rng), static_cast<int>(rng.below(8)));
  std::string file = isa::save(p).value();
  damage(rng, file);
  const auto q = isa::load(file);
  if (!q) return false;
  round_trip(q.value());
  run_all(q.value(), rng);
  return true;
}

// Instructions at random, words and all: nearly all are refused when they run.
bool fuzz_stream(Rng& rng) {
  isa::Program p;
  p.config = isa::random_config(rng);
  p.dram_bytes = rng.below(1 << 16);
  const isa::Layout layout = isa::Layout::make(p.config).value();
  for (uint64_t n = rng.below(12); n > 0; --n) {
    isa::Word word = layout.encode(isa::random_insn(rng, layout)).value();
    if (rng.below(2)) word.low &= rng.next() | 7;
    if (rng.below(2)) word.high &= rng.next() & rng.next() & rng.next();
    const auto insn = layout.decode(word);
    if (insn && insn.value().opcode() != isa::Opcode::finish) p.insns.push_back(insn.value());
  }
  p.insns.push_back({});
  run_all(p, rng);
  return true;
}

// A right program with one thing changed: the check of the order must not miss a token.
bool fuzz_mutant(Rng& rng) {
  isa::Program p = random_program(rng, isa::random_config(rng), 5 + static_cast<int>(rng.below(30)));
  p.config.queue_depth = 256;
  const isa::Layout layout = isa::Layout::make(p.config).value();
  for (uint64_t edits = 1 + rng.below(2); edits > 0; --edits) {
    isa::Insn& insn = p.insns[rng.below(p.insns.size() - 1)];
    switch (rng.below(4)) {
      case 0:
        std::swap(insn, p.insns[rng.below(p.insns.size() - 1)]);
        break;
      case 1:
        insn.tokens = {};
        break;
      case 2: {
        isa::Word word = layout.encode(insn).value();
        (rng.below(2) ? word.low : word.high) ^= uint64_t{1} << rng.below(64);
        if (const auto decoded = layout.decode(word);
            decoded && decoded.value().opcode() != isa::Opcode::finish)
          insn = decoded.value();
        break;
      }
      default: {  // both ends of a token
        const size_t unit = rng.below(2);
        for (isa::Insn& other : p.insns)
          if (unit == 0 && unit_of(other) == isa::Unit::compute && rng.below(3) == 0)
            other.tokens.pop_prev = false;
        if (unit == 1) insn.tokens.push_prev = insn.tokens.pop_prev = false;
        break;
      }
    }
  }
  run_all(p, rng);
  return true;
}

}  // namespace

std::vector<FuzzKind> machine_cases() {
  return {{"config", fuzz_config},
          {"text", fuzz_text},
          {"file", fuzz_file},
          {"stream", fuzz_stream},
          {"mutant", fuzz_mutant}};
}

}  // namespace tc::test
