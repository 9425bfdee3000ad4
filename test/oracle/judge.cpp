#include "oracle/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "oracle/access.h"
#include "oracle/dice.h"
#include "oracle/execute.h"
#include "oracle/programs.h"
#include "tc/ir/traverse.h"
#include "tc/schedule/lower.h"

namespace tc::test::oracle {

void Tally::add(const Tally& o) {
  schedules += o.schedules, judged += o.judged, legal += o.legal, illegal += o.illegal;
  meaningless += o.meaningless, refused_legal += o.refused_legal, unjudged += o.unjudged, heavy += o.heavy;
  for (const auto& [code, n] : o.refused) refused[code] += n;
  for (const auto& [code, text] : o.example) example.emplace(code, text);
  for (const auto& [kind, n] : o.kinds) kinds[kind].first += n.first, kinds[kind].second += n.second;
  wrong.insert(wrong.end(), o.wrong.begin(), o.wrong.end());
}

std::string Tally::text() const {
  std::string out = fmt::format(
      "{} schedules, {} steps judged: {} legal, {} illegal, {} without a meaning; not judged {} ({} too "
      "heavy)\n{:20}{:>8}{:>10}\n",
      schedules, judged, legal, illegal, meaningless, unjudged + heavy, heavy, "step", "legal", "illegal");
  for (const auto& [kind, n] : kinds) out += fmt::format("{:20}{:8}{:10}\n", kind, n.first, n.second);
  out += fmt::format("legal and refused: {} ({:.2f}%)\n", refused_legal, 100 * refused_share());
  for (const auto& [code, n] : refused) out += fmt::format("{:40}{:6}\n", code, n);
  out += fmt::format("illegal and taken, or wrong: {}\n", wrong.size());
  return out;
}

struct Judge::State {
  RandomProgram program;
  Model model;
  Schedule schedule;
  [[nodiscard]] std::string text(const Step& step) const {
    return program.text + "\n----\n" + schedule.text() + step.text() + "\n";
  }
};

Judge::Judge(const RandomProgram& p) : state_(new State{p, Model(p.outputs), Schedule(p.outputs)}) {}
Judge::~Judge() = default;

Step Judge::roll(Rng& random) const { return StepDice(state_->model, random).roll(); }

void Judge::step(const Step& step, Tally& tally) {
  State& s = *state_;
  Schedule trial = s.schedule;
  const Check error = trial.apply(step);
  Model next = s.model;
  std::string why;
  bool meaningless = false;
  try {
    // with the names that were made up, where it was taken
    const Meaning meaning = next.apply(error ? step : trial.steps().back());
    if (meaning.kind == Meaning::unjudged) return (void)++tally.unjudged;
    meaningless = meaning.kind == Meaning::none;
    why = meaning.why;
    if (!meaningless)
      if (const auto fault = execute(next)) {
        if (fault->heavy) return (void)++tally.heavy;
        why = fault->what;
      }
  } catch (const Unjudged&) {
    return (void)++tally.unjudged;
  }
  ++tally.judged;
  const bool legal = why.empty();
  auto& [good, bad] = tally.kinds[std::string(to_string(step.kind))];
  ++(legal ? good : bad);
  ++(legal ? tally.legal : meaningless ? tally.meaningless : tally.illegal);
  if (legal && error) {
    ++tally.refused_legal;
    ++tally.refused[error->code()];
    tally.example.emplace(error->code(), s.text(step) + error->str());
  }
  if (!legal && !error) tally.wrong.push_back(fmt::format("taken, but: {}\n{}", why, s.text(step)));
  if (!legal || error) return;
  s.model = std::move(next);
  s.schedule = std::move(trial);
}

namespace {
// Whether what is aligned is, in what was lowered: the strides of the tensor's memory.
std::string misaligned(const Model& model, const FuncRef& func) {
  std::string wrong;
  for (const Stage& s : model.stages)
    for (const Alignment& a : s.align)
      ir::walk<ir::Alloc>(func->body, [&](const ir::Alloc& alloc) {
        if (alloc.buffer->name != s.buffers[0]->name) return;
        int64_t stride = 1;
        for (size_t d = a.dim + 1; d < alloc.buffer->shape.size(); ++d)
          stride *= ir::as_int(alloc.buffer->shape[d]).value();
        if (stride % a.factor != a.offset)
          wrong = fmt::format("{} has the stride {} in dimension {}", s.name, stride, a.dim);
      });
  return wrong;
}
}  // namespace

void Judge::finish(uint64_t seed, Tally& tally) {
  const State& s = *state_;
  ++tally.schedules;
  const auto wrong = [&](const std::string& what) {
    tally.wrong.push_back(fmt::format("{}\n{}\n----\n{}", what, s.program.text, s.schedule.text()));
  };
  const std::vector<HostTensor> want = random_args(s.program, seed);
  std::vector<ir::TensorView> views = views_of(want);
  if (evaluate(s.program.args, views)) return wrong("the definition cannot be evaluated");
  const auto lowered = lower(s.schedule, s.program.args);
  if (!lowered) return wrong("taken, but does not lower: " + lowered.error().str());
  if (const auto what = misaligned(s.model, lowered.value().func); !what.empty()) return wrong(what);
  std::vector<HostTensor> packed, got;
  packed.reserve(views.size()), got.reserve(views.size());
  for (const Pack& p : lowered.value().packs) {
    ir::TensorView& view = views[static_cast<size_t>(p.arg)];
    const ir::TensorView pair[] = {view, packed.emplace_back(view.type, p.shape).view()};
    if (const auto error = ir::interpret(p.func, pair)) return wrong("packing: " + error->str());
    view = packed.back().view();
  }
  for (size_t i = 0; i < views.size(); ++i)
    if (!s.program.args[i].op().is_placeholder()) views[i] = got.emplace_back(s.program.args[i]).view();
  ir::InterpretOptions options;
  options.detect_races = !s.schedule.folds_lanes();
  options.order = seed % 2 ? ir::LoopOrder::shuffled : ir::LoopOrder::reverse;
  options.seed = seed;
  if (const auto error = ir::interpret(lowered.value().func, views, options)) return wrong(error->str());
  size_t next = 0;
  for (size_t i = 0; i < views.size(); ++i) {
    if (s.program.args[i].op().is_placeholder()) continue;
    const HostTensor& out = got[next++];
    for (int64_t e = 0; e < out.size(); ++e)
      if (out.get(e) != want[i].get(e))
        return wrong(fmt::format("element {} of {} is {}, expected {}", e, s.program.args[i].name(),
                                 out.get(e), want[i].get(e)));
  }
}

void judge_random(uint64_t seed, Tally& tally) {
  Rng random(mix_seed(seed, 15));
  const RandomProgram program = judged_program(seed);
  Judge judge(program);
  for (uint64_t tries = 6 + random.below(14); tries > 0; --tries) judge.step(judge.roll(random), tally);
  judge.finish(seed, tally);
}

}  // namespace tc::test::oracle
