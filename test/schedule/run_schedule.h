// Runs a program under steps in the interpreter and compares it with its definition.
#pragma once
#include <gtest/gtest.h>

#include <cstring>

#include "tc/ir/parse.h"
#include "tc/ir/print.h"
#include "tc/schedule/lower.h"
#include "tc/te/evaluate.h"

namespace tc::test {

inline ParsedGraph program(const std::string& text) {
  return from_func(ir::parse_func(text).value()).value();
}

/// The first step that is refused.
inline Check apply_text(Schedule& s, const std::string& steps) { return s.apply(parse_steps(steps).value()); }

/// What a schedule of `text` refuses, as "code: sentence"; "" where all steps are legal.
inline std::string refusal(const std::string& text, const std::string& steps) {
  Schedule s(program(text).outputs);
  const Check error = apply_text(s, steps);
  return error ? error->code() + ": " + error->message() : "";
}

/// Compares with the definition, whatever the order of parallel loops; gives the loops.
inline std::string expect_right(const ParsedGraph& g, const Schedule& s) {
  std::vector<HostTensor> want = make_args(g.args, 3);
  EXPECT_FALSE(evaluate(g.args, views_of(want)));
  const auto low = lower(s, g.args);
  EXPECT_TRUE(low) << low.error().str();
  if (!low) return "";
  for (const auto order : {ir::LoopOrder::forward, ir::LoopOrder::reverse, ir::LoopOrder::shuffled}) {
    std::vector<HostTensor> got;
    std::vector<ir::TensorView> views = views_of(want);
    for (size_t i = 0; i < g.args.size(); ++i)
      if (!g.args[i].op().is_placeholder()) views[i] = got.emplace_back(g.args[i]).view();
    std::vector<HostTensor> packed;
    for (const Pack& p : low.value().packs) {
      const auto i = static_cast<size_t>(p.arg);
      const ir::TensorView plain = views[i];
      packed.emplace_back(plain.type, p.shape);
      const ir::TensorView pair[] = {plain, packed.back().view()};
      EXPECT_FALSE(ir::interpret(p.func, pair));
      views[i] = packed.back().view();
    }
    ir::InterpretOptions options;
    options.order = order;
    const Check error = ir::interpret(low.value().func, views, options);
    EXPECT_FALSE(error) << error->str() << ir::to_string(low.value().func);
    if (error) return "";
    size_t next = 0;
    for (size_t i = 0; i < g.args.size(); ++i)
      if (!g.args[i].op().is_placeholder()) {
        const HostTensor& out = got[next++];
        EXPECT_EQ(std::memcmp(out.data(), want[i].data(), out.bytes()), 0) << g.args[i].name() << "\n"
                                                                           << ir::to_string(low.value().func);
      }
  }
  return s.loops();
}
inline std::string expect_right(const std::string& text, const std::string& steps) {
  const ParsedGraph g = program(text);
  Schedule s(g.outputs);
  const Check error = apply_text(s, steps);
  EXPECT_FALSE(error) << error->str();
  return error ? "" : expect_right(g, s);
}

}  // namespace tc::test
