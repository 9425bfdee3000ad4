// Running lists of passes.
#include "tc/ir/pass.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "tc/ir/passes.h"
#include "tc/ir/print.h"
#include "tc/support/source_text.h"

namespace tc::ir {

std::span<const Pass* const> all_passes() {
  static const std::array kPasses = {
#define TC_X(name) &passes::name,
    TC_IR_PASSES(TC_X)
#undef TC_X
  };
  return kPasses;
}

const Pass* find_pass(std::string_view name) {
  const auto all = all_passes();
  const auto it = std::ranges::find(all, name, &Pass::name);
  return it == all.end() ? nullptr : *it;
}

namespace {

Error unknown_pass(std::string_view name) {
  std::vector<std::string> known;
  for (const Pass* p : all_passes()) known.emplace_back(p->name);
  const std::string near = nearest(name, known);
  return Error("ir.pass", fmt::format("there is no pass named {}", printable(name.substr(0, 64))))
      .fact("passes", fmt::format("{}", fmt::join(known, ", ")))
      .fix(near.empty() ? "name some of these, in their order" : fmt::format("did you mean {}?", near));
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

void check_form(const FuncRef& func, Form form) {
  if (const Check error = verify(func, form)) throw *error;
}

// Calls f; an error gains the place where it arose. A function that breaks a rule
// behind a pass, and did not before, is our mistake.
template <class F>
auto at_step(const Pass& pass, int number, F&& f) {
  try {
    return f();
  } catch (Error& e) {
    (void)std::move(e).fact("pass", std::string(pass.name)).fact("step", std::to_string(number));
    if (e.code().starts_with("ir.verify."))
      (void)std::move(e).fix("please report this with the program that caused it");
    throw std::move(e);
  }
}

}  // namespace

Pipeline parse_pipeline(std::string_view names) {
  Pipeline out{"named passes", Form::nested, Form::nested, {}};
  while (!names.empty()) {
    const size_t comma = names.find(',');
    const std::string_view name = trim(names.substr(0, comma));
    names = comma == std::string_view::npos ? std::string_view() : names.substr(comma + 1);
    if (name.empty()) continue;
    const Pass* pass = find_pass(name);
    if (!pass) throw unknown_pass(name);
    out.steps.push_back({pass, "asked for by name"});
    if (pass->in != pass->out) out.out = pass->out;
  }
  return out;
}

FuncRef run_pass(const Pass& pass, const FuncRef& func, const PassContext& context) {
  return pass.run(func, context);
}

FuncRef run_pipeline(const Pipeline& pipeline, const FuncRef& func, const PassContext& context,
                     const RunOptions& options) {
  FuncRef now = func;
  Form form = pipeline.in;
  if (options.verify) check_form(now, form);
  if (options.report) options.report({0, "input", now, true, 0});
  const int all = static_cast<int>(pipeline.steps.size());
  const int count = options.stop_after < 0 ? all : std::min(all, options.stop_after);
  for (int i = 0; i < count; ++i) {
    const Pass& pass = *pipeline.steps[static_cast<size_t>(i)].pass;
    const auto start = std::chrono::steady_clock::now();
    FuncRef next = at_step(pass, i + 1, [&] { return pass.run(now, context); });
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    if (pass.in != pass.out) form = pass.out;
    if (i + 1 == all) form = pipeline.out;
    if (options.verify) at_step(pass, i + 1, [&] { check_form(next, form); });
    const bool changed = !next.same(now);
    now = std::move(next);
    if (options.report) options.report({i + 1, pass.name, now, changed, took.count()});
  }
  return now;
}

std::string to_string(const StepReport& report) {
  std::string head = fmt::format("---- {:02} {}", report.number, report.name);
  if (!report.changed) return head + " (unchanged)";
  return head + "\n" + to_string(report.func);
}

}  // namespace tc::ir
