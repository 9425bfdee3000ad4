#include "tc/codegen/jit.h"

#include <chrono>
#include <mutex>

#include "../fingerprint.h"
#include "../runtime_error.h"
#include "codegen.h"
#include "loader.h"

namespace tc::codegen {

struct Kernel::State {
  std::shared_ptr<const LoadedObject> loaded;
  std::shared_ptr<const std::string> object;
  std::function<Expected<ir::FuncRef>()> target_form;  // until `func` is made
  mutable std::mutex mutex;                            // of func
  mutable ir::FuncRef func;
  AbiSpec abi;
  Target target;
  std::string name;
  CompileStats stats;
  Raw raw = nullptr;
  Entry entry = nullptr;
};

namespace {

class Stopwatch {
 public:
  double lap_ms() {
    const auto now = std::chrono::steady_clock::now();
    const double ms = std::chrono::duration<double, std::milli>(now - last_).count();
    last_ = now;
    return ms;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

struct Compiled {
  std::shared_ptr<const std::string> object;
  std::shared_ptr<const LoadedObject> loaded;
};

Compiled compile_new(const ir::FuncRef& func, const AbiSpec& abi, const Target& target, bool verify,
                     CompileStats& stats) {
  Stopwatch watch;
  LlvmModule m = emit_module({{func, abi}}, target);
  stats.llvm_instructions = m.module->getInstructionCount();
  stats.emit_ms = watch.lap_ms();
  Compiled out;
  out.object = std::make_shared<const std::string>(generate(std::move(m), target, Output::object, verify));
  stats.codegen_ms = watch.lap_ms();
  out.loaded = LoadedObject::load(*out.object);
  stats.link_ms = watch.lap_ms();
  return out;
}

// From the cache, or nothing. An entry that does not load counts as absent.
std::optional<Compiled> find_cached(ObjectCache& cache, const std::string& key, CompileStats& stats) {
  Stopwatch watch;
  auto hit = cache.find(key);
  if (!hit) return std::nullopt;
  Compiled out{hit->object, std::static_pointer_cast<const LoadedObject>(hit->loaded)};
  stats.source = hit->from_disk ? CompileStats::Source::disk : CompileStats::Source::memory;
  if (!out.loaded) {
    try {
      out.loaded = LoadedObject::load(*out.object);
    } catch (const Error&) {
      stats.source = CompileStats::Source::compiled;
      return std::nullopt;
    }
    cache.attach(key, out.object, out.loaded);
  }
  stats.link_ms = watch.lap_ms();
  return out;
}

}  // namespace

Expected<Kernel> compile(const ir::FuncRef& func, const AbiSpec& abi, const Target& target,
                         const CompileOptions& options) {
  return compile(Source{func, nullptr}, abi, target, options);
}

Expected<Kernel> compile(const Source& source, const AbiSpec& abi, const Target& target,
                         const CompileOptions& options) {
  try {
    TC_REQUIRE(source.func, Error("codegen.form", "there is no function to compile"));
    if (Check wrong = target.runs_on(Target::host())) return *wrong;
    // what lowers a source decides what it becomes: without a name for that build it has no key
    const bool lazy = source.target_form && options.use_cache && !build_id().empty();
    ir::FuncRef func = source.target_form ? nullptr : source.func;
    const auto make_func = [&]() -> Check {
      if (!func) {
        auto made = source.target_form();
        if (!made) return made.error();
        func = std::move(made).value();
      }
      return check_abi(*func, abi);
    };
    if (!lazy)
      if (Check wrong = make_func()) return *wrong;
    auto state = std::make_shared<Kernel::State>();
    CompileStats& stats = state->stats;
    const auto cache = !options.use_cache ? nullptr : options.cache ? options.cache : ObjectCache::shared();
    Stopwatch watch;
    const std::string key = !cache ? ""
                            : lazy ? cache_key(*source.func, abi, target, build_id())
                                   : cache_key(*func, abi, target);
    stats.key_ms = watch.lap_ms();
    auto code = cache ? find_cached(*cache, key, stats) : std::nullopt;
    if (!code) {
      if (Check wrong = make_func()) return *wrong;
      code = compile_new(func, abi, target, options.verify, stats);
      if (cache) cache->put(key, code->object, code->loaded);
    }
    state->loaded = code->loaded;
    state->object = code->object;
    state->target_form = source.target_form;
    state->func = func;
    state->abi = abi;
    state->target = target;
    state->name = symbol_name(source.func->name);
    state->raw = reinterpret_cast<Kernel::Raw>(code->loaded->symbol(state->name + "_raw"));
    state->entry = reinterpret_cast<Kernel::Entry>(code->loaded->symbol(state->name));
    TC_ASSERT(state->raw && state->entry, "the object lacks the symbols of " + state->name);
    return Kernel(std::move(state));
  } catch (const Error& e) {
    return e;
  }
}

Expected<std::string> listing(const ir::FuncRef& func, const AbiSpec& abi, const Target& target,
                              Listing what) {
  try {
    TC_REQUIRE(func, Error("codegen.form", "there is no function to compile"));
    return generate(emit_module({{func, abi}}, target), target,
                    what == Listing::llvm ? Output::llvm : Output::assembly, false);
  } catch (const Error& e) {
    return e;
  }
}

Check Kernel::run(std::span<const DLTensor* const> args) const {
  if (state_->entry(args.data(), static_cast<int32_t>(args.size())) == 0) return std::nullopt;
  return runtime_error();
}

void Kernel::operator()(std::span<const DLTensor* const> args) const {
  if (Check wrong = run(args)) throw *wrong;
}

Kernel::Raw Kernel::raw() const { return state_->raw; }
Kernel::Entry Kernel::entry() const { return state_->entry; }
const std::string& Kernel::name() const { return state_->name; }
const AbiSpec& Kernel::abi() const { return state_->abi; }
const Target& Kernel::target() const { return state_->target; }
const CompileStats& Kernel::stats() const { return state_->stats; }
const std::string& Kernel::object() const { return *state_->object; }
ir::FuncRef Kernel::func() const {
  const std::scoped_lock lock(state_->mutex);
  if (!state_->func) state_->func = state_->target_form().value();
  return state_->func;
}
std::string Kernel::llvm_ir() const {
  return listing(func(), state_->abi, state_->target, Listing::llvm).value();
}
std::string Kernel::assembly() const {
  return listing(func(), state_->abi, state_->target, Listing::assembly).value();
}

}  // namespace tc::codegen
