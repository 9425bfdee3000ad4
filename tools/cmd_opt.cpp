// tensorc opt: runs named passes on the text of a function.
#include <fmt/format.h>

#include "declare.h"
#include "inputs.h"
#include "output.h"
#include "tc/ir/parse.h"
#include "tc/ir/passes.h"
#include "tc/ir/print.h"

namespace tc::cli {
namespace {

constexpr size_t kMaxText = size_t{16} << 20;

struct Options {
  std::string file, passes, target = "cpu";
  bool print_after_all = false, verify = false, time = false;
  int stop_after = -1;
};

std::string list_of_passes() {
  std::string out = "Passes:\n";
  for (const ir::Pass* p : ir::all_passes()) out += fmt::format("  {:<22}{}\n", p->name, p->summary);
  return out +
         "  cpu                   the pipeline of the CPU back end: all it does between lowering and code";
}

std::string name_of(ir::Form form) { return std::string(ir::to_string(form)); }

// The strictest form that the text is in; the others are looser in this order.
ir::Form form_of(const FuncRef& f) {
  for (const ir::Form form : {ir::Form::target, ir::Form::flat})
    if (!ir::verify(f, form)) return form;
  const Check error = ir::verify(f, ir::Form::nested);
  if (!error) return ir::Form::nested;
  if (ir::verify(f, ir::Form::te)) throw *error;
  throw Error("ir.pass.form", "passes do not take functions in te form")
      .fact("function", f->name)
      .fix("give it a schedule: tensorc compile \"graph: ...\" --emit ir");
}

// Passes trust the form that they are given, so each must get the one it takes.
void require_forms(const ir::Pipeline& pipeline, ir::Form form) {
  for (const ir::Step& step : pipeline.steps) {
    const ir::Pass& pass = *step.pass;
    TC_REQUIRE(form >= pass.in,
               Error("ir.pass.form", fmt::format("{} takes the {} form", pass.name, name_of(pass.in)))
                   .fact("pass", std::string(pass.name))
                   .fact("got", name_of(form) + " form")
                   .fix("run the passes that make that form before it; --passes cpu has them all"));
    if (pass.in != pass.out) form = pass.out;
  }
}

int run(const Options& o, bool json) {
  const ir::Pipeline pipeline = o.passes == "cpu" ? ir::cpu_pipeline() : ir::parse_pipeline(o.passes);
  const ir::PassContext context = pass_context(parse_target(o.target));
  const FuncRef input = ir::parse_func(read_file(o.file, kMaxText), o.file).value();
  require_forms(pipeline, form_of(input));
  Json steps = Json::array();
  std::string times;
  ir::RunOptions options;
  options.stop_after = o.stop_after;
  options.verify = o.verify;
  options.report = [&](const ir::StepReport& r) {
    if (!json && o.print_after_all) print(ir::to_string(r) + "\n");
    if (r.number > 0)
      times += fmt::format("{:3} {:<22} {:9.3f} ms{}\n", r.number, r.name, r.seconds * 1e3,
                           r.changed ? "" : "  unchanged");
    if (!json) return;
    steps.push_back({{"number", r.number}, {"pass", r.name}, {"changed", r.changed}, {"seconds", r.seconds}});
    if (o.print_after_all) steps.back()["func"] = ir::to_string(r.func);
  };
  FuncRef result;
  try {
    result = ir::run_pipeline(pipeline, input, context, options);
  } catch (const Error& e) {  // the text was right, so a pass was not
    print_error(e, json, kFailed);
    return kFailed;
  }
  if (json)
    print_json({{"func", ir::to_string(result)}, {"steps", std::move(steps)}});
  else if (!o.print_after_all)
    print(ir::to_string(result) + "\n");
  if (o.time && !json) note(times);
  return kDone;
}

}  // namespace

void add_opt(CLI::App& app, Call& call) {
  add_command<Options>(
      app, call, "opt", "Run passes on a function's text and print the result",
      [](CLI::App& sub, Options& o) {
        sub.add_option("FILE", o.file, "The function; - reads standard input")->required();
        sub.add_option("--passes", o.passes, "Names joined by commas, or cpu")->required();
        sub.add_option("--target", o.target, "The machine that passes may know of");
        sub.add_flag("--print-after-all", o.print_after_all, "Print the function after every pass");
        sub.add_option("--stop-after", o.stop_after, "Run only the first N passes")
            ->check(CLI::Range(0, 1'000'000));
        sub.add_flag("--verify", o.verify, "Check the function before the first and after every pass");
        sub.add_flag("--time", o.time, "Print what each pass took, to standard error");
        sub.footer(list_of_passes());
      },
      run);
}

}  // namespace tc::cli
