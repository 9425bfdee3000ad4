#include "property/check.h"

#include <chrono>
#include <cmath>
#include <cstring>

#include "../../lib/schedule/state.h"
#include "property/fuzz_run.h"
#include "property/random_case.h"
#include "tc/codegen/build.h"
#include "tc/ir/parse.h"
#include "tc/ir/simplify.h"

namespace tc::test {
namespace {

class Stopwatch {
 public:
  explicit Stopwatch(double& total) : total_(total), start_(now()) {}
  ~Stopwatch() { total_ += now() - start_; }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  static double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  }
  double& total_;
  double start_;
};

// ---- what a case may cost

/// Iterations of innermost statements, and statements after unrolling.
struct Cost {
  double runs = 0, code = 0;
};
Cost cost_of(const ir::Stmt& s, double runs, double code, const ir::VarMap& sizes) {
  if (!s) return {};
  Cost sum;
  const auto add = [&](const Cost& c) { sum.runs += c.runs, sum.code += c.code; };
  if (const auto* f = s.as<ir::For>()) {
    const Expr number = sizes.empty() ? f->extent : ir::simplify(ir::substitute(f->extent, sizes));
    const auto extent = static_cast<double>(std::max<int64_t>(ir::as_int(number).value_or(1), 1));
    const bool copied = f->mode == ir::LoopMode::unrolled || f->mode == ir::LoopMode::vthread;
    const double copies = copied ? extent : f->mode == ir::LoopMode::vectorized ? std::ceil(extent / 8) : 1;
    add(cost_of(f->body, runs * extent, code * copies, sizes));
  } else if (const auto* q = s.as<ir::Seq>()) {
    for (const ir::Stmt& one : q->stmts) add(cost_of(one, runs, code, sizes));
  } else if (const auto* i = s.as<ir::If>()) {
    add(cost_of(i->if_true, runs, code, sizes)), add(cost_of(i->if_false, runs, code, sizes));
  } else if (const auto* a = s.as<ir::Alloc>()) {
    add(cost_of(a->body, runs, code, sizes));
  } else if (const auto* l = s.as<ir::Let>()) {
    add(cost_of(l->body, runs, code, sizes));
  } else {
    add({runs, code});
  }
  return sum;
}
constexpr double kMaxRuns = 60'000, kMaxCode = 200;

// ---- tensors

/// Memory for an output with a margin on both sides that nothing may touch.
class Guarded {
 public:
  explicit Guarded(const HostTensor& like)
      : bytes_(like.bytes()), memory_(kU8, {static_cast<int64_t>(bytes_ + 2 * kMargin)}) {}
  [[nodiscard]] std::byte* data() const { return static_cast<std::byte*>(memory_.data()) + kMargin; }
  [[nodiscard]] bool margins_intact() const {
    const auto* all = static_cast<const unsigned char*>(memory_.data());
    for (size_t i = 0; i < kMargin; ++i)
      if (all[i] != 0xa5 || all[kMargin + bytes_ + i] != 0xa5) return false;
    return true;
  }

 private:
  static constexpr size_t kMargin = 64;
  size_t bytes_;
  HostTensor memory_;
};

bool same_bytes(const HostTensor& a, const HostTensor& b) {
  return std::memcmp(a.data(), b.data(), a.bytes()) == 0;
}

/// The first element in which they differ, or "". The maximum of 0 and -0 may have either sign.
std::string difference(const HostTensor& got, const HostTensor& want) {
  if (same_bytes(got, want)) return "";
  for (int64_t i = 0; i < want.size(); ++i) {
    const double a = got.get(i), b = want.get(i);
    if (a != b && !(std::isnan(a) && std::isnan(b)))
      return fmt::format("element {} is {}, expected {}", i, a, b);
  }
  return "";
}

DLTensor dl_of(DType d, const std::vector<int64_t>& shape, void* data) {
  const auto code = d.is_bool()                      ? kDLBool
                    : d.code == ir::TypeCode::bfloat ? kDLBfloat
                    : d.is_float()                   ? kDLFloat
                    : d.is_signed()                  ? kDLInt
                                                     : kDLUInt;
  DLTensor v{};
  v.data = data;
  v.device = {kDLCPU, 0};
  v.ndim = static_cast<int32_t>(shape.size());
  v.dtype = {static_cast<uint8_t>(code), static_cast<uint8_t>(d.is_bool() ? 8 : d.bits), 1};
  v.shape = const_cast<int64_t*>(shape.data());
  return v;
}

// This machine, and older ones whose code it runs: other vector widths, no fma.
const codegen::Target& target_of(uint64_t seed) {
  static const std::vector<codegen::Target> targets = [] {
    std::vector<codegen::Target> out{codegen::Target::host()};
    for (const char* text : {"cpu -mcpu=x86-64-v3", "cpu -mcpu=x86-64-v2"})
      if (const auto t = codegen::Target::parse(text); t && !t.value().runs_on(out[0]))
        out.push_back(t.value());
    return out;
  }();
  return targets[seed % 4 < targets.size() ? seed % 4 : 0];
}

}  // namespace

