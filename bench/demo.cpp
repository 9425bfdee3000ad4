// ./dev demo: tunes operators that real networks contain, checks every result
// against the reference, and prints their speeds beside a vendor library's.
//
//   bench/demo [--log FILE] [--threads N] [--seconds S] [--trials N] [--only TEXT] [--json FILE]
//
// Operators that the log has tuned are not tuned again. Baselines are the peers
// beside this program (peer_onednn.so, peer_openblas.so); one that is not there
// is left out. All contestants take turns in one process, at the same number of
// threads; times are medians.
#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>

#include "arguments.h"
#include "host.h"
#include "inputs.h"
#include "measure.h"
#include "output.h"
#include "peers/peer.h"
#include "progress.h"
#include "tc/autotune/measure.h"
#include "tc/runtime/c_api.h"
#include "tc/runtime/timer.h"

namespace {

using namespace tc;
using namespace tc::cli;

struct Options {
  std::string log = "tuned.jsonl", only, json;
  int threads = 0;
  int64_t trials = 96;
  double seconds = 270;  // of tuning, for all operators together
};

/// An operator of the demo and what the peers call it.
struct Item {
  const char *where, *workload;
  const char* op;  // of peer.h
  mm_shape mm = {};
  cv_shape cv = {};
  rw_shape rw = {};
  [[nodiscard]] const void* shape() const {
    if (!std::strcmp(op, "cv")) return &cv;
    return std::strncmp(op, "mm", 2) ? static_cast<const void*>(&rw) : &mm;
  }
};

Item conv(const char* where, const char* workload, int ic, int oc, int hw, int k, int stride, int pad,
          int groups = 1) {
  Item i{where, workload, "cv"};
  i.cv = {"", "", ic, oc, hw, k, stride, pad, groups, 1};
  return i;
}
Item product(const char* where, const char* workload, const char* op, int b, int m, int n, int k) {
  Item i{where, workload, op};
  i.mm = {"", b, m, n, k};
  return i;
}
Item rows(const char* where, const char* workload, const char* op, int m, int n) {
  Item i{where, workload, op};
  i.rw = {"", m, n};
  return i;
}

std::vector<Item> items() {
  return {
      conv("ResNet-50 3x3", "conv2d n=1 c=64 h=56 w=56 k=64 r=3 s=3 pad=1", 64, 64, 56, 3, 1, 1),
      conv("ResNet-50 3x3, stride 2", "conv2d n=1 c=128 h=56 w=56 k=128 r=3 s=3 stride=2 pad=1", 128, 128, 56,
           3, 2, 1),
      conv("ResNet-50 1x1", "conv2d n=1 c=256 h=56 w=56 k=64 r=1 s=1", 256, 64, 56, 1, 1, 0),
      conv("ResNet-50 1x1, last", "conv2d n=1 c=512 h=7 w=7 k=2048 r=1 s=1", 512, 2048, 7, 1, 1, 0),
      conv("MobileNetV2 depthwise", "depthwise_conv2d n=1 c=144 h=56 w=56 r=3 s=3 pad=1", 144, 144, 56, 3, 1,
           1, 144),
      product("BERT-base projection", "matmul m=128 n=768 k=768", "mm", 1, 128, 768, 768),
      product("BERT-base feed-forward", "matmul m=128 n=3072 k=768", "mm", 1, 128, 3072, 768),
      product("BERT-base attention", "batch_matmul b=12 m=128 n=128 k=64", "mmd", 12, 128, 128, 64),
      rows("BERT-base softmax", "softmax m=1536 n=128", "softmax", 1536, 128),
      rows("BERT-base layer norm", "layer_norm m=128 n=768", "layernorm", 128, 768),
  };
}

/// A library as a peer of the benchmarks.
class Peer {
 public:
  /// Null where there is no such peer, or it does not load.
  static std::unique_ptr<Peer> load(const std::string& file) {
    if (::access(file.c_str(), R_OK) != 0) return nullptr;
    void* handle = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    if (!handle) {
      note(fmt::format("warning: {}", ::dlerror()));
      return nullptr;
    }
    auto p = std::make_unique<Peer>();
    const auto get = [&](auto& f, const char* name) {
      f = reinterpret_cast<std::decay_t<decltype(f)>>(::dlsym(handle, name));
    };
    const char* (*name)() = nullptr;
    get(name, "peer_name"), get(p->make, "peer_make"), get(p->run, "peer_run"), get(p->out, "peer_out"),
        get(p->drop, "peer_drop");
    if (!name || !p->make || !p->run || !p->out || !p->drop) return nullptr;
    p->name = name();
    p->unpinned = ::dlsym(handle, "peer_unpinned") != nullptr;
    return p;
  }
  std::string name;
  bool unpinned = false;
  decltype(&peer_make) make = nullptr;
  decltype(&peer_run) run = nullptr;
  decltype(&peer_out) out = nullptr;
  decltype(&peer_drop) drop = nullptr;
};

/// What the peers take, made of tc's arguments: theirs are NCHW and OIHW.
struct PeerInputs {
  std::vector<float> in0, in1, expected;
};

// [outer][inner] to [inner][outer]; the other way round with the counts swapped.
void transpose(const float* in, float* out, int64_t outer, int64_t inner) {
  for (int64_t a = 0; a < outer; ++a)
    for (int64_t b = 0; b < inner; ++b) out[b * outer + a] = in[a * inner + b];
}

std::vector<float> floats(const runtime::Tensor& t) { return {t.as<float>(), t.as<float>() + t.size()}; }

PeerInputs peer_inputs(const Item& item, const std::vector<runtime::Tensor>& tensors) {
  PeerInputs p{floats(tensors[0]), tensors.size() > 2 ? floats(tensors[1]) : std::vector<float>(1),
               floats(tensors.back())};
  if (!std::strcmp(item.op, "cv")) {
    const cv_shape& s = item.cv;
    const int64_t pixels = int64_t{s.hw} * s.hw, out_pixels = int64_t{cv_out(&s)} * cv_out(&s),
                  taps = int64_t{s.k} * s.k;
    transpose(tensors[0].as<float>(), p.in0.data(), pixels, s.ic);
    transpose(tensors.back().as<float>(), p.expected.data(), out_pixels, s.oc);
    const int64_t icg = s.ic / s.g;  // HWIO (or HWC of a depthwise layer) to OIHW
    const float* w = tensors[1].as<float>();
    for (int64_t o = 0; o < s.oc; ++o)
      for (int64_t i = 0; i < icg; ++i)
        for (int64_t t = 0; t < taps; ++t)
          p.in1[static_cast<size_t>((o * icg + i) * taps + t)] =
              w[s.g > 1 ? t * s.oc + o : (t * icg + i) * s.oc + o];
  }
  return p;
}

// Scaled and shifted by its own last two inputs, which the peer does not have.
void set_layer_norm_constants(const Item& item, Arguments& a) {
  if (std::strcmp(item.op, "layernorm") != 0 || a.tensors().size() != 4) return;
  a.tensors()[1].fill(1);
  a.tensors()[2].fill(0);
}

struct Baseline {
  std::string name = "-";
  double ns = INFINITY;
};

struct Row {
  const Item* item;
  Yardstick yardstick;
  double naive_ns = 0, default_ns = 0, tuned_ns = 0;
  Baseline baseline;
  int64_t trials = 0;
  double seconds = 0;
  std::string schedule;
  std::string difference;  // from the reference; "" where there is none
};

/// Contexts of the peers for one operator, dropped with it.
class PeerRuns {
 public:
  PeerRuns(const std::vector<std::unique_ptr<Peer>>& peers, const Item& item, int threads,
           Arguments& arguments)
      : inputs_(peer_inputs(item, arguments.tensors())) {
    for (const auto& p : peers)
      if (void* context = p->make(item.op, item.shape(), threads, inputs_.in0.data(), inputs_.in1.data()))
        runs_.push_back({p.get(), context});
  }
  ~PeerRuns() {
    for (const Run& r : runs_) r.peer->drop(r.context);
  }
  PeerRuns(const PeerRuns&) = delete;
  PeerRuns& operator=(const PeerRuns&) = delete;

