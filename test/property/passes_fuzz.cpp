// passes_fuzz [--count N] [--first SEED]
//
// property_fuzz without a code generator, and so without the library of one: the definition
// and the interpreter after lowering and after every pass. It links in a moment and runs
// in half the time, for test/property/faults.py. Stops at the first mismatch with
// status 1.
#include <fmt/format.h>

#include <string>

#include "property/fuzz_run.h"
#include "property/instances.h"
#include "property/random_case.h"
#include "tc/ir/pass.h"
#include "tc/schedule/lower.h"

namespace {

using namespace tc;
using namespace tc::test;

struct Mismatch {
  std::string where, what;
};
constexpr int64_t kMaxSteps = 400'000;  // statements; longer runs are passed over

class Case {
 public:
  explicit Case(uint64_t seed) : seed_(seed), program_(random_case_program(seed)) {
    std::string broken;
    instances_ = instances_of(program_, seed, broken);
    if (!broken.empty()) throw Mismatch{"evaluate", broken};
    for (const Instance& i : instances_) inputs_.push_back(views_of(i.expected));
  }

  void run() {
    Schedule schedule(program_.outputs);
    if (const auto error = schedule.apply(random_case_steps(program_, seed_)))
      throw Mismatch{"apply", error->str()};
    const auto lowered = lower(schedule, program_.args);
    if (!lowered) throw Mismatch{"lower", lowered.error().str()};
    races_ = !schedule.folds_lanes();
    for (const Pack& p : lowered.value().packs) pack(p);
    ir::RunOptions options;
    options.verify = true;
    options.report = [&](const ir::StepReport& r) {
      if (r.changed || r.number == 0) compare(fmt::format("{:02} {}", r.number, r.name), r.func);
    };
    ir::PassContext context;
    context.vector_bits = seed_ % 3 == 0 ? 128 : seed_ % 3 == 1 ? 256 : 512;
    context.fma = seed_ % 2 == 0;
    try {
      (void)ir::run_pipeline(ir::cpu_pipeline(), lowered.value().func, context, options);
    } catch (const Error& e) {
      throw Mismatch{"pipeline", e.str()};
    }
  }

 private:
  void pack(const Pack& p) {
    for (auto& inputs : inputs_) {
      ir::TensorView& view = inputs[static_cast<size_t>(p.arg)];
      packed_.push_back(std::make_unique<HostTensor>(view.type, p.shape));
      const ir::TensorView pair[] = {view, packed_.back()->view()};
      if (const auto error = ir::interpret(p.func, pair)) throw Mismatch{"pack", error->str()};
      view = packed_.back()->view();
    }
  }

  void compare(const std::string& where, const FuncRef& f) {
    for (size_t i = 0; i < instances_.size() && !heavy_; ++i)
      compare(where + instances_[i].text(), f, instances_[i], inputs_[i]);
  }
  void compare(const std::string& where, const FuncRef& f, const Instance& instance,
               std::vector<ir::TensorView> views) {
    std::vector<HostTensor> outputs;
    outputs.reserve(views.size());
    for (size_t i = 0; i < views.size(); ++i)
      if (!is_input(i)) views[i] = outputs.emplace_back(views[i].type, instance.expected[i].shape()).view();
    ir::InterpretOptions options;
    options.max_steps = kMaxSteps;
    options.detect_races = races_;
    options.order = seed_ % 2 ? ir::LoopOrder::shuffled : ir::LoopOrder::reverse;
    options.seed = seed_;
    options.sizes = instance.sizes;
    if (const auto error = ir::interpret(f, fitted(std::move(views), f), options)) {
      heavy_ = error->code() == "ir.interpret.steps";
      if (heavy_) return;
      throw Mismatch{where, error->str()};
    }
    size_t next = 0;
    for (size_t i = 0; i < instance.expected.size(); ++i) {
      if (is_input(i)) continue;
      const HostTensor &got = outputs[next++], &want = instance.expected[i];
      for (int64_t e = 0; e < got.size(); ++e)
        if (const double a = got.get(e), b = want.get(e); a != b && !(a != a && b != b))
          throw Mismatch{
              where, fmt::format("element {} of {} is {}, expected {}", e, program_.args[i].name(), a, b)};
    }
  }
  [[nodiscard]] bool is_input(size_t i) const { return program_.args[i].op().is_placeholder(); }

  uint64_t seed_;
  RandomProgram program_;
  std::vector<Instance> instances_;
  std::vector<std::unique_ptr<HostTensor>> packed_;
  std::vector<std::vector<ir::TensorView>> inputs_;  // of each instance
  bool races_ = true, heavy_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  uint64_t count = 1000, first = 1;
  for (int i = 1; i < argc; ++i) {
    const std::string key = argv[i];
    if ((key != "--count" && key != "--first") || i + 1 == argc) {
      fmt::print("usage: passes_fuzz [--count N] [--first SEED]\n");
      return 2;
    }
    (key == "--count" ? count : first) = std::strtoull(argv[++i], nullptr, 10);
  }
  report_crashes();
  for (uint64_t seed = first; seed < first + count; ++seed) {
    current_seed = static_cast<std::sig_atomic_t>(seed);
    try {
      Case(seed).run();
    } catch (const Mismatch& m) {
      fmt::print("case {}: first wrong after: {}\n{}\n", seed, m.where, m.what);
      return 1;
    } catch (const std::exception& e) {
      fmt::print("case {}: {}\n", seed, e.what());
      return 1;
    }
  }
  fmt::print("{} cases, 0 mismatches\n", count);
  return 0;
}