// One schedule of a subject, compared step by step until the first disagreement.
class CaseRun {
 public:
  CaseRun(const Subject& subject, const Schedule& schedule)
      : subject_(subject), schedule_(schedule), target_(target_of(subject.seed())) {
    for (const auto& i : subject.instances_) inputs_.push_back(views_of(i.expected));
    // lanes of a vectorized reduction do depend on each other
    races_ = schedule.folds_lanes();
  }

  Verdict run() {
    replay();
    if (verdict_.kind != Verdict::agree) return verdict_;
    if (!lower_it()) return verdict_;
    BuildOptions options;
    options.target = target_;
    options.passes.verify = true;
    options.passes.report = [&](const ir::StepReport& r) {
      if (r.changed || r.number == 0) interpret(fmt::format("{:02} {}", r.number, r.name), r.func);
    };
    const double interpreted = Subject::times.interpret;
    std::optional<FuncRef> target;
    {
      const Stopwatch watch(Subject::times.passes);
      try {
        target = ir::run_pipeline(ir::cpu_pipeline(), lowered_->func, pass_context(options.target),
                                  options.passes);
      } catch (const Error& e) {
        differ("pipeline", e.str());
      }
    }
    Subject::times.passes -= Subject::times.interpret - interpreted;  // the reports run inside
    if (verdict_.kind == Verdict::agree) machine_code(*target);
    if (verdict_.kind == Verdict::agree &&
        (subject_.seed_ % 16 == 0 || (!packed_.empty() && subject_.seed_ % 4 == 0)))
      whole_build();
    return verdict_;
  }

 private:
  void differ(std::string where, std::string what) {
    if (verdict_.kind == Verdict::agree) verdict_ = {Verdict::differ, std::move(where), std::move(what)};
  }
  [[nodiscard]] const std::vector<Tensor>& args() const { return subject_.program_.args; }
  [[nodiscard]] bool is_input(size_t i) const { return args()[i].op().is_placeholder(); }

  // The text form of a schedule makes the same schedule.
  void replay() {
    Schedule again(subject_.program_.outputs);
    const auto steps = parse_steps(schedule_.text());
    if (!steps) return differ("parse_steps", steps.error().str());
    if (const auto error = again.apply(steps.value())) return differ("replay", error->str());
    if (again.text() != schedule_.text()) differ("replay", again.text());
  }

  // A program with a size under the schedule for some calls, and under its first steps for others.
  Expected<Lowered> lower_variants() const {
    const std::vector<VarRef> sizes = sizes_of(args());
    if (sizes.empty()) return lower(schedule_, args());
    const std::vector<Step>& all = schedule_.steps();
    Schedule less(subject_.program_.outputs);
    const auto half = static_cast<std::ptrdiff_t>(all.size() / 2);
    if (const auto error = less.apply(std::vector<Step>(all.begin(), all.begin() + half))) return *error;
    const Expr few = Expr(sizes[0]) <= ir::int_imm(static_cast<int64_t>(1 + subject_.seed() % 8));
    const bool swap = subject_.seed() % 2 == 0;
    const Variant variants[] = {{swap ? less : schedule_, few}, {swap ? schedule_ : less, nullptr}};
    return lower(variants, args());
  }

