// tensorc doctor: what tc found on this machine, and whether its parts work.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>

#include "arguments.h"
#include "declare.h"
#include "host.h"
#include "inputs.h"
#include "output.h"
#include "tc/autotune/measure.h"
#include "tc/runtime/c_api.h"
#include "tc/runtime/timer.h"

namespace tc::cli {
namespace {

struct Options {
  bool no_measure = false;
};

/// A part of tc tried out: "" where it works, else what is wrong.
template <class F>
std::string trial_of(F&& f) {
  try {
    f();
    return "";
  } catch (const std::exception& e) {
    return e.what();
  }
}

const char* kTiny = "matmul m=16 n=16 k=16";

void try_compiler() {
  const Workload w = parse_workload(kTiny).value();
  Arguments arguments(w.build(), 0, Fill::small_integers);
  BuildOptions options;
  options.compile.use_cache = false;
  const Comparison c = BoundKernel(build(w, {}, 1, options).value(), arguments).check();
  if (!c.passed())
    throw std::runtime_error(fmt::format("{} computes something wrong: {}", kTiny, c.difference));
}

void try_worker() {
  TuneSettings s;
  s.worker = find_worker();
  s.options.trials = 1;
  s.options.finalists = 0;
  const autotune::TuneResult r = tune(parse_workload(kTiny).value(), s).value();
  if (!r.best)
    throw std::runtime_error("its one trial failed: " +
                             (r.first_message.empty() ? "it did not end" : r.first_message.begin()->second));
}

void try_cache() {
  const std::string folder = codegen::ObjectCache::default_directory();
  if (folder.empty()) return;
  std::filesystem::create_directories(folder);
  const std::string probe = folder + "/doctor.probe";
  write_file(probe, "x");
  std::filesystem::remove(probe);
}

void try_linker() {
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("tc-doctor-{}", ::getpid());
  std::filesystem::create_directories(folder);
  const std::string wrong = trial_of([&] {
    const Function f = build(parse_workload(kTiny).value(), {}, 1).value();
    if (Check e = f.export_to((folder / "probe").string())) throw *e;
  });
  std::filesystem::remove_all(folder);
  if (!wrong.empty()) throw std::runtime_error(wrong);
}

Json machine(const codegen::Target& t) {
  return {{"cpu", cpu_model()},
          {"llvm_cpu", t.cpu},
          {"triple", t.triple},
          {"isa", t.isa},
          {"vector_bits", t.vector_bits},
          {"l1_bytes", t.l1_bytes},
          {"l2_bytes", t.l2_bytes},
          {"l3_bytes", t.l3_bytes},
          {"allowed_cpus", allowed_cpus()},
          {"cgroup_cpus", cgroup_cpus()},
          {"cgroup_memory_bytes", cgroup_memory()},
          {"available_memory_bytes", available_memory()}};
}

std::string cache_text(double bytes) {
  return bytes == 0         ? "none"
         : bytes >= 1 << 20 ? fmt::format("{:g} MiB", bytes / (1 << 20))
                            : fmt::format("{:g} KiB", bytes / 1024);
}

void print_text(const Json& j) {
  const Json& m = j["machine"];
  const auto line = [](const char* name, const std::string& value) {
    print(fmt::format("{:<14}{}\n", name, value));
  };
  line("tc", fmt::format("{}, LLVM {}", j["tc"].get<std::string>(), j["llvm"].get<std::string>()));
  line("cpu", fmt::format("{} ({}, {}-bit vectors)", m["cpu"].get<std::string>(),
                          m["llvm_cpu"].get<std::string>(), m["vector_bits"].get<int>()));
  line("isa", fmt::format("{}", fmt::join(m["isa"].get<std::vector<std::string>>(), " ")));
  line("caches", fmt::format("L1 {}, L2 {}, L3 {}", cache_text(m["l1_bytes"]), cache_text(m["l2_bytes"]),
                             cache_text(m["l3_bytes"])));
  const double quota = m["cgroup_cpus"], memory = m["cgroup_memory_bytes"];
  line("threads", fmt::format("{} (CPUs {}; cgroup quota {})", j["threads"].get<int>(),
                              fmt::join(m["allowed_cpus"].get<std::vector<int>>(), " "),
                              quota > 0 ? fmt::format("{:g} CPUs", quota) : "none"));
  line("memory",
       fmt::format("{:.1f} GB available; cgroup limit {}", m["available_memory_bytes"].get<double>() * 1e-9,
                   memory > 0 ? fmt::format("{:.1f} GB", memory * 1e-9) : "none"));
  if (j.contains("peak"))
    line("peak", fmt::format("{} GFLOP/s fp32 a core; memory {} GB/s copied",
                             speed_text(j["peak"]["fma_gflops"]), speed_text(j["peak"]["copy_gbs"])));
  line("worker", j["worker"].get<std::string>());
  line("cache", j["cache"].get<std::string>().empty() ? "in memory only" : j["cache"].get<std::string>());
  for (const Json& lib : j["libraries"]) line("library", lib.get<std::string>());
  for (const auto& [name, problem] : j["checks"].items())
    line(name.c_str(), problem.get<std::string>().empty() ? "works" : "FAILS: " + problem.get<std::string>());
}

int run(const Options& o, bool json) {
  const autotune::BuildStamp stamp = autotune::build_stamp();
  std::string worker;
  const std::string no_worker = trial_of([&] { worker = find_worker(); });
  Json j = {{"tc", stamp.tc},
            {"llvm", stamp.llvm},
            {"machine", machine(codegen::Target::host())},
            {"threads", tc_num_threads()},
            {"worker", no_worker.empty() ? worker : "not found"},
            {"cache", codegen::ObjectCache::default_directory()}};
  if (!o.no_measure)
    j["peak"] = {{"fma_gflops", runtime::fma_peak_gflops()},
                 {"copy_gbs", runtime::measure_bandwidth(256 << 20, tc_num_threads()).copy_gbs}};
  j["libraries"] = Json::array();
  for (const std::string& path : loaded_libraries())
    for (const char* name : {"libtc_", "libxgboost", "libLLVM", "libgomp", "libomp"})
      if (path.find(name) != std::string::npos) j["libraries"].push_back(path);
  j["checks"] = {{"compiler", trial_of(try_compiler)},
                 {"linker", trial_of(try_linker)},
                 {"object cache", trial_of(try_cache)},
                 {"a trial", trial_of(try_worker)}};
  bool works = true;
  for (const auto& [name, problem] : j["checks"].items()) works &= problem.get<std::string>().empty();
  j["ok"] = works;
  if (json)
    print_json(j);
  else
    print_text(j);
  return works ? kDone : kFailed;
}

}  // namespace

void add_doctor(CLI::App& app, Call& call) {
  add_command<Options>(
      app, call, "doctor", "Describe this machine and try the parts of tc on it",
      [](CLI::App& sub, Options& o) { sub.add_flag("--no-measure", o.no_measure, "Do not measure peaks"); },
      run);
}

}  // namespace tc::cli
