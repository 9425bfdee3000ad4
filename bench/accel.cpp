// The convolutions of ResNet-18 on the accelerator, tuned by simulated cycles:
//   bench/accel [--machine NAME|FILE] [--trials N] [--workers N] [--log FILE] [--layers C2,C12] [--markdown]
//
// A line a layer: cycles of the best schedule; GEMM utilisation (ideal GEMM cycles / all) and occupancy
// (cycles in which GEMM or the ALU finishes a micro-op / all); what bounds them: the micro-ops that
// must run (those of GEMM, one reset and the epilogue's for each tile of the result) and the bytes that must
// move, once each; and the cycles of the same schedule without virtual threads.
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <cstring>

#include "tc/autotune/accel.h"
#include "tc/autotune/api.h"

namespace {

using namespace tc;

struct Layer {
  const char* name;
  int64_t size, in, out, kernel, stride;
  bool counts;  // in the means: compute-bound, 3x3
  [[nodiscard]] std::string workload() const {
    return fmt::format("qconv2d n=1 c={} h={} w={} k={} r={} s={} stride={} pad={} bias=1 act=relu shift=8",
                       in, size, size, out, kernel, kernel, stride, kernel / 2);
  }
  [[nodiscard]] int64_t result() const { return (size + 2 * (kernel / 2) - kernel) / stride + 1; }
  [[nodiscard]] double macs() const {
    return static_cast<double>(result() * result() * out * in * kernel * kernel);
  }
};

constexpr Layer kLayers[] = {
    {"C2", 56, 64, 64, 3, 1, true},     {"C3", 56, 64, 64, 1, 1, false},  {"C4", 56, 64, 128, 3, 2, true},
    {"C5", 56, 64, 128, 1, 2, false},   {"C6", 28, 128, 128, 3, 1, true}, {"C7", 28, 128, 256, 3, 2, true},
    {"C8", 28, 128, 256, 1, 2, false},  {"C9", 14, 256, 256, 3, 1, true}, {"C10", 14, 256, 512, 3, 2, true},
    {"C11", 14, 256, 512, 1, 2, false}, {"C12", 7, 512, 512, 3, 1, true},
};

struct Options {
  isa::MachineConfig machine;
  int64_t trials = 300;
  size_t workers = 2;
  std::string log, layers;
  bool markdown = false;
};

std::string next(int argc, char** argv, int& i) {
  if (++i < argc) return argv[i];
  fmt::print(stderr, "accel: {} needs a value\n", argv[i - 1]);
  std::exit(2);
}

Options parse(int argc, char** argv) {
  Options o;
  for (int i = 1; i < argc; ++i) {
    const std::string_view a = argv[i];
    if (a == "--machine") {
      auto target = codegen::Target::parse("accel:" + next(argc, argv, i));
      if (!target) fmt::print(stderr, "{}\n", target.error().str()), std::exit(3);
      o.machine = target.value().machine();
    } else if (a == "--trials") {
      o.trials = std::atoll(next(argc, argv, i).c_str());
    } else if (a == "--workers") {
      o.workers = static_cast<size_t>(std::atoll(next(argc, argv, i).c_str()));
    } else if (a == "--log") {
      o.log = next(argc, argv, i);
    } else if (a == "--layers") {
      o.layers = "," + next(argc, argv, i) + ",";
    } else if (a == "--markdown") {
      o.markdown = true;
    } else {
      fmt::print(stderr, "accel: unknown option {}\n", a);
      std::exit(2);
    }
  }
  return o;
}

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Cycles that any schedule has: micro-ops, and bytes at the bandwidth of DRAM. Of the image those are
// counted that some window looks at.
struct Bound {
  double compute, memory;
};
Bound bound_of(const Layer& l, const isa::MachineConfig& m, const sim::Counters& c) {
  const int64_t rows = l.kernel < l.stride ? l.result() * l.kernel : l.size;
  const int64_t bytes =
      rows * rows * l.in + l.kernel * l.kernel * l.in * l.out + 4 * l.out + l.result() * l.result() * l.out;
  return {static_cast<double>(c.occupied()),
          static_cast<double>(bytes) / static_cast<double>(m.dram_bytes_per_cycle)};
}

struct Means {
  double occupancy = 0, utilisation = 0, gain = 0;
  int n = 0;
};

bool run_layer(const Layer& l, const Options& o, Means& means) {
  const double start = now();
  TuneSettings settings;
  settings.target = codegen::Target::accel(o.machine).value();
  settings.workers = o.workers;
  settings.options.trials = o.trials;
  settings.options.log_path = o.log;
  const auto workload = parse_workload(l.workload()).value();
  auto tuned = tune(workload, settings);
  if (!tuned || !tuned.value().best) {
    fmt::print("{}: {}\n", l.name, tuned ? "no valid schedule" : tuned.error().str());
    return false;
  }
  const auto bench = autotune::AccelBench::make(workload.build(), o.machine).value();
  autotune::Choices choices = autotune::Choices::replay(tuned.value().best->decisions);
  auto plans = autotune::draw_plans(bench->legalized(), o.machine, choices).value();
  const sim::Counters c = bench->run(plans).value().counters;
  for (auto& p : plans) p.thread_axis = -1;
  const auto alone = bench->run(plans);
  const auto cycles = static_cast<double>(c.cycles);
  const double ideal =
      l.macs() / static_cast<double>(o.machine.batch * o.machine.block_in * o.machine.block_out);
  const double utilisation = ideal / cycles, occupancy = static_cast<double>(c.occupied()) / cycles;
  const double gain = alone ? static_cast<double>(alone.value().counters.cycles) / cycles : 0;
  const Bound b = bound_of(l, o.machine, c);
  const auto trials = tuned.value().measured + tuned.value().resumed;
  const std::string line =
      o.markdown
          ? "| {} | {}x{} {}->{} {}x{}/{} | {} | {:.0f} | {:.0f} | {:.0f} | {:.3f} | {:.3f} | {:.3f} | {} |\n"
          : "{:4} {:2}x{:<2} {:3}->{:<3} {}x{}/{} {:8} {:9.0f} {:9.0f} {:9.0f} {:7.3f} {:7.3f} {:7.3f} {:5}";
  fmt::print(fmt::runtime(line), l.name, l.size, l.size, l.in, l.out, l.kernel, l.kernel, l.stride, c.cycles,
             ideal, b.compute, b.memory, utilisation, occupancy, gain, trials);
  if (!o.markdown) fmt::print(" {:6.1f} s  {}\n", now() - start, tuned.value().best->decisions.str());
  std::fflush(stdout);
  if (l.counts) {
    means.occupancy += std::log(occupancy), means.utilisation += std::log(utilisation),
        means.gain += std::log(gain);
    ++means.n;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const Options o = parse(argc, argv);
  const double start = now();
  if (o.markdown)
    fmt::print(
        "| layer | shape | cycles | ideal GEMM | compute bound | bandwidth bound | GEMM utilisation | "
        "occupancy | gain of "
        "virtual threads | trials |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
  else
    fmt::print(
        "layer                        cycles      gemm   compute    memory    util     occ threads trials\n");
  Means means;
  for (const Layer& l : kLayers)
    if (o.layers.empty() || o.layers.find(fmt::format(",{},", l.name)) != std::string::npos) {
      if (!run_layer(l, o, means)) return 1;
    }
  if (means.n > 0)
    fmt::print(
        "\ngeometric means of the {} 3x3 layers: GEMM utilisation {:.4f}, occupancy {:.4f}, gain of virtual "
        "threads "
        "{:.3f}; {:.0f} s\n",
        means.n, std::exp(means.utilisation / means.n), std::exp(means.occupancy / means.n),
        std::exp(means.gain / means.n), now() - start);
}