  /// Keeps the peers whose result is tc's, to 1e-3 of its largest element.
  void check(const std::string& workload) {
    float scale = 0;
    for (const float x : inputs_.expected) scale = std::max(scale, std::abs(x));
    std::vector<float> got(inputs_.expected.size());
    std::erase_if(runs_, [&](const Run& r) {
      r.peer->run(r.context);
      r.peer->out(r.context, got.data());
      float worst = 0;
      for (size_t i = 0; i < got.size(); ++i) worst = std::max(worst, std::abs(got[i] - inputs_.expected[i]));
      if (worst <= 1e-3F * scale) return false;
      note(fmt::format("warning: {} of {} differs from tc's by {}; it is left out", workload, r.peer->name,
                       worst));
      r.peer->drop(r.context);
      return true;
    });
  }
  void add_to(std::vector<Contestant>& contestants) const {
    for (const Run& r : runs_)
      contestants.push_back({r.peer->name, [r] { r.peer->run(r.context); }, r.peer->unpinned});
  }

 private:
  struct Run {
    Peer* peer;
    void* context;
  };
  PeerInputs inputs_;
  std::vector<Run> runs_;
};

/// Whether a session for this task has ended: it has finals, or all its trials.
bool is_tuned(const autotune::Log& log, const Workload& w, const autotune::RecordTarget& target,
              int64_t trials) {
  if (!log.best(autotune::WorkloadKey(w.text()), target)) return false;
  int64_t count = 0;
  for (const autotune::Record& r : log.records()) {
    if (r.workload != w.text() || !autotune::same_machine(r.target, target)) continue;
    if (r.kind == "final") return true;
    ++count;
  }
  return count >= trials;
}

int64_t trials_in(const autotune::Log& log, const Workload& w, const autotune::RecordTarget& target) {
  return std::count_if(log.records().begin(), log.records().end(), [&](const autotune::Record& r) {
    return r.kind == "trial" && r.workload == w.text() && autotune::same_machine(r.target, target);
  });
}

autotune::Log load_or_empty(const std::string& path) {
  return std::filesystem::exists(path) ? load_log(path) : autotune::Log();
}

/// Tunes one operator; throws where tuning cannot go on. False: interrupted.
bool tune_item(const Workload& w, const Options& o, int threads, double budget, Row& row) {
  TuneSettings s;
  s.threads = threads;
  s.worker = find_worker();
  ProgressLine line(w, 5, false);
  s.options.trials = o.trials;
  s.options.time_budget_s = budget;
  s.options.log_path = o.log;
  s.options.on_progress = [&](const autotune::Progress& p) { line.update(p); };
  s.options.should_stop = [&] {
    line.tick();
    return StopOnSignal::stopped();
  };
  const auto result = tune(w, s);
  line.clear();
  const autotune::TuneResult& r = result.value();
  row.seconds = r.elapsed_s;
  note(fmt::format("{:<24} {}; {} in {:.1f} s", row.item->where,
                   r.best ? time_text(r.best->cost()) : "no valid candidate", histogram(r.statuses),
                   r.elapsed_s));
  for (const auto& [status, text] : r.first_message)
    note(fmt::format("  the first {}: {}", autotune::to_string(status), text.substr(0, 300)));
  return r.end != autotune::TuneEnd::interrupted;
}

void compare(const Workload& w, const autotune::Log& log, int threads,
             const std::vector<std::unique_ptr<Peer>>& peers, Row& row) {
  const WorkloadGraph graph = w.build();
  Arguments arguments(graph, 0, Fill::uniform), integers(graph, 0, Fill::small_integers);
  set_layer_norm_constants(*row.item, arguments);
  const Function functions[] = {build(Schedule(graph.outputs), graph.args).value(),
                                build(w, {}, threads).value(), build(w, log, threads).value()};
  const char* names[] = {"naive", "default", "tuned"};
  std::vector<BoundKernel> kernels;
  std::vector<Contestant> contestants;
  kernels.reserve(3);
  for (size_t i = 0; i < 3; ++i) {
    kernels.emplace_back(functions[i], arguments);
    contestants.push_back({names[i], [&k = kernels[i]] { k.run(); }});
    const Comparison checks[] = {BoundKernel(functions[i], integers).check(), kernels[i].check()};
    for (const Comparison& c : checks)
      if (!c.passed() && row.difference.empty())
        row.difference = fmt::format("{}: {}", names[i], c.difference);
  }
  PeerRuns baselines(peers, *row.item, threads, arguments);
  baselines.check(w.text());
  baselines.add_to(contestants);
  row.yardstick = yardstick(graph, threads);
  const std::vector<Timing> times = measure(contestants, {.rounds = 15, .threads = threads});
  if (!row.yardstick.bandwidth)
    row.yardstick.peak = std::max(row.yardstick.peak, runtime::fma_peak_gflops() * threads);
  row.naive_ns = times[0].median_ns, row.default_ns = times[1].median_ns, row.tuned_ns = times[2].median_ns;
  for (size_t i = 3; i < times.size(); ++i)
    if (times[i].median_ns < row.baseline.ns) row.baseline = {contestants[i].name, times[i].median_ns};
  row.schedule = functions[2].explain();
}

std::string table_of(const std::vector<Row>& rows, int threads) {
  Table table({"operator", "workload", "unit", "naive", "default", "tuned", "baseline", "", "ratio",
               "of peak", "trials", "seconds", "result"},
              {0, 1, 2, 7, 12});
  double log_ratio = 0;
  int ratios = 0;
  for (const Row& r : rows) {
    const Yardstick& y = r.yardstick;
    const double ratio = r.baseline.ns / r.tuned_ns;
    const bool has = std::isfinite(r.baseline.ns);
    if (has) log_ratio += std::log(ratio), ++ratios;
    table.add({r.item->where, r.item->workload, y.unit(), speed_text(y.speed(r.naive_ns)),
               speed_text(y.speed(r.default_ns)), speed_text(y.speed(r.tuned_ns)),
               has ? speed_text(y.speed(r.baseline.ns)) : "-", has ? r.baseline.name : "",
               has ? fmt::format("{:.2f}", ratio) : "-", fmt::format("{:.0f}%", 100 * y.share(r.tuned_ns)),
               std::to_string(r.trials), r.seconds > 0 ? fmt::format("{:.1f}", r.seconds) : "-",
               r.difference.empty() ? "right" : "WRONG"});
  }
  std::string out = table.str() + fmt::format("{} thread{} each, on {}. ratio: tuned over baseline", threads,
                                              threads == 1 ? "" : "s", cpu_model());
  if (ratios > 0) out += fmt::format("; geometric mean {:.2f}", std::exp(log_ratio / ratios));
  return out + ". Seconds: -, where the log had the schedule.\n";
}

Json json_of(const std::vector<Row>& rows, int threads) {
  Json out = Json::array();
  for (const Row& r : rows) {
    const Yardstick& y = r.yardstick;
    out.push_back({{"operator", r.item->where},
                   {"workload", r.item->workload},
                   {"unit", y.unit()},
                   {"peak", y.peak},
                   {"naive_ns", r.naive_ns},
                   {"default_ns", r.default_ns},
                   {"tuned_ns", r.tuned_ns},
                   {"tuned", y.speed(r.tuned_ns)},
                   {"baseline", r.baseline.name},
                   {"baseline_ns", r.baseline.ns},
                   {"ratio", r.baseline.ns / r.tuned_ns},
                   {"share_of_peak", y.share(r.tuned_ns)},
                   {"trials", r.trials},
                   {"seconds", r.seconds},
                   {"schedule", r.schedule},
                   {"difference", r.difference}});
  }
  return {{"threads", threads}, {"rows", std::move(out)}};
}

Options parse(int argc, char** argv) {
  Options o;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    TC_REQUIRE(
        i + 1 < argc,
        Error("cli.usage", fmt::format("{} needs a value, or is no option", name))
            .fix("demo [--log FILE] [--threads N] [--seconds S] [--trials N] [--only TEXT] [--json FILE]"));
    const std::string value = argv[++i];
    if (name == "--log")
      o.log = value;
    else if (name == "--only")
      o.only = value;
    else if (name == "--json")
      o.json = value;
    else if (name == "--threads")
      o.threads = std::atoi(value.c_str());
    else if (name == "--trials")
      o.trials = std::max(1, std::atoi(value.c_str()));
    else if (name == "--seconds")
      o.seconds = std::max(1.0, std::atof(value.c_str()));
    else
      throw Error("cli.usage", fmt::format("there is no option {}", name));
  }
  return o;
}