  bool lower_it() {
    const Stopwatch watch(Subject::times.lower);
    auto lowered = lower(schedule_, args());
    if (!lowered) return differ("lower", lowered.error().str()), false;
    if (subject_.seed() % 3 == 0 && lowered.value().packs.empty()) lowered = lower_variants();
    if (!lowered) return differ("lower variants", lowered.error().str()), false;
    lowered_ = std::move(lowered).value();
    ir::VarMap most;  // the values that cost most
    for (const auto& [v, n] : subject_.instances_.back().sizes) most[v] = ir::int_imm(n);
    const Cost cost = cost_of(lowered_->func->body, 1, 1, most);
    if (cost.runs > kMaxRuns || cost.code > kMaxCode) return verdict_.kind = Verdict::heavy, false;
    for (const Pack& p : lowered_->packs) {
      const auto i = static_cast<size_t>(p.arg);
      for (auto& inputs : inputs_) {
        packed_.emplace_back(inputs[i].type, p.shape);
        const ir::TensorView pair[] = {inputs[i], packed_.back().view()};
        if (const auto error = ir::interpret(p.func, pair))
          return differ("pack", error->str() + "\n" + ir::to_string(p.func)), false;
        inputs[i] = packed_.back().view();
      }
    }
    return true;
  }

  void interpret(const std::string& where, const FuncRef& f) {
    for (size_t i = 0; i < inputs_.size(); ++i) interpret(where, f, subject_.instances_[i], inputs_[i]);
    before_ = f;
  }
  void interpret(const std::string& where, const FuncRef& f, const Instance& instance,
                 std::vector<ir::TensorView> views) {
    if (verdict_.kind != Verdict::agree) return;
    const Stopwatch watch(Subject::times.interpret);
    std::vector<HostTensor> outputs;
    for (size_t i = 0; i < args().size(); ++i) {
      if (is_input(i)) continue;
      outputs.emplace_back(args()[i].dtype(), instance.expected[i].shape());
      views[i] = outputs.back().view();
    }
    ir::InterpretOptions options;
    options.max_steps = 100'000'000;
    options.detect_races = !races_;
    options.order = subject_.seed_ % 2 ? ir::LoopOrder::shuffled : ir::LoopOrder::reverse;
    options.seed = subject_.seed_;
    options.sizes = instance.sizes;
    const auto error = ir::interpret(f, fitted(std::move(views), f), options);
    if (error) return differ(where + instance.text(), error->str() + show(f));
    size_t next = 0;
    for (size_t i = 0; i < args().size(); ++i)
      if (!is_input(i)) compare(where, instance, outputs[next++], i, f);
  }
  [[nodiscard]] std::string show(const FuncRef& f) const {
    return (before_ ? "\n---- before\n" + ir::to_string(before_) : "") + "\n---- after\n" + ir::to_string(f);
  }

  void compare(const std::string& where, const Instance& instance, const HostTensor& got, size_t arg,
               const FuncRef& f) {
    const std::string text = difference(got, instance.expected[arg]);
    if (!text.empty())
      differ(where + instance.text(), fmt::format("{}: {}{}", args()[arg].name(), text, f ? show(f) : ""));
  }

  void machine_code(const FuncRef& f) {
    codegen::AbiSpec abi;
    for (size_t i = 0; i < args().size(); ++i) {
      const ir::TensorView& v = inputs_[0][i];
      abi.args.push_back({args()[i].name(), v.type, v.shape, !is_input(i), 0});
      bool numbers = true;
      for (size_t d = 0; d < args()[i].shape().size(); ++d) {
        const auto n = ir::as_int(args()[i].shape()[d]);
        numbers &= n.has_value();
        if (!n) abi.args.back().shape[d] = -1;
      }
      if (!numbers) abi.args.back().extents = args()[i].shape();
    }
    std::optional<codegen::Kernel> kernel;
    {
      const Stopwatch watch(Subject::times.compile);
      codegen::CompileOptions options;
      options.use_cache = false;
      auto compiled = codegen::compile(f, abi, target_, options);
      // what a schedule keeps on the stack may be more than that has: a refusal, and in time
      if (!compiled && compiled.error().code() == "codegen.stack") {
        verdict_.kind = Verdict::heavy;
        return;
      }
      if (!compiled) return differ("compile", compiled.error().str() + "\n" + ir::to_string(f));
      kernel = std::move(compiled).value();
    }
    const Stopwatch watch(Subject::times.run);
    call("machine code", [&](std::span<const DLTensor* const> tensors) { return kernel->run(tensors); }, f);
  }

