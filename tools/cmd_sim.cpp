// tensorc sim: runs a program of the accelerator and prints what it did and took.
#include <fmt/format.h>

#include <chrono>

#include "accel_files.h"
#include "accel_report.h"
#include "declare.h"
#include "inputs.h"
#include "output.h"
#include "tc/sim/run.h"
#include "tc/sim/timeline.h"
#include "tc/support/crc32.h"

namespace tc::cli {
namespace {

struct Options {
  std::string file, config, timeline, dram, order = "timed";
  uint64_t seed = 0;
  int64_t work = sim::Limits{}.work;
  bool no_check = false;
};

std::string_view bytes_of(const sim::Dram& dram, uint64_t address, uint64_t bytes) {
  return {reinterpret_cast<const char*>(dram.bytes().data()) + address, bytes};
}

// The regions that the program writes for the host, as checksums.
Json outputs_of(const isa::Program& p, const sim::Dram& dram) {
  Json out = Json::array();
  for (const isa::Region& r : p.regions)
    if (r.kind == isa::RegionKind::output)
      out.push_back({{"name", r.name},
                     {"bytes", r.bytes},
                     {"crc32", fmt::format("{:08x}", crc32(bytes_of(dram, r.address, r.bytes)))}});
  return out;
}

isa::Program on_machine(isa::Program p, const std::string& config) {
  if (config.empty()) return p;
  const isa::MachineConfig machine = read_config(config);
  if (!same_encoding(machine, p.config))
    throw Error("sim.machine",
                fmt::format("the program is made for machine {}, whose sizes differ from those of {}",
                            name_beside(p.config, machine), name_beside(machine, p.config)))
        .fact("differ in", encoding_differences(p.config, machine))
        .fix("only the fields that are about time may differ");
  p.config = machine;
  return p;
}

int run(const Options& o, bool json) {
  const isa::Program p = on_machine(read_program(o.file, o.config), o.config);
  sim::RunOptions options;
  options.order = o.order == "timed"    ? sim::Order::timed
                  : o.order == "random" ? sim::Order::random
                                        : sim::Order::program;
  options.seed = o.seed;
  options.check_order = !o.no_check;
  options.timeline = !o.timeline.empty();
  options.limits.work = o.work;
  sim::Dram dram = sim::Dram::of(p, options.limits.dram_bytes).value();
  const auto start = std::chrono::steady_clock::now();
  const sim::RunResult result = sim::run(p, dram, options).value();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (!o.timeline.empty()) write_file(o.timeline, sim::chrome_trace(p, result));
  if (!o.dram.empty()) write_file(o.dram, bytes_of(dram, 0, dram.size()));

  const sim::Counters& c = result.counters;
  const auto uops = static_cast<double>(c.gemm_uops + c.reset_uops + c.alu_uops);
  if (json) {
    Json out = {{"machine", p.config.name}, {"order", o.order}};
    out.update(counters_json(c));
    out["outputs"] = outputs_of(p, dram);
    out["host"] = {{"seconds", seconds}, {"micro_ops_per_second", seconds > 0 ? uops / seconds : 0.0}};
    print_json(out);
    return kDone;
  }
  print(table(c));
  for (const Json& r : outputs_of(p, dram))
    print(fmt::format("output {}  {} bytes  crc32 {}\n", r["name"].get<std::string>(),
                      r["bytes"].get<uint64_t>(), r["crc32"].get<std::string>()));
  return kDone;
}

}  // namespace

void add_sim(CLI::App& app, Call& call) {
  add_command<Options>(
      app, call, "sim", "Run a program of the accelerator in the simulator",
      [](CLI::App& sub, Options& o) {
        sub.add_option("FILE", o.file, "A program file, or assembly text (.s)")->required();
        sub.add_option("--config", o.config,
                       "The machine: a name (vta-1x32x32) or a file (JSON, ours or VTA's); a program file "
                       "fixes all but its times");
        sub.add_option("--order", o.order, "program, random or timed; only timed counts cycles")
            ->check(CLI::IsMember({"program", "random", "timed"}));
        sub.add_option("--seed", o.seed, "Of the random order");
        sub.add_option("--timeline", o.timeline, "Write a trace for chrome://tracing to this file")
            ->check([&o](const std::string&) {
              return o.order == "timed" ? "" : "there are no times in this --order";
            });
        sub.add_option("--dram", o.dram, "Write the contents of DRAM after the run to this file");
        sub.add_option("--max-work", o.work, "Give up after this much: micro-ops, and 16 bytes of DMA each")
            ->check(CLI::Range(int64_t{1}, INT64_MAX));
        sub.add_flag("--no-check", o.no_check, "Do not check that tokens order all accesses");
      },
      run);
}

}  // namespace tc::cli