int demo(const Options& o) {
  const int threads =
      use_threads(o.threads > 0 ? o.threads : std::min(2, static_cast<int>(tc_num_threads())));
  const autotune::RecordTarget target = autotune::record_target(codegen::Target::host(), threads);
  std::vector<Item> chosen = items();
  std::erase_if(chosen, [&](const Item& i) {
    return (std::string(i.where) + " " + i.workload).find(o.only) == std::string::npos;
  });
  std::vector<Row> rows;
  std::vector<Workload> workloads;
  int64_t open = 0;
  autotune::Log log = load_or_empty(o.log);
  for (const Item& i : chosen) {
    rows.push_back({&i});
    workloads.push_back(parse_workload(i.workload).value());
    open += !is_tuned(log, workloads.back(), target, o.trials);
  }
  note(fmt::format("{} operators, {} to tune, {} threads; log {}", rows.size(), open, threads, o.log));
  if (double load = 0; ::getloadavg(&load, 1) == 1 && load > 0.5)
    note(
        fmt::format("other programs are running (load {:.1f}); with fewer CPUs to itself than threads, every "
                    "speed is lower and noisier",
                    load));
  {
    const StopOnSignal signals;
    double left = o.seconds;
    for (size_t i = 0; i < rows.size(); ++i) {
      if (is_tuned(log, workloads[i], target, o.trials)) continue;
      if (!tune_item(workloads[i], o, threads, left / static_cast<double>(open--), rows[i])) {
        note(fmt::format("interrupted; {} has all trials that ended, and the next run goes on from there",
                         o.log));
        return kInterrupted;
      }
      left = std::max(1.0, left - rows[i].seconds);
    }
  }
  log = load_or_empty(o.log);
  const std::string here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  std::vector<std::unique_ptr<Peer>> peers;
  for (const char* name : {"peer_onednn.so", "peer_openblas.so"})
    if (auto p = Peer::load(here + "/" + name)) peers.push_back(std::move(p));
  bool right = true;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (terminal_width() > 0) fmt::print(stderr, "\r\x1b[Kchecking and measuring {}", rows[i].item->where);
    compare(workloads[i], log, threads, peers, rows[i]);
    rows[i].trials = trials_in(log, workloads[i], target);
    right &= rows[i].difference.empty();
  }
  if (terminal_width() > 0) fmt::print(stderr, "\r\x1b[K");
  print(table_of(rows, threads));
  for (const Row& r : rows)
    if (!r.difference.empty()) note(fmt::format("{}: {}", r.item->workload, r.difference));
  if (!o.json.empty()) write_file(o.json, json_of(rows, threads).dump(1) + "\n");
  return right ? kDone : kResultsDiffer;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return demo(parse(argc, argv));
  } catch (const Error& e) {
    print_error(e, false, exit_of(e));
    return exit_of(e);
  } catch (const std::exception& e) {
    note(e.what());
    return kFailed;
  }
}
