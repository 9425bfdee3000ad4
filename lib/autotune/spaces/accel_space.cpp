// The space of an accelerator: plans whose tiles fit the scratchpads. Every decision is drawn
// from what still fits, those not yet drawn being as small as they can, so that sampled points
// are valid.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tc/autotune/accel.h"
#include "tc/autotune/spaces.h"
#include "tc/ir/traverse.h"
#include "tc/schedule/lower.h"

namespace tc::autotune {
namespace {

using accel::AxisRole, accel::DeviceOp, accel::DevicePlan, accel::Keep;

class Drawer {
 public:
  Drawer(const DeviceOp& op, const isa::MachineConfig& config, Choices& choices, std::string prefix)
      : op_(op),
        config_(config),
        choices_(choices),
        prefix_(std::move(prefix)),
        extents_(accel::tiled_extents(op)) {}

  std::optional<DevicePlan> draw() {
    const auto preset = accel::default_plan(op_, config_);
    if (!preset) return std::nullopt;
    preset_ = *preset;
    plan_ = preset_;
    plan_.depth = 1, plan_.image = plan_.weight = Keep::part, plan_.thread_axis = -1;
    std::fill(plan_.tile.begin(), plan_.tile.end(), 1);
    threads();
    keeps();
    order();
    for (size_t i = extents_.size(); i-- > 0;)
      if (extents_[i] > 1) tile(i);
    depth();
    return plan_;
  }

 private:
  [[nodiscard]] bool fits(const DevicePlan& p) const { return accel::footprint(op_, p).fits(config_); }
  // One of the values with which the plan fits; `set` puts it in.
  int64_t option(std::string_view name, const std::vector<int64_t>& values, int64_t preset,
                 const std::function<void(DevicePlan&, int64_t)>& set) {
    std::vector<int64_t> ok;
    for (const int64_t v : values) {
      DevicePlan q = plan_;
      set(q, v);
      if (fits(q)) ok.push_back(v);
    }
    if (ok.empty()) ok.push_back(values.front());  // what the plan has fits
    if (std::find(ok.begin(), ok.end(), preset) == ok.end()) preset = ok.back();
    const int64_t v = ok.size() == 1 ? ok[0] : choices_.option(prefix_ + std::string(name), ok, preset);
    set(plan_, v);
    return v;
  }

  void threads() {
    std::vector<int64_t> axes = {-1};
    for (size_t i = 0; i < extents_.size(); ++i)
      if (extents_[i] > 1) axes.push_back(static_cast<int64_t>(i));
    option("threads", axes, preset_.thread_axis,
           [](DevicePlan& p, int64_t v) { p.thread_axis = static_cast<int>(v); });
  }
  void keeps() {
    if (op_.kind != DeviceOp::Kind::gemm) return;
    option("image", {0, 1, 2}, 0, [](DevicePlan& p, int64_t v) { p.image = static_cast<Keep>(v); });
    option("weight", {0, 1, 2}, 0, [](DevicePlan& p, int64_t v) { p.weight = static_cast<Keep>(v); });
  }
  // Tiles of columns outermost, or innermost.
  void order() {
    const auto axes = accel::tiled_axes(op_);
    std::vector<int> columns, others;
    for (size_t i = 0; i < axes.size(); ++i) {
      const bool column = op_.roles[static_cast<size_t>(axes[i])] == AxisRole::column_tile;
      (column && extents_[i] > 1 ? columns : others).push_back(static_cast<int>(i));
    }
    if (columns.empty() || std::none_of(others.begin(), others.end(),
                                        [&](int i) { return extents_[static_cast<size_t>(i)] > 1; }))
      return;
    const bool last = choices_.flag(prefix_ + "columns_inside");
    plan_.order = last ? others : columns;
    plan_.order.insert(plan_.order.end(), (last ? columns : others).begin(), (last ? columns : others).end());
  }
  // Divisors, even pieces and powers of two.
  [[nodiscard]] std::vector<int64_t> sizes(int64_t extent, int64_t most, int64_t preset) const {
    std::vector<int64_t> out = factor_candidates(extent, {});
    for (int64_t pieces = 1; pieces <= 8; ++pieces) out.push_back((extent + pieces - 1) / pieces);
    out.push_back(preset);
    std::erase_if(out, [&](int64_t v) { return v < 1 || v > most; });
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
  }
  void tile(size_t i) {
    // with all of the axis in one tile the threads would have nothing to take turns with
    const int64_t most = plan_.thread_axis == static_cast<int>(i) ? (extents_[i] + 1) / 2 : extents_[i];
    option(fmt::format("tile{}", i), sizes(extents_[i], most, preset_.tile[i]), preset_.tile[i],
           [i](DevicePlan& p, int64_t v) { p.tile[i] = v; });
  }
  void depth() {
    if (op_.reduce_tiles < 0 || (plan_.image != Keep::part && plan_.weight != Keep::part)) return;
    const auto* r = op_.sums.op().values[0].as<ir::Reduce>();
    const int64_t extent = ir::as_int(r->extents[static_cast<size_t>(op_.reduce_tiles)]).value_or(1);
    if (extent > 1)
      option("depth", sizes(extent, extent, preset_.depth), preset_.depth,
             [](DevicePlan& p, int64_t v) { p.depth = v; });
  }