  // As a user does it: packing by compiled functions, tensors as the program has them.
  void whole_build() {
    const Stopwatch watch(Subject::times.compile);
    BuildOptions options;
    options.target = target_;
    options.compile.use_cache = false;
    const auto built = build(schedule_, args(), options);
    if (!built) return differ("build", built.error().str());
    inputs_.clear();
    for (const Instance& i : subject_.instances_) inputs_.push_back(views_of(i.expected));
    call(
        "build", [&](std::span<const DLTensor* const> tensors) { return built.value().run(tensors); },
        nullptr);
  }

  template <class F>
  void call(const std::string& where, F run, const FuncRef& f) {
    for (size_t i = 0; i < inputs_.size(); ++i) call(where, run, f, subject_.instances_[i], inputs_[i]);
  }
  template <class F>
  void call(const std::string& where, F run, const FuncRef& f, const Instance& instance,
            const std::vector<ir::TensorView>& inputs) {
    std::vector<DLTensor> tensors;
    std::vector<Guarded> outputs;
    outputs.reserve(args().size());
    for (size_t i = 0; i < args().size(); ++i) {
      void* data = inputs[i].data;
      if (!is_input(i)) data = outputs.emplace_back(instance.expected[i]).data();
      tensors.push_back(dl_of(inputs[i].type, inputs[i].shape, data));
    }
    std::vector<const DLTensor*> pointers;
    for (const DLTensor& t : tensors) pointers.push_back(&t);
    if (const auto error = run(pointers)) return differ(where + instance.text(), error->str());
    size_t next = 0;
    for (size_t i = 0; i < args().size(); ++i) {
      if (is_input(i)) continue;
      const Guarded& out = outputs[next++];
      HostTensor got(args()[i].dtype(), instance.expected[i].shape());
      std::memcpy(got.data(), out.data(), got.bytes());
      compare(where, instance, got, i, f);
      if (!out.margins_intact())
        differ(where + instance.text(),
               args()[i].name() + ": written outside its bounds" + (f ? show(f) : ""));
    }
  }

  const Subject& subject_;
  const Schedule& schedule_;
  const codegen::Target& target_;
  std::optional<Lowered> lowered_;
  std::vector<std::vector<ir::TensorView>> inputs_;  // per instance, one per arg; those packed are
  std::vector<HostTensor> packed_;
  FuncRef before_;  // the last function that was right
  bool races_ = false;
  Verdict verdict_;
};

Times Subject::times;

Subject::Subject(RandomProgram program, uint64_t seed) : program_(std::move(program)), seed_(seed) {
  const Stopwatch watch(times.program);
  instances_ = instances_of(program_, seed, broken_);
}

std::vector<Step> Subject::legal(std::span<const Step> steps) const {
  Schedule s(program_.outputs);
  for (const Step& step : steps) (void)s.apply(step);
  return s.steps();
}

Verdict Subject::check(const std::vector<Step>& steps) const {
  if (!broken_.empty()) return {Verdict::differ, "evaluate", broken_};
  Schedule s(program_.outputs);
  if (const auto error = s.apply(steps)) return {Verdict::differ, "apply", error->str()};
  return CaseRun(*this, s).run();
}

RandomCase RandomCase::of(uint64_t seed) {
  RandomProgram program = random_case_program(seed);
  std::vector<Step> steps = random_case_steps(program, seed);
  return {Subject(std::move(program), seed), std::move(steps)};
}

Verdict check(RandomCase& c) {
  for (;;) {
    const Verdict v = c.subject.check(c.steps);
    if (v.kind != Verdict::heavy || c.steps.empty()) return v;
    c.steps.resize(c.steps.size() * 4 / 5);
  }
}

std::string to_text(const RandomProgram& program, std::span<const Step> steps) {
  return program.text + "\n----\n" + to_text(std::vector<Step>(steps.begin(), steps.end()));
}

ParsedCase parse_case(std::string_view text) {
  const size_t cut = text.find("\n----\n");
  TC_REQUIRE(cut != std::string_view::npos, Error("io.case", "no line ---- between program and schedule"));
  const auto graph = from_func(ir::parse_func(text.substr(0, cut)).value()).value();
  RandomProgram program{graph.args, graph.outputs, std::string(text.substr(0, cut))};
  return {std::move(program), parse_steps(text.substr(cut + 6)).value()};
}

}  // namespace tc::test
