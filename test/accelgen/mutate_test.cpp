// Programs that nobody would schedule: functions of random cases with numbers and operators changed. What
// the interpreter accepts and the device does not refuse must agree.
// TC_ACCEL_ROUNDS: how many.
#include <cctype>
#include <cstdlib>
#include <map>

#include "random_device.h"
#include "tc/ir/interpret.h"
#include "tc/ir/parse.h"

namespace tc::accel::test {
namespace {

// Changes a number, an operator or a comparison somewhere behind the head of the function.
std::string mutated(std::string text, Rng& rng) {
  const size_t body = text.find(") {") + 3;
  std::vector<std::pair<size_t, size_t>> words;
  for (size_t i = body; i < text.size(); ++i) {
    const bool digit = std::isdigit(static_cast<unsigned char>(text[i])) != 0;
    const bool starts = !std::isalnum(static_cast<unsigned char>(text[i - 1])) && text[i - 1] != '_';
    size_t n = 1;
    if (digit && starts) {
      while (std::isdigit(static_cast<unsigned char>(text[i + n]))) ++n;
      words.emplace_back(i, n);
    } else if (text[i - 1] == ' ' && text[i + 1] == ' ' &&
               std::string_view("+-*/%<").find(text[i]) != std::string_view::npos) {
      words.emplace_back(i, n);
    } else if (text.compare(i, 4, "min(") == 0 || text.compare(i, 4, "max(") == 0) {
      words.emplace_back(i, 3);
    }
    i += n - 1;
  }
  if (words.empty()) return text;
  const auto [at, n] = words[rng.below(words.size())];
  const std::string old = text.substr(at, n);
  std::string now;
  if (std::isdigit(static_cast<unsigned char>(old[0]))) {
    const int64_t v = std::atoll(old.c_str());
    const int64_t all[] = {v + 1, std::max<int64_t>(v - 1, 0), 2 * v, v / 2, 0, 1};
    now = std::to_string(all[rng.below(6)]);
  } else if (old == "min" || old == "max") {
    now = old == "min" ? "max" : "min";
  } else {
    const char* all[] = {"+", "-", "*", "<=", ">=", "==", "!=", "/", "%"};
    now = all[old == "<" ? 3 + rng.below(4) : rng.below(3) + (rng.below(4) == 0 ? 6 : 0)];
  }
  return text.replace(at, n, now);
}

std::vector<HostTensor> copies(const std::vector<HostTensor>& of) {
  std::vector<HostTensor> out;
  for (const HostTensor& t : of) {
    out.emplace_back(t.dtype(), t.shape());
    std::memcpy(out.back().data(), t.data(), t.bytes());
  }
  return out;
}

std::string run_mutant(uint64_t seed) {
  Rng rng(mix_seed(seed, 0x3a7a));
  Case c = random_case(seed);
  const auto low = lower(*c.schedule, c.args);
  if (!low) return "no case";
  std::string text = ir::to_string(low.value().func);
  for (uint64_t n = 1 + rng.below(2); n > 0; --n) text = mutated(std::move(text), rng);
  const auto func = ir::parse_func(text);
  if (!func) return "no program";
  const auto code = compile_device(func.value(), c.config);
  if (!code) {
    EXPECT_NE(code.error().kind(), ErrorKind::internal) << "seed " << seed << "\n" << code.error().str();
    return code.error().code();
  }
  std::vector<HostTensor> start;
  for (const ir::BufferRef& p : func.value()->params) {
    std::vector<int64_t> shape;
    for (const Expr& e : p->shape) shape.push_back(*ir::as_int(e));
    HostTensor t(p->type, shape);
    for (int64_t i = 0; i < t.size(); ++i) t.set(i, static_cast<double>(rng.between(-128, 127)));
    start.push_back(std::move(t));
  }
  const std::vector<HostTensor> want = copies(start);
  if (ir::interpret(func.value(), views_of(want), {.initialized_outputs = true})) return "wrong program";
  for (const auto order : {sim::Order::timed, sim::Order::random}) {
    sim::Dram dram = sim::Dram::of(code.value().program).value();
    for (size_t i = 0; i < start.size(); ++i)
      std::memcpy(dram.bytes().data() + code.value().program.region(func.value()->params[i]->name)->address,
                  start[i].data(), start[i].bytes());
    const auto ran = sim::run(code.value().program, dram, {.order = order, .seed = seed});
    EXPECT_TRUE(ran) << "seed " << seed << "\n" << ran.error().str() << "\n" << text;
    if (!ran) return "fails";
    for (size_t i = 0; i < start.size(); ++i) {
      const auto& name = func.value()->params[i]->name;
      const bool same = std::memcmp(dram.bytes().data() + code.value().program.region(name)->address,
                                    want[i].data(), want[i].bytes()) == 0;
      EXPECT_TRUE(same) << "seed " << seed << ": " << name << " differs\n" << text;
      if (!same) return "differs";
    }
  }
  return "ok";
}

TEST(AccelMutants, AgreeOrAreRefused) {
  const char* rounds = std::getenv("TC_ACCEL_ROUNDS");
  const char* first = std::getenv("TC_ACCEL_FIRST");
  const uint64_t begin = first ? std::strtoull(first, nullptr, 10) : 1;
  const uint64_t count = rounds ? std::strtoull(rounds, nullptr, 10) : 300;
  std::map<std::string, int> outcomes;
  for (uint64_t seed = begin; seed < begin + count && !HasFailure(); ++seed) ++outcomes[run_mutant(seed)];
  for (const auto& [what, n] : outcomes) std::printf("%-28s %d\n", what.c_str(), n);
  EXPECT_GT(outcomes["ok"], static_cast<int>(count / 10));
}

}  // namespace
}  // namespace tc::accel::test