  const DeviceOp& op_;
  const isa::MachineConfig& config_;
  Choices& choices_;
  std::string prefix_;
  std::vector<int64_t> extents_;
  DevicePlan preset_, plan_;
};

// What statements of one kind do: how often they run, and what one run comes to.
struct Work {
  double runs = 0, elements = 0;  // of all runs
  double most = 0;                // of one
};
enum class WorkKind : uint8_t { inp, wgt, acc, gemm, alu, store };
constexpr size_t kWorkKinds = 6;

struct Collector {
  Work work[kWorkKinds];
  double threads = 1;

  void visit(const ir::Stmt& s, double runs) {
    if (!s) return;
    if (const auto* q = s.as<ir::Seq>()) {
      for (const ir::Stmt& t : q->stmts) visit(t, runs);
    } else if (const auto* a = s.as<ir::Alloc>()) {
      visit(a->body, runs);
    } else if (const auto* b = s.as<ir::If>()) {
      visit(b->if_true, runs), visit(b->if_false, runs);
    } else if (const auto* l = s.as<ir::Let>()) {
      visit(l->body, runs);
    } else {
      nest(s, runs, 1);
    }
  }
  // Loops down to one store are one statement; others are loops around statements.
  void nest(const ir::Stmt& s, double runs, double inner) {
    if (const auto* f = s.as<ir::For>()) {
      const double n = static_cast<double>(std::max<int64_t>(ir::as_int(f->extent).value_or(1), 1));
      if (f->mode == ir::LoopMode::vthread) threads *= n;
      if (single(f->body)) return nest(f->body, runs, inner * n);
      visit(f->body, runs * inner * n);
    } else if (const auto* b = s.as<ir::If>()) {
      nest(b->if_true, runs, inner);
    } else if (const auto* st = s.as<ir::Store>()) {
      Work& w = work[static_cast<size_t>(kind_of(*st))];
      w.runs += runs, w.elements += runs * inner, w.most = std::max(w.most, inner);
    } else {
      visit(s, runs * inner);
    }
  }
  static bool single(const ir::Stmt& s) {
    if (const auto* f = s.as<ir::For>()) return single(f->body);
    if (const auto* b = s.as<ir::If>()) return !b->if_false && single(b->if_true);
    return s.as<ir::Store>() != nullptr;
  }
  static WorkKind kind_of(const ir::Store& s) {
    if (s.buffer->scope == Scope::inp) return WorkKind::inp;
    if (s.buffer->scope == Scope::wgt) return WorkKind::wgt;
    if (s.buffer->scope != Scope::acc) return WorkKind::store;
    WorkKind kind = WorkKind::alu;
    ir::walk<ir::Load>(s.value, [&](const ir::Load& l) {
      if (l.buffer->scope == Scope::inp || l.buffer->scope == Scope::wgt) kind = WorkKind::gemm;
      if (l.buffer->scope == Scope::global) kind = WorkKind::acc;
    });
    return kind;
  }
};

float log2p(double v) { return static_cast<float>(std::log2(1 + std::max(v, 0.0))); }

Features features(const FuncRef& nested, const accel::Legalized& l, const std::vector<DevicePlan>& plans,
                  const isa::MachineConfig& config) {
  Collector c;
  c.visit(nested->body, 1);
  Features f = {log2p(c.threads)};
  for (const Work& w : c.work)
    for (const double v : {w.runs, w.elements, w.most}) f.push_back(log2p(v));
  accel::Footprint most;
  for (size_t i = 0; i < plans.size(); ++i) {
    const accel::Footprint p = accel::footprint(l.ops[i], plans[i]);
    most.inp = std::max(most.inp, p.inp), most.wgt = std::max(most.wgt, p.wgt),
    most.acc = std::max(most.acc, p.acc);
  }
  const auto part = [&](int64_t used, int64_t have) {
    f.push_back(static_cast<float>(used) / static_cast<float>(have));
  };
  part(most.inp, config.inp_depth), part(most.wgt, config.wgt_depth), part(most.acc, config.acc_depth);
  // cycles of each unit if nothing waited, relative to those of GEMM
  const double tile = static_cast<double>(config.batch * config.block_in * config.block_out);
  const double gemm = std::max(c.work[static_cast<size_t>(WorkKind::gemm)].elements / tile, 1.0);
  const auto dma = [&](WorkKind kind, double bytes) {
    const Work& w = c.work[static_cast<size_t>(kind)];
    f.push_back(static_cast<float>((w.elements * bytes / static_cast<double>(config.dram_bytes_per_cycle) +
                                    w.runs * static_cast<double>(config.dram_latency)) /
                                   gemm));
  };
  dma(WorkKind::inp, 1), dma(WorkKind::wgt, 1), dma(WorkKind::acc, 4), dma(WorkKind::store, 1);
  f.resize(kNumFeatures, 0.f);
  return f;
}

}  // namespace

Expected<std::vector<DevicePlan>> draw_plans(const accel::Legalized& l, const isa::MachineConfig& config,
                                             Choices& choices) {
  try {
    std::vector<DevicePlan> plans;
    for (size_t i = 0; i < l.ops.size(); ++i) {
      const std::string prefix = l.ops.size() == 1 ? "" : fmt::format("{}_", l.ops[i].plain.name());
      auto plan = Drawer(l.ops[i], config, choices, i == 0 ? prefix : fmt::format("{}{}", i, prefix)).draw();
      if (!plan) {
        auto why = accel::default_schedule(l, config);
        return why ? Error("codegen.accel.capacity", "no tiles fit the machine") : why.error();
      }
      if (const int64_t n = accel::instructions(l.ops[i], *plan, config); n > accel::kMaxPlanned)
        return Error("codegen.accel.limit",
                     fmt::format("the plan of {} takes about {} instructions; a program may have {}",
                                 l.ops[i].plain.name(), n, accel::kMaxPlanned))
            .fix("draw larger tiles");
      plans.push_back(std::move(*plan));
    }
    return plans;
  } catch (const Error& e) {
    return e;
  }
}

Expected<SpaceFn> make_accel_space(const WorkloadGraph& graph, const isa::MachineConfig& config) {
  auto legal = accel::legalize(graph.args, config);
  if (!legal) return legal.error();
  if (legal.value().ops.empty())
    return Error("codegen.accel.nothing", "the accelerator computes no part of this")
        .fact("why", legal.value().left.empty() ? "there is no integer arithmetic" : legal.value().left[0])
        .fix("tune it for the target cpu");
  return SpaceFn([l = std::move(legal).value(), config](Choices& choices) -> Expected<Features> {
    auto plans = draw_plans(l, config, choices);
    if (!plans) return plans.error();
    auto schedule = accel::make_schedule(l, plans.value());
    if (!schedule) return schedule.error();
    auto lowered = lower(schedule.value(), l.args);
    if (!lowered) return lowered.error();
    return features(lowered.value().func, l, plans.value(), config);
  });
}

}  // namespace tc::autotune
