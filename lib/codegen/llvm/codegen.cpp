#include "codegen.h"

#include <fmt/format.h>
#include <llvm/IR/DiagnosticInfo.h>
#include <llvm/IR/DiagnosticPrinter.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Verifier.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/CommandLine.h>
#include <llvm/Support/ErrorHandling.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/TargetParser/Host.h>

#include <map>
#include <mutex>

#include "../target_parts.h"

namespace tc::codegen {

namespace {

thread_local int guard_depth = 0;

// LLVM is built without exceptions but with unwind tables, so an exception
// passes through its frames; nothing on the way is destroyed.
void on_fatal(void*, const char* reason, bool) {
  if (guard_depth > 0)
    throw Error("codegen.llvm", fmt::format("LLVM gave up: {}", reason))
        .fix("check -mcpu and -mattr of the target; if they are right, please report this with the program");
}

void initialize() {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    llvm::install_fatal_error_handler(on_fatal);
    // addresses come in their final form from emit_address.cpp; there is no other way to say this
    const auto knob = llvm::cl::getRegisteredOptions().find("disable-lsr");
    if (knob != llvm::cl::getRegisteredOptions().end())
      static_cast<llvm::cl::opt<bool>*>(knob->second)->setValue(true);
  });
}

std::string feature_string(const Target& target, const llvm::StringMap<bool, llvm::MallocAllocator>& known) {
  std::string out;
  for (const auto& f : known) {
    if (!out.empty()) out += ',';
    out += target.has(f.getKey()) ? '+' : '-';
    out += f.getKey();
  }
  return out;
}

std::unique_ptr<llvm::TargetMachine> make_machine(const Target& target) {
  initialize();
  std::string why;
  const llvm::Target* t = llvm::TargetRegistry::lookupTarget(target.triple, why);
  if (!t)
    throw Error("codegen.target", fmt::format("LLVM has no code generator for {}", target.triple))
        .fact("got", why);
  llvm::TargetOptions options;
  static const auto known = llvm::sys::getHostCPUFeatures();
  std::unique_ptr<llvm::TargetMachine> machine(
      t->createTargetMachine(target.triple, target.cpu, feature_string(target, known), options,
                             llvm::Reloc::PIC_, llvm::CodeModel::Small, llvm::CodeGenOptLevel::Less, false));
  if (!machine) throw Error("codegen.target", fmt::format("LLVM cannot generate code for {}", target.text()));
  return machine;
}

using Machines = std::map<std::string, std::unique_ptr<llvm::TargetMachine>>;
Machines& machines() {
  thread_local Machines of_thread;
  return of_thread;
}

// LLVM reports unsupported operations here; the default handler would exit.
struct Diagnostics final : llvm::DiagnosticHandler {
  std::string& text;
  explicit Diagnostics(std::string& t) : text(t) {}
  bool handleDiagnostics(const llvm::DiagnosticInfo& info) override {
    if (info.getSeverity() != llvm::DS_Error) return true;
    llvm::raw_string_ostream out(text);
    llvm::DiagnosticPrinterRawOStream printer(out);
    info.print(printer);
    return true;
  }
};

void verify_module(const llvm::Module& module) {
  std::string what;
  llvm::raw_string_ostream out(what);
  if (!llvm::verifyModule(module, &out)) return;
  std::string dump;
  llvm::raw_string_ostream text(dump);
  module.print(text, nullptr);
  throw Error("internal.llvm", "the code generator made LLVM IR that does not verify")
      .fact("what", what)
      .excerpt(dump)
      .fix("please report this with the program that caused it");
}

std::string print(const llvm::Module& module) {
  std::string text;
  llvm::raw_string_ostream out(text);
  module.print(out, nullptr);
  return text;
}

void run_passes(llvm::Module& module, llvm::TargetMachine& machine, Output output,
                llvm::SmallVectorImpl<char>& bytes) {
  const auto type =
      output == Output::object ? llvm::CodeGenFileType::ObjectFile : llvm::CodeGenFileType::AssemblyFile;
  // on the heap and released only at the end: see guarded()
  auto* passes = new llvm::legacy::PassManager;
  auto* out = new llvm::raw_svector_ostream(bytes);
  if (machine.addPassesToEmitFile(*passes, *out, nullptr, type))
    throw Error("codegen.target", "LLVM cannot write objects for this target");
  passes->run(module);
  delete passes;
  delete out;
}

}  // namespace

llvm::TargetMachine& target_machine(const Target& target) {
  auto& machine = machines()[machine_key(target)];
  if (!machine) machine = make_machine(target);
  return *machine;
}

void guarded(const std::function<void()>& work) {
  initialize();
  struct Depth {
    Depth() { ++guard_depth; }
    ~Depth() { --guard_depth; }
  } depth;
  work();
}

std::string generate(LlvmModule m, const Target& target, Output output, bool verify) {
  llvm::TargetMachine& machine = target_machine(target);
  m.module->setDataLayout(machine.createDataLayout());
  if (verify) verify_module(*m.module);
  if (output == Output::llvm) return print(*m.module);
  std::string problems;
  m.context->setDiagnosticHandler(std::make_unique<Diagnostics>(problems));
  llvm::SmallVector<char, 0> bytes;
  try {
    guarded([&] { run_passes(*m.module, machine, output, bytes); });
  } catch (...) {
    // half-run passes still point into the module and the machine
    (void)m.module.release();
    (void)m.context.release();
    (void)machines()[machine_key(target)].release();
    machines().erase(machine_key(target));
    throw;
  }
  if (!problems.empty())
    throw Error("codegen.llvm", "LLVM refused the code")
        .fact("what", problems)
        .fix("check -mcpu and -mattr of the target; if they are right, please report this with the program");
  return {bytes.begin(), bytes.end()};
}

}  // namespace tc::codegen
