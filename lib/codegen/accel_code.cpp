#include "accel_code.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>

#include "pipeline.h"
#include "tc/codegen/runtime_error.h"
#include "tc/ir/print.h"
#include "tc/ir/traverse.h"
#include "tc/isa/assembler.h"
#include "tc/runtime/c_api.h"

namespace tc {

using codegen::AbiArg, codegen::AbiSpec, codegen::Kernel;

namespace {

// Extents are numbers, and te has checked that the product is one, too.
int64_t bytes_of(const ir::Buffer& b) {
  int64_t n = b.type.bytes();
  for (const Expr& e : b.shape) TC_ASSERT(!__builtin_mul_overflow(n, ir::as_int(e).value(), &n), b.name);
  return n;
}

// Blocks that segments share, for the time of one call.
class Workspace {
 public:
  explicit Workspace(std::span<const int64_t> bytes) {
    for (const int64_t n : bytes) blocks_.push_back(tc_alloc(n));
  }
  ~Workspace() {
    for (void* block : blocks_) tc_free(block);
  }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  [[nodiscard]] bool ok() const {
    return std::none_of(blocks_.begin(), blocks_.end(), [](const void* b) { return b == nullptr; });
  }
  [[nodiscard]] const std::vector<void*>& blocks() const { return blocks_; }

 private:
  std::vector<void*> blocks_;
};

// What the runtime checks arguments with; points into an AbiSpec and itself.
struct Spec {
  std::vector<tc_arg_spec> args;
  tc_func_spec func{};

