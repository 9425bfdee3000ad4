#include "tc/codegen/build.h"

#include <fmt/format.h>

#include <mutex>
#include <numeric>

#include "tc/ir/print.h"
#include "tc/ir/traverse.h"

namespace tc {

using codegen::AbiArg, codegen::AbiSpec, codegen::Kernel;

struct Function::State {
  State(const Schedule& s, const std::vector<Tensor>& a, const BuildOptions& o, Lowered l)
      : schedule(s), args(a), options(o), lowered(std::move(l)) {}

  Schedule schedule;
  std::vector<Tensor> args;
  BuildOptions options;
  Lowered lowered;
  std::optional<Kernel> kernel;
  AbiSpec plain;
  std::string text, explanation;
  std::mutex mutex;  // of the kernels that pack, made when first needed
  std::vector<std::optional<Kernel>> packers;

  Expected<Kernel> packer(size_t i);
};

namespace {

std::vector<int64_t> shape_of(const ir::Buffer& b) {
  std::vector<int64_t> out;
  for (const Expr& e : b.shape) out.push_back(ir::as_int(e).value_or(0));
  return out;
}

AbiSpec abi_of(const FuncRef& f, const std::vector<Tensor>& args, const Graph& graph,
               const std::string& workload) {
  AbiSpec abi;
  abi.workload = workload;
  for (size_t i = 0; i < args.size(); ++i) {
    const ir::Buffer& b = *f->params[i];
    bool output = false;
    for (const Tensor& t : graph.outputs) output |= t == args[i];
    abi.args.push_back({args[i].name(), b.type, shape_of(b), output, 0});
  }
  return abi;
}

// The ABI of the packed arguments.
AbiSpec packed_abi(const Lowered& lowered, const std::vector<Tensor>& args, const Graph& graph,
                   const std::string& workload) {
  AbiSpec abi = abi_of(lowered.func, args, graph, workload);
  // whoever calls the compiled function from C sees that this is not the plain tensor
  for (const Pack& p : lowered.packs) abi.args[static_cast<size_t>(p.arg)].name += "_packed";
  return abi;
}

Expected<FuncRef> run_cpu_pipeline(const FuncRef& nested, const BuildOptions& options) {
  try {
    return ir::run_pipeline(ir::cpu_pipeline(), nested, pass_context(options.target), options.passes);
  } catch (const Error& e) {
    return e;
  }
}

bool same_shape(const DLTensor* t, const std::vector<int64_t>& shape) {
  if (!t || t->ndim != static_cast<int32_t>(shape.size())) return false;
  for (size_t i = 0; i < shape.size(); ++i)
    if (t->shape[i] != shape[i]) return false;
  return true;
}

}  // namespace

ir::PassContext pass_context(const codegen::Target& target) {
  ir::PassContext c;
  c.vector_bits = target.vector_bits;
  c.vector_registers = target.num_vector_registers;
  c.fma = target.has("fma") || target.triple.rfind("x86", 0) != 0;
  return c;
}

Expected<TargetForm> to_target_form(const Schedule& schedule, const std::vector<Tensor>& args,
                                    const BuildOptions& options) {
  auto lowered = lower(schedule, args, options.name);
  if (!lowered) return lowered.error();
  TargetForm form{std::move(lowered).value(), nullptr, {}};
  auto func = run_cpu_pipeline(form.lowered.func, options);
  if (!func) return func.error();
  form.func = std::move(func).value();
  form.abi = packed_abi(form.lowered, args, schedule.graph(), options.workload);
  return form;
}

Expected<Function> build(const Schedule& schedule, const std::vector<Tensor>& args,
                         const BuildOptions& options) {
  auto lowered = lower(schedule, args, options.name);
  if (!lowered) return lowered.error();
  Function out;
  out.state_ = std::make_shared<Function::State>(schedule, args, options, std::move(lowered).value());
  Function::State& s = *out.state_;
  s.plain = packed_abi(s.lowered, args, schedule.graph(), options.workload);
  // with the object in the cache the pipeline need not run, save for who watches it
  codegen::Source source{s.lowered.func,
                         [func = s.lowered.func, options] { return run_cpu_pipeline(func, options); }};
  if (options.passes.report || options.passes.verify || options.passes.stop_after >= 0) {
    auto func = source.target_form();
    if (!func) return func.error();
    source = {std::move(func).value(), nullptr};
  }
  auto kernel = codegen::compile(source, s.plain, options.target, options.compile);
  if (!kernel) return kernel.error();
  s.kernel = std::move(kernel).value();
  for (size_t i = 0; i < args.size(); ++i)
    s.plain.args[i].shape = args[i].extents(), s.plain.args[i].name = args[i].name();
  s.text = schedule.text();
  s.explanation = s.text.empty() ? "default: the computation's own loops, no schedule steps" : "as scheduled";
  s.packers.resize(s.lowered.packs.size());
  return out;
}

namespace {
// A packing function in the pipeline's form: made with Pack::func's loops.
struct PackForm {
  FuncRef func;
  AbiSpec abi;
};
Expected<PackForm> pack_form(const Pack& pack, const AbiSpec& plain, const BuildOptions& options) {
  auto target = run_cpu_pipeline(pack.func, options);
  if (!target) return target.error();
  const AbiArg& arg = plain.args[static_cast<size_t>(pack.arg)];
  AbiSpec abi;
  abi.args = {arg, {arg.name + "_packed", arg.type, pack.shape, true, 0}};
  abi.args[0].is_output = false;
  return PackForm{std::move(target).value(), std::move(abi)};
}
}  // namespace

Expected<Kernel> Function::State::packer(size_t i) {
  const std::scoped_lock lock(mutex);
  if (!packers[i]) {
    auto pack = pack_form(lowered.packs[i], plain, options);
    if (!pack) return pack.error();
    auto k = codegen::compile(pack.value().func, pack.value().abi, options.target, options.compile);
    if (!k) return k.error();
    packers[i] = std::move(k).value();
  }
  return *packers[i];
}

const std::vector<Pack>& Function::packs() const { return state_->lowered.packs; }
const Kernel& Function::kernel() const { return *state_->kernel; }
const std::string& Function::explain() const { return state_->explanation; }
void Function::set_explanation(std::string text) { state_->explanation = std::move(text); }
const std::string& Function::schedule_text() const { return state_->text; }
const AbiSpec& Function::abi() const { return state_->plain; }

Expected<runtime::Tensor> Function::pack(int arg, const DLTensor& plain) const {
  const auto& all = packs();
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].arg != arg) continue;
    auto k = state_->packer(i);
    if (!k) return k.error();
    runtime::Tensor packed(all[i].shape, codegen::dl_type(state_->plain.args[static_cast<size_t>(arg)].type));
    const DLTensor* pair[] = {&plain, packed.dl()};
    if (auto error = k.value().run(pair)) return *error;
    return packed;
  }
  return Error("runtime.pack", fmt::format("argument {} is not packed by this schedule", arg))
      .fix("see packs() for the arguments that are");
}

