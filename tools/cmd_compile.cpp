// tensorc compile: a workload to files that need neither tc nor LLVM.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "declare.h"
#include "inputs.h"
#include "output.h"
#include "tc/isa/assembler.h"

namespace tc::cli {
namespace {

struct Options {
  std::vector<std::string> workload;
  std::string log, target = "cpu", directory = ".", name;
  int threads = 0;
  std::vector<std::string> emit;  // none: what the target has
};

/// The kinds that are text of this process, each the end of a file's name.
struct TextKind {
  const char *kind, *form, *suffix;
};
constexpr TextKind kForms[] = {
    {"ir", "te", ".te.tc"}, {"ir", "nested", ".nested.tc"}, {"ir", "target", ".target.tc"}};
// What runs on the device, and what on the host.
constexpr TextKind kAccelForms[] = {
    {"ir", "te", ".te.tc"}, {"ir", "nested", ".nested.tc"}, {"ir", "segments", ".segments.tc"}};

std::vector<std::string> kinds_of(const Options& o, const codegen::Target& target) {
  if (o.emit.empty())
    return target.is_accel() ? std::vector<std::string>{"program", "so", "asm", "ir"}
                             : std::vector<std::string>{"obj", "header", "so"};
  const bool program = std::find(o.emit.begin(), o.emit.end(), "program") != o.emit.end();
  TC_REQUIRE(!program || target.is_accel(), Error("cli.usage", "--emit program is for an accelerator")
                                                .fact("target", target.text())
                                                .fix("--target accel:FILE"));
  // what export_to would refuse when all is compiled
  TC_REQUIRE(!target.is_accel() || std::find(o.emit.begin(), o.emit.end(), "header") == o.emit.end(),
             Error("codegen.export.accel", "a function with parts on an accelerator has no header for C")
                 .fact("target", target.text())
                 .fix("leave out header; tc::accel::Bundle runs what --emit program,so writes"));
  return o.emit;
}

// Text that stands on standard output.
bool is_text(const std::string& kind) {
  return kind == "ir" || kind == "llvm" || kind == "asm" || kind == "schedule";
}

std::string one_text(const Function& f, const std::string& kind) {
  if (kind == "ir") return f.ir("nested") + "\n";
  if (kind == "llvm") return f.llvm();
  if (kind == "asm") return f.assembly();
  return f.schedule_text();
}

std::vector<std::string> write_files(const Function& f, const Options& o, const std::string& name,
                                     const std::vector<std::string>& kinds) {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::create_directories(o.directory, error);
  TC_REQUIRE(!error,
             Error("io.write", fmt::format("cannot make the folder {}: {}", o.directory, error.message()))
                 .fix("name a folder that may be written: -o FOLDER"));
  const std::string stem = (fs::path(o.directory) / name).string();
  std::vector<std::string> files;
  codegen::ExportFormats formats{false, false, false, false, false};
  const auto add = [&](bool& format, const std::string& file) {
    if (!std::exchange(format, true)) files.push_back((fs::path(o.directory) / file).string());
  };
  bool ir = false, schedule = false;
  const bool accel = f.target().is_accel();
  bool programs = false;
  for (const std::string& kind : kinds) {
    programs |= kind == "program";
    if (kind == "obj") add(formats.object, name + ".o");
    if (kind == "header") add(formats.header, name + ".h");
    if (kind == "so") add(formats.shared, "lib" + name + ".so");
    if (kind == "llvm") add(formats.llvm, name + ".ll");
    if (kind == "asm" && !accel) add(formats.assembly, name + ".s");
    for (const DeviceProgram& p : kind == "asm" ? f.programs() : std::vector<DeviceProgram>()) {
      files.push_back(fmt::format("{}.{}.s", stem, p.name));
      write_file(files.back(), isa::disassemble(*p.program));
    }
    ir |= kind == "ir";
    schedule |= kind == "schedule";
  }
  for (const DeviceProgram& p : programs ? f.programs() : std::vector<DeviceProgram>())
    files.push_back(fmt::format("{}.{}.prog", stem, p.name));
  if (programs && formats.shared) files.push_back(stem + ".bundle");
  if (programs || formats.object || formats.header || formats.shared || formats.llvm || formats.assembly)
    if (Check e = f.export_to(stem, formats)) throw *e;
  for (const TextKind& k : accel ? kAccelForms : kForms) {
    if (!ir) break;
    write_file(stem + k.suffix, f.ir(k.form) + "\n");
    files.push_back(stem + k.suffix);
  }
  if (schedule) {
    write_file(stem + ".schedule", f.schedule_text());
    files.push_back(stem + ".schedule");
  }
  return files;
}

int run(const Options& o, bool json) {
  const Workload w = parse_one_workload(o.workload);
  const autotune::Log log = load_log(o.log);
  const int threads = use_threads(o.threads);
  BuildOptions build_options;
  build_options.target = parse_target(o.target);
  build_options.name = codegen::symbol_name(o.name.empty() ? std::string(w.name()) : o.name);
  const bool to_stdout = o.directory == "-";
  const std::vector<std::string> kinds = kinds_of(o, build_options.target);
  TC_REQUIRE(!to_stdout || (kinds.size() == 1 && !json),
             Error("cli.usage", "-o - takes one kind of text, and no --json"));
  TC_REQUIRE(!to_stdout || is_text(kinds[0]),
             Error("cli.usage", fmt::format("--emit {} is no text for standard output", kinds[0]))
                 .fix("one of ir, llvm, asm, schedule with -o -"));
  const Function f = build(w, log, threads, build_options).value();
  const bool listing = std::find(o.emit.begin(), o.emit.end(), "asm") != o.emit.end();
  TC_REQUIRE(!listing || !f.target().is_accel() || !f.programs().empty(),
             Error("codegen.accel.nothing", "the accelerator computes no part of this: there is no listing")
                 .fact("schedule", f.explain())
                 .fix("leave out asm, or compile for the target cpu"));
  if (!json) note(fmt::format("{}\n  schedule  {}", w.text(), f.explain()));
  if (to_stdout) {
    print(one_text(f, kinds[0]));
    return kDone;
  }
  const std::vector<std::string> files = write_files(f, o, build_options.name, kinds);
  if (json) {
    print_json({{"workload", w.text()},
                {"name", build_options.name},
                {"schedule", f.explain()},
                {"steps", f.schedule_text()},
                {"threads", threads},
                {"target", build_options.target.text()},
                {"files", files}});
    return kDone;
  }
  for (const std::string& file : files) print(file + "\n");
  return kDone;
}

}  // namespace

void add_compile(CLI::App& app, Call& call) {
  add_command<Options>(
      app, call, "compile", "Write the machine code of a workload to files",
      [](CLI::App& sub, Options& o) {
        sub.add_option("WORKLOAD", o.workload, "e.g. \"matmul m=512 n=512 k=512\"")->required();
        sub.add_option("--log", o.log, "Tuned-operator log to take the schedule from")->envname("TC_LOG");
        sub.add_option("--target", o.target, "cpu, \"cpu -mcpu=NAME -mattr=+F,-F\", or accel:FILE");
        sub.add_option("--threads", o.threads, "Threads it is meant for (default: all CPUs)")
            ->check(CLI::Range(0, 4096));
        sub.add_option("--emit", o.emit,
                       "obj, header, so, llvm, asm, ir, schedule, program (default: obj,header,so; for an "
                       "accelerator program,so,asm,ir)")
            ->delimiter(',')
            ->check(CLI::IsMember({"obj", "header", "so", "llvm", "asm", "ir", "schedule", "program"}));
        sub.add_option("-o,--output", o.directory,
                       "Folder for the files; - writes one text to standard output");
        sub.add_option("--name", o.name, "Of the function and the files (default: the operator's)");
      },
      run);
}

}  // namespace tc::cli
