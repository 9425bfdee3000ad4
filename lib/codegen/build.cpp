#include "tc/codegen/build.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <mutex>
#include <numeric>

#include "accel_code.h"
#include "pipeline.h"
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
  std::optional<Kernel> kernel;  // or
  std::optional<AccelCode> accel;
  AbiSpec plain;
  std::string name, text, explanation;
  std::mutex mutex;  // of the kernels that pack, made when first needed
  std::vector<std::optional<Kernel>> packers;

  Expected<Kernel> packer(size_t i);
  [[nodiscard]] std::vector<const DLTensor*> packed_args(std::span<const DLTensor* const> args,
                                                         std::vector<runtime::Tensor>& keep, Check& wrong);
  Expected<runtime::Tensor> pack(size_t i, const DLTensor& tensor);
  Check run(std::span<const DLTensor* const> args, const sim::RunOptions& options, Profile* profile);
};

namespace {

std::vector<int64_t> shape_of(const ir::Buffer& b) {
  std::vector<int64_t> out;
  for (const Expr& e : b.shape) out.push_back(ir::as_int(e).value_or(-1));
  return out;
}
// The extents, where some are no numbers.
std::vector<Expr> extents_of(const ir::Buffer& b) {
  const bool numbers =
      std::all_of(b.shape.begin(), b.shape.end(), [](const Expr& e) { return ir::as_int(e); });
  return numbers ? std::vector<Expr>() : b.shape;
}

AbiSpec abi_of(const FuncRef& f, const std::vector<Tensor>& args, const Graph& graph,
               const std::string& workload) {
  AbiSpec abi;
  abi.workload = workload;
  for (size_t i = 0; i < args.size(); ++i) {
    const ir::Buffer& b = *f->params[i];
    bool output = false;
    for (const Tensor& t : graph.outputs) output |= t == args[i];
    abi.args.push_back({args[i].name(), b.type, shape_of(b), output, 0, extents_of(b)});
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

bool same_shape(const DLTensor* t, const std::vector<int64_t>& shape) {
  if (!t || t->ndim != static_cast<int32_t>(shape.size())) return false;
  for (size_t i = 0; i < shape.size(); ++i)
    if (t->shape[i] != shape[i]) return false;
  return true;
}

}  // namespace

Expected<FuncRef> run_cpu_pipeline(const FuncRef& nested, const BuildOptions& options) {
  try {
    return ir::run_pipeline(ir::cpu_pipeline(), nested, pass_context(options.target), options.passes);
  } catch (const Error& e) {
    return e;
  }
}

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

namespace {
Expected<Kernel> compile_for_cpu(const FuncRef& nested, const AbiSpec& abi, const BuildOptions& options) {
  // with the object in the cache the pipeline need not run, save for who watches it
  codegen::Source source{nested, [nested, options] { return run_cpu_pipeline(nested, options); }};
  if (options.passes.report || options.passes.verify || options.passes.stop_after >= 0) {
    auto func = source.target_form();
    if (!func) return func.error();
    source = {std::move(func).value(), nullptr};
  }
  return codegen::compile(source, abi, options.target, options.compile);
}
}  // namespace

Expected<Function> build(const Schedule& schedule, const std::vector<Tensor>& args,
                         const BuildOptions& options) {
  const Variant only[] = {{schedule, nullptr}};
  return build(only, args, options);
}

namespace {
// The steps of every variant, below the condition under which it runs.
std::string variants_text(std::span<const Variant> variants) {
  if (variants.size() == 1) return variants[0].schedule.text();
  std::string out;
  for (const Variant& v : variants)
    out += fmt::format("# {}\n{}\n", v.when ? "if " + ir::to_string(v.when) : "else", v.schedule.text());
  return out;
}
}  // namespace

Expected<Function> build(std::span<const Variant> variants, const std::vector<Tensor>& args,
                         const BuildOptions& options) {
  auto lowered = lower(variants, args, options.name);
  if (!lowered) return lowered.error();
  const Schedule& schedule = variants[0].schedule;  // they have one graph
  Function out;
  out.state_ = std::make_shared<Function::State>(schedule, args, options, std::move(lowered).value());
  Function::State& s = *out.state_;
  s.plain = packed_abi(s.lowered, args, schedule.graph(), options.workload);
  s.name = codegen::symbol_name(options.name);
  if (options.target.is_accel() && !s.plain.sizes().empty())
    return Error("te.shape.symbolic",
                 fmt::format("the accelerator runs programs of numbers, and {} is a size",
                             s.plain.sizes()[0]->name))
        .fact("target", options.target.text())
        .fix("build it for each value that is needed, with bind_sizes");
  if (options.target.is_accel()) {
    auto code = AccelCode::make(s.lowered.func, s.plain, options);
    if (!code) return code.error();
    s.accel = std::move(code).value();
  } else {
    auto kernel = compile_for_cpu(s.lowered.func, s.plain, options);
    if (!kernel) return kernel.error();
    s.kernel = std::move(kernel).value();
  }
  for (size_t i = 0; i < args.size(); ++i)
    s.plain.args[i].shape = shape_of(*args[i].buffer()), s.plain.args[i].name = args[i].name();
  s.text = variants_text(variants);
  s.explanation = s.text.empty() ? "default: the computation's own loops, no schedule steps" : "as scheduled";
  if (variants.size() > 1) s.explanation = fmt::format("{} variants, as scheduled", variants.size());
  if (s.accel) s.explanation += "; " + s.accel->summary();
  s.packers.resize(s.lowered.packs.size());
  return out;
}

namespace {
// One file in one rename.
Check replace_file(const std::string& file, std::string_view bytes) {
  const std::string staged = file + ".new";
  std::error_code error;
  if (const auto folder = std::filesystem::path(file).parent_path(); !folder.empty())
    std::filesystem::create_directories(folder, error);
  std::ofstream out(staged, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (out) std::filesystem::rename(staged, file, error);
  if (out && !error) return std::nullopt;
  return Error("io.write", "a program cannot be written")
      .fact("path", file)
      .fact("why", error ? error.message() : "the file system takes no more")
      .fix("choose a folder that can be written and has room");
}

// The bundle names the host's library: it is written beside that.
Check export_programs(const AccelCode& code, std::string_view path, bool bundle) {
  for (const DeviceProgram& p : code.programs()) {
    auto bytes = isa::save(*p.program);
    if (!bytes) return bytes.error();
    if (Check wrong = replace_file(fmt::format("{}.{}.prog", path, p.name), bytes.value())) return wrong;
  }
  if (!bundle) return std::nullopt;
  return replace_file(fmt::format("{}.bundle", path),
                      code.bundle_text(std::filesystem::path(path).filename().string()));
}

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
    auto k =
        codegen::compile(pack.value().func, pack.value().abi, options.target.host_part(), options.compile);
    if (!k) return k.error();
    packers[i] = std::move(k).value();
  }
  return *packers[i];
}

const std::vector<Pack>& Function::packs() const { return state_->lowered.packs; }
const Kernel& Function::kernel() const {
  TC_REQUIRE(state_->kernel,
             Error("codegen.accel.kernel", "a function with parts on an accelerator is not one kernel")
                 .fact("target", target().text())
                 .fix("call the function itself"));
  return *state_->kernel;
}
const std::string& Function::name() const { return state_->name; }
const Target& Function::target() const { return state_->options.target; }
std::string Function::llvm() const { return state_->accel ? state_->accel->llvm() : kernel().llvm_ir(); }
std::string Function::assembly() const {
  return state_->accel ? state_->accel->listings() : kernel().assembly();
}
const std::string& Function::explain() const { return state_->explanation; }
void Function::set_explanation(std::string text) { state_->explanation = std::move(text); }
const std::string& Function::schedule_text() const { return state_->text; }
const AbiSpec& Function::abi() const { return state_->plain; }

Expected<runtime::Tensor> Function::State::pack(size_t i, const DLTensor& tensor) {
  auto k = packer(i);
  if (!k) return k.error();
  const Pack& p = lowered.packs[i];
  runtime::Tensor packed(p.shape, codegen::dl_type(plain.args[static_cast<size_t>(p.arg)].type));
  const DLTensor* pair[] = {&tensor, packed.dl()};
  if (auto error = k.value().run(pair)) return *error;
  return packed;
}

Expected<runtime::Tensor> Function::pack(int arg, const DLTensor& plain) const {
  for (size_t i = 0; i < packs().size(); ++i)
    if (packs()[i].arg == arg) return state_->pack(i, plain);
  const auto& args = abi().args;
  const bool known = arg >= 0 && arg < static_cast<int>(args.size());
  std::string packed;
  for (const Pack& p : packs())
    packed += (packed.empty() ? "" : ", ") + args[static_cast<size_t>(p.arg)].name;
  return Error("runtime.pack", known ? fmt::format("the argument {} of {} is not packed",
                                                   args[static_cast<size_t>(arg)].name, name())
                                     : fmt::format("{} has no argument number {}", name(), arg))
      .fact("packed", packed.empty() ? "none" : packed)
      .fix(known ? "pass the array as it is" : "name the position of one of these");
}

// Packs into `keep` what comes plain and is wanted packed.
std::vector<const DLTensor*> Function::State::packed_args(std::span<const DLTensor* const> args,
                                                          std::vector<runtime::Tensor>& keep, Check& wrong) {
  std::vector<const DLTensor*> given(args.begin(), args.end());
  keep.reserve(lowered.packs.size());
  for (size_t i = 0; i < lowered.packs.size(); ++i) {
    const Pack& p = lowered.packs[i];
    const auto at = static_cast<size_t>(p.arg);
    const auto& shape = plain.args[at].shape;
    if (!same_shape(given[at], shape) || shape == p.shape)
      continue;  // packed, or wrong: then the function says so
    auto made = pack(i, *given[at]);
    if (!made) {
      wrong = made.error();
      return given;
    }
    keep.push_back(std::move(made).value());
    given[at] = keep.back().dl();
  }
  return given;
}

Check Function::State::run(std::span<const DLTensor* const> args, const sim::RunOptions& options,
                           Profile* profile) {
  std::vector<runtime::Tensor> keep;
  std::vector<const DLTensor*> given;
  if (!lowered.packs.empty() && args.size() == plain.args.size()) {
    Check wrong;
    given = packed_args(args, keep, wrong);
    if (wrong) return wrong;
    args = given;
  }
  return accel ? accel->run(args, options, profile) : kernel->run(args);
}

Check Function::run(std::span<const DLTensor* const> args) const {
  // in the order of the program, which the checks at build time have shown to be one of many
  // with the same result; it cannot wait for ever, so its length needs no limit
  sim::RunOptions options;
  options.check_order = false;
  options.limits.work = std::numeric_limits<int64_t>::max();
  return state_->run(args, options, nullptr);
}
sim::RunOptions Function::timed() {
  sim::RunOptions options;
  options.order = sim::Order::timed;
  options.timeline = true;
  options.limits.work = std::numeric_limits<int64_t>::max();
  return options;
}
Expected<Profile> Function::profile(std::span<const DLTensor* const> args,
                                    const sim::RunOptions& options) const {
  if (!state_->accel)
    return Error("codegen.profile", "a function for a CPU has no cycles to count")
        .fact("target", target().text())
        .fix("build it with the target accel, accel:NAME or accel:FILE, or measure its time");
  Profile out;
  if (Check wrong = state_->run(args, options, &out)) return *wrong;
  return out;
}
std::vector<DeviceProgram> Function::programs() const {
  return state_->accel ? state_->accel->programs() : std::vector<DeviceProgram>();
}
void Function::operator()(std::span<const DLTensor* const> args) const {
  if (auto error = run(args)) throw *std::move(error);
}

std::string Function::ir(std::string_view form) const {
  const State& s = *state_;
  if (form == "te") return ir::to_string(to_func(s.schedule.graph(), s.args, s.options.name));
  if (form == "nested") return ir::to_string(s.lowered.func);
  if (form == "segments" && s.accel) return s.accel->segments_text();
  if (form == "target" || form == "flat")
    return s.accel ? s.accel->target_text() : ir::to_string(kernel().func());
  TC_REQUIRE(!s.accel, Error("codegen.form", fmt::format("there is no form {}", form))
                           .fix("use te, nested, segments or target for an accelerator"));
  std::string found;
  std::vector<std::string> passes;
  BuildOptions options = s.options;
  options.passes = {};
  options.passes.report = [&](const ir::StepReport& r) {
    if (r.name == form) found = ir::to_string(r.func);
    if (r.name != "input" && std::find(passes.begin(), passes.end(), r.name) == passes.end())
      passes.emplace_back(r.name);
  };
  (void)run_cpu_pipeline(s.lowered.func, options);
  TC_REQUIRE(!found.empty(), Error("codegen.form", fmt::format("there is no form {}", form))
                                 .fact("forms", "te, nested, target")
                                 .fact("after a pass", fmt::format("{}", fmt::join(passes, ", ")))
                                 .fix("name one of these"));
  return found;
}

Check Function::export_to(std::string_view path, const codegen::ExportFormats& formats) const {
  const State& s = *state_;
  std::vector<codegen::ExportFunc> funcs;
  if (s.accel) {
    if (formats.header)
      return Error("codegen.export.accel", "a function with parts on an accelerator has no header for C")
          .fact("can be had",
                "a shared library with the host's parts, the programs, and a list to run them by")
          .fix("leave out the header; accel::Bundle::load runs the function without the compiler");
    funcs = s.accel->host_functions();
    if (Check wrong = export_programs(*s.accel, path, formats.shared || funcs.empty())) return wrong;
  } else {
    funcs = {{kernel().func(), kernel().abi()}};
  }
  for (const Pack& p : packs()) {
    auto pack = pack_form(p, s.plain, s.options);
    if (!pack) return pack.error();
    const FuncRef& f = pack.value().func;
    const std::string name =
        fmt::format("{}_pack_{}", s.options.name, s.plain.args[static_cast<size_t>(p.arg)].name);
    funcs.push_back({ir::func(name, f->params, f->body), pack.value().abi});
  }
  if (funcs.empty() ||
      !(formats.object || formats.header || formats.shared || formats.llvm || formats.assembly))
    return std::nullopt;
  return codegen::export_library(funcs, s.options.target.host_part(), path, formats);
}

}  // namespace tc