Check Function::run(std::span<const DLTensor* const> args) const {
  if (packs().empty() || args.size() != state_->plain.args.size()) return kernel().run(args);
  std::vector<const DLTensor*> given(args.begin(), args.end());
  std::vector<runtime::Tensor> packed;
  packed.reserve(packs().size());
  for (const Pack& p : packs()) {
    const auto i = static_cast<size_t>(p.arg);
    const auto& plain = state_->plain.args[i].shape;
    if (!same_shape(given[i], plain) || plain == p.shape)
      continue;  // packed, or wrong: then the kernel says so
    auto made = pack(p.arg, *given[i]);
    if (!made) return made.error();
    packed.push_back(std::move(made).value());
    given[i] = packed.back().dl();
  }
  return kernel().run(given);
}
void Function::operator()(std::span<const DLTensor* const> args) const {
  if (auto error = run(args)) throw *std::move(error);
}

std::string Function::ir(std::string_view form) const {
  const State& s = *state_;
  if (form == "te") return ir::to_string(to_func(s.schedule.graph(), s.args, s.options.name));
  if (form == "nested") return ir::to_string(s.lowered.func);
  if (form == "target" || form == "flat") return ir::to_string(kernel().func());
  std::string found;
  BuildOptions options = s.options;
  options.passes = {};
  options.passes.report = [&](const ir::StepReport& r) {
    if (r.name == form) found = ir::to_string(r.func);
  };
  (void)run_cpu_pipeline(s.lowered.func, options);
  TC_REQUIRE(!found.empty(), Error("codegen.form", fmt::format("there is no form {}", form))
                                 .fix("use te, nested, target, or the name of a pass"));
  return found;
}

Check Function::export_to(std::string_view path, const codegen::ExportFormats& formats) const {
  std::vector<codegen::ExportFunc> funcs{{kernel().func(), kernel().abi()}};
  for (const Pack& p : packs()) {
    auto pack = pack_form(p, state_->plain, state_->options);
    if (!pack) return pack.error();
    const FuncRef& f = pack.value().func;
    const std::string name =
        fmt::format("{}_pack_{}", state_->options.name, state_->plain.args[static_cast<size_t>(p.arg)].name);
    funcs.push_back({ir::func(name, f->params, f->body), pack.value().abi});
  }
  return codegen::export_library(funcs, state_->options.target, path, formats);
}

}  // namespace tc
