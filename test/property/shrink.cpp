#include "property/shrink.h"

#include "tc/ir/traverse.h"

namespace tc::test {
namespace {

RandomProgram program_of(std::vector<Tensor> outputs) {
  RandomProgram p;
  const Graph g = Graph::of(outputs);
  p.args = g.inputs;
  p.args.insert(p.args.end(), outputs.begin(), outputs.end());
  p.outputs = std::move(outputs);
  p.text = ir::to_string(to_func(g, p.args));
  return p;
}

/// The program with the tensors of one stage given instead of computed.
std::optional<RandomProgram> cut_at(const RandomProgram& p, const Op& op, const Graph& graph, size_t index) {
  for (const Tensor& t : p.outputs)
    if (&t.op() == &op) return std::nullopt;
  const FuncRef f = to_func(graph, p.args);
  std::vector<BufferRef> params = f->params;
  const auto& gone = graph.buffers[index];
  params.insert(params.begin(), gone.begin(), gone.end());
  const auto is_gone = [&](const BufferRef& b) {
    return std::any_of(gone.begin(), gone.end(), [&](const BufferRef& g) { return g.same(b); });
  };
  const ir::Stmt body = ir::rewrite(
      f->body, [&](const ir::Alloc& a) -> ir::Stmt { return is_gone(a.buffer) ? a.body : nullptr; },
      [&](const ir::Compute& c) -> ir::Stmt { return is_gone(c.buffers[0]) ? ir::seq({}) : nullptr; });
  const auto parsed = from_func(ir::func("main", params, body));
  if (!parsed) return std::nullopt;
  return program_of(parsed.value().outputs);
}

std::vector<RandomProgram> smaller(const RandomProgram& p) {
  std::vector<RandomProgram> out;
  if (p.outputs.size() > 1)
    for (size_t i = 0; i < p.outputs.size(); ++i) {
      std::vector<Tensor> rest = p.outputs;
      rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(i));
      out.push_back(program_of(std::move(rest)));
    }
  const Graph g = Graph::of(p.outputs);
  for (size_t i = g.ops.size(); i-- > 0;) try {
      if (auto cut = cut_at(p, *g.ops[i], g, i)) out.push_back(std::move(*cut));
    } catch (const Error&) {  // not a program any more
    }
  return out;
}

class Shrinker {
 public:
  Shrinker(Shrunk start, uint64_t seed, int max_tries, const Judge& judge)
      : best_(std::move(start)), seed_(seed), max_tries_(max_tries), judge_(judge) {}

  Shrunk run() {
    for (bool more = true; more && best_.tries < max_tries_;) {
      more = drop_steps();
      for (RandomProgram& p : smaller(best_.program))
        if (attempt(Subject(std::move(p), seed_), best_.steps)) {
          more = true;
          break;
        }
    }
    return std::move(best_);
  }

 private:
  bool attempt(const Subject& subject, const std::vector<Step>& steps) {
    if (best_.tries >= max_tries_ || !subject.broken().empty()) return false;
    ++best_.tries;
    const std::vector<Step> legal = subject.legal(steps);
    Verdict v = judge_ ? judge_(subject, legal) : subject.check(legal);
    if (v.kind != Verdict::differ || v.where != best_.verdict.where) return false;
    best_.program = subject.program();
    best_.steps = legal;
    best_.verdict = std::move(v);
    return true;
  }

  // Halves first, then quarters, down to single steps (Zeller and Hildebrandt, 2002).
  bool drop_steps() {
    bool dropped = false;
    const Subject subject(best_.program, seed_);
    for (size_t size = std::max<size_t>(best_.steps.size() / 2, 1); size > 0; size /= 2)
      for (size_t at = best_.steps.size(); at-- > 0;) {
        if (at + size > best_.steps.size()) continue;
        std::vector<Step> rest = best_.steps;
        const auto from = rest.begin() + static_cast<std::ptrdiff_t>(at);
        rest.erase(from, from + static_cast<std::ptrdiff_t>(size));
        dropped |= attempt(subject, rest);
      }
    return dropped;
  }

  Shrunk best_;
  uint64_t seed_;
  int max_tries_;
  const Judge& judge_;
};

}  // namespace

Shrunk shrink(const Subject& subject, std::vector<Step> steps, Verdict verdict, int max_tries,
              const Judge& judge) {
  return Shrinker({subject.program(), std::move(steps), std::move(verdict), 0}, subject.seed(), max_tries,
                  judge)
      .run();
}

std::string report(uint64_t seed, const Shrunk& s) {
  return fmt::format("seed {}, first wrong after: {}\n{}\n==== case, after {} tries to shrink it\n{}", seed,
                     s.verdict.where, s.verdict.what, s.tries, to_text(s.program, s.steps));
}

}  // namespace tc::test