  Spec(const AbiSpec& abi, const std::string& name) {
    for (const AbiArg& a : abi.args) {
      const DLDataType t = codegen::dl_type(a.type);
      args.push_back({a.name.c_str(), t.code, t.bits, t.lanes, static_cast<int32_t>(a.shape.size()),
                      a.shape.data(), a.alignment, a.is_output ? 1 : 0, nullptr});
    }
    func = {TC_ABI_VERSION, name.c_str(), abi.workload.c_str(), static_cast<int32_t>(args.size()),
            args.data()};
  }
};

}  // namespace

Expected<AccelCode> AccelCode::make(const FuncRef& nested, const AbiSpec& abi, const BuildOptions& options) {
  const isa::MachineConfig machine = options.target.machine();
  auto parts = accel::partition(nested);
  if (!parts) return parts.error();
  AccelCode out;
  out.abi_ = abi;
  out.machine_ = machine.name;
  out.function_ = codegen::symbol_name(options.name);
  std::map<const ir::Buffer*, size_t> index;
  for (const BufferRef& b : parts.value().params) {
    index.emplace(b.get(), index.size());
    out.names_.push_back(b->name);
  }
  for (const BufferRef& b : parts.value().intermediates) {
    index.emplace(b.get(), index.size());
    out.names_.push_back(b->name);
    out.intermediate_bytes_.push_back(bytes_of(*b));
  }
  for (const accel::Segment& s : parts.value().segments) {
    Step step;
    step.name = s.func->name;
    step.func = s.func;
    for (const BufferRef& b : s.func->params) step.buffers.push_back(index.at(b.get()));
    if (Check wrong = out.compile_step(step, s.device, options)) return *wrong;
    out.steps_.push_back(std::move(step));
  }
  if (Check wrong = out.load_programs()) return *wrong;
  return out;
}

// A program gives all of each buffer that it stores to: what others wrote there before it would be lost.
Check AccelCode::check_outputs(const Step& step) const {
  std::set<const ir::Buffer*> stored;
  ir::walk<ir::Store>(step.func->body, [&](const ir::Store& s) { stored.insert(s.buffer.get()); });
  for (size_t i = 0; i < step.buffers.size(); ++i)
    for (const Step& before : steps_)
      if (stored.contains(step.func->params[i].get()) &&
          std::find(before.buffers.begin(), before.buffers.end(), step.buffers[i]) != before.buffers.end())
        return Error("codegen.accel.output",
                     fmt::format("{} is computed by a program of the device and touched before it",
                                 step.func->params[i]->name))
            .fact("by", before.name)
            .fix("keep the sums of the device in scope acc; compute a stage on the device or on the host");
  return std::nullopt;
}

Check AccelCode::compile_step(Step& step, bool device, const BuildOptions& options) {
  if (!device) {
    BuildOptions host = options;
    host.target = options.target.host_part();
    const codegen::Source source{step.func,
                                 [func = step.func, host] { return run_cpu_pipeline(func, host); }};
    AbiSpec abi = AbiSpec::of(*step.func);
    abi.workload = options.workload;
    auto kernel = codegen::compile(source, abi, host.target, host.compile);
    if (!kernel) return kernel.error();
    step.kernel = std::move(kernel).value();
    return std::nullopt;
  }
  if (Check shared = check_outputs(step)) return shared;
  auto code = accel::compile_device(step.func, options.target.machine());
  if (!code) return code.error();
  step.program = std::make_shared<const isa::Program>(std::move(code.value().program));
  step.stats = code.value().stats;
  for (const isa::Region& r : step.program->regions) {
    if (r.kind != isa::RegionKind::input && r.kind != isa::RegionKind::output) continue;
    const auto& params = step.func->params;
    const auto at =
        std::find_if(params.begin(), params.end(), [&](const auto& p) { return p->name == r.name; });
    TC_ASSERT(at != params.end() && static_cast<uint64_t>(bytes_of(**at)) == r.bytes, r.name);
    const size_t buffer = step.buffers[static_cast<size_t>(at - params.begin())];
    const bool output = r.kind == isa::RegionKind::output;
    (output ? step.outputs : step.inputs).push_back({r.name, buffer, r.bytes});
  }
  return std::nullopt;
}

Check AccelCode::load_programs() {
  std::vector<isa::Program> programs;
  for (const Step& s : steps_)
    if (s.device()) programs.push_back(*s.program);
  auto loaded = accel::Executable::load_all(programs);
  if (!loaded) return loaded.error();
  size_t next = 0;
  for (Step& s : steps_)
    if (s.device()) s.executable = std::make_shared<accel::Executable>(std::move(loaded.value()[next++]));
  return std::nullopt;
}

Check AccelCode::check_args(std::span<const DLTensor* const> args) const {
  const Spec spec(abi_, function_);
  if (tc_check_args(&spec.func, args.data(), static_cast<int32_t>(args.size())) != 0)
    return codegen::last_runtime_error();
  return std::nullopt;
}

Expected<sim::RunResult> AccelCode::run_device(const Step& step, std::span<void* const> memory,
                                               const sim::RunOptions& options) {
  std::vector<accel::Input> inputs;
  std::vector<accel::Output> outputs;
  for (const Operand& o : step.inputs)
    inputs.push_back({o.name, {static_cast<const uint8_t*>(memory[o.buffer]), o.bytes}});
  for (const Operand& o : step.outputs)
    outputs.push_back({o.name, {static_cast<uint8_t*>(memory[o.buffer]), o.bytes}});
  return step.executable->run(inputs, outputs, options);
}

Check AccelCode::run(std::span<const DLTensor* const> args, const sim::RunOptions& options,
                     Profile* profile) const {
  if (Check wrong = check_args(args)) return wrong;
  const Workspace workspace(intermediate_bytes_);
  if (!workspace.ok()) return codegen::last_runtime_error();
  std::vector<void*> memory;
  for (const DLTensor* t : args) memory.push_back(static_cast<char*>(t->data) + t->byte_offset);
  memory.insert(memory.end(), workspace.blocks().begin(), workspace.blocks().end());
  if (profile) profile->machine = machine_, profile->segments.clear();
  for (const Step& s : steps_) {
    SegmentProfile done{s.device(), s.name, 0, s.program, {}};
    if (s.device()) {
      auto result = run_device(s, memory, options);
      if (!result) return result.error();
      done.result = std::move(result).value();
    } else {
      std::vector<void*> data;
      for (const size_t b : s.buffers) data.push_back(memory[b]);
      const auto start = std::chrono::steady_clock::now();
      if (s.kernel->raw()(data.data()) != 0) return codegen::last_runtime_error();
      done.host_ms =
          std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    }
    if (profile) profile->segments.push_back(std::move(done));
  }
  return std::nullopt;
}

std::vector<DeviceProgram> AccelCode::programs() const {
  std::vector<DeviceProgram> out;
  for (const Step& s : steps_)
    if (s.device()) out.push_back({s.name, s.program, s.stats});
  return out;
}

std::string AccelCode::summary() const {
  const auto device = std::count_if(steps_.begin(), steps_.end(), [](const Step& s) { return s.device(); });
  if (device == 0)
    return fmt::format(
        "nothing for the accelerator {}: all on the CPU, as the schedule keeps no stage in inp, wgt or acc",
        machine_);
  return fmt::format("{} program{} for {}, {} part{} on the CPU", device, device == 1 ? "" : "s", machine_,
                     steps_.size() - static_cast<size_t>(device),
                     steps_.size() - static_cast<size_t>(device) == 1 ? "" : "s");
}

namespace {
std::string joined(std::string out, std::string_view comment, const std::string& name,
                   const std::string& text) {
  if (!out.empty()) out += "\n";
  return out + fmt::format("{} {}\n{}", comment, name, text) + (text.ends_with('\n') ? "" : "\n");
}
}  // namespace

std::string AccelCode::segments_text() const {
  std::string out;
  for (const Step& s : steps_)
    out = joined(std::move(out), "//", s.device() ? "device" : "host", ir::to_string(s.func));
  return out;
}
std::string AccelCode::target_text() const {
  std::string out;
  for (const Step& s : steps_)
    if (!s.device()) out = joined(std::move(out), "//", "host", ir::to_string(s.kernel->func()));
  return out;
}
std::string AccelCode::llvm() const {
  std::string out;
  for (const Step& s : steps_)
    if (!s.device()) out = joined(std::move(out), ";", s.name, s.kernel->llvm_ir());
  return out;
}
std::string AccelCode::listings() const {
  std::string out;
  for (const Step& s : steps_)
    if (s.device()) out = joined(std::move(out), ";", s.name, isa::disassemble(*s.program));
  return out;
}

// What accel::Bundle reads.
std::string AccelCode::bundle_text(const std::string& stem) const {
  std::string out = fmt::format("tc-bundle 1\nname {}\n", function_);
  if (std::any_of(steps_.begin(), steps_.end(), [](const Step& s) { return !s.device(); }))
    out += fmt::format("library lib{}.so\n", stem);
  for (size_t i = 0; i < abi_.args.size(); ++i) {
    const AbiArg& a = abi_.args[i];
    out += fmt::format("arg {} {} {} {}\n", names_[i], to_string(a.type), a.is_output ? "output" : "input",
                       a.shape.empty() ? "scalar" : fmt::format("{}", fmt::join(a.shape, "x")));
  }
  for (size_t i = 0; i < intermediate_bytes_.size(); ++i)
    out += fmt::format("buffer {} {}\n", names_[abi_.args.size() + i], intermediate_bytes_[i]);
  for (const Step& s : steps_) {
    out += s.device() ? fmt::format("device {}.{}.prog", stem, s.name)
                      : fmt::format("host {}", codegen::symbol_name(s.name));
    for (const size_t b : s.buffers) out += " " + names_[b];
    out += "\n";
  }
  return out + fmt::format("end {}\n", steps_.size());
}

std::vector<codegen::ExportFunc> AccelCode::host_functions() const {
  std::vector<codegen::ExportFunc> out;
  for (const Step& s : steps_)
    if (!s.device()) out.push_back({s.kernel->func(), s.kernel->abi()});
  return out;
}

}  // namespace tc
