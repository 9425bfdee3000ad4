// Which stages the device computes: each reduction with the elementwise stages behind it,
// and elementwise stages alone, as far as the machine can; the rest stays as it is.
#include "tc/codegen/accel_legalize.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_map>

#include "legalize_group.h"
#include "plan_parts.h"
#include "tc/te/extern.h"

namespace tc::accel {
namespace {

using detail::GroupInputs, detail::GroupSource;

constexpr double kMaxNodes = 2000;  // of one result's expression

class Legalizer {
 public:
  Legalizer(const std::vector<Tensor>& args, const isa::MachineConfig& config)
      : args_(args), config_(config), graph_(graph_of(args)) {
    (void)to_func(graph_, args);  // its errors
    for (size_t i = 0; i < graph_.ops.size(); ++i)
      for (const BufferRef& b : graph_.buffers[i]) made_by_[b.get()] = i;
    readers_.resize(graph_.ops.size());
    for (size_t i = 0; i < graph_.ops.size(); ++i)
      for (const BufferRef& b : reads(i))
        if (const auto from = made_by_.find(b.get()); from != made_by_.end())
          readers_[from->second].push_back(i);
    for (size_t i = 0; i < graph_.ops.size(); ++i)
      host_.push_back(graph_.scans[i] >= 0 || graph_.ops[i]->external);
    taken_ = host_;
    inputs_ = {[this](const BufferRef& b) { return plain(b); },
               [this](const BufferRef& b) { return blocked(b); },
               [this](const std::string& name) { return unique(name); }};
    for (const Tensor& t : args) names_.insert(t.name());
    for (const auto& op : graph_.ops) names_.insert(op->output_names.begin(), op->output_names.end());
  }

  Legalized run() {
    for (size_t i = 0; i < graph_.ops.size(); ++i) {
      if (graph_.ops[i]->external) out_.left.push_back(graph_.ops[i]->name + ": an extern");
      if (graph_.scans[i] >= 0 && (i == 0 || graph_.scans[i - 1] != graph_.scans[i]))
        out_.left.push_back(graph_.ops[i]->name + ": a recurrence");
      settle(i);
      if (host_[i])  // in order, so that nothing recurses through a deep graph
        for (const BufferRef& b : graph_.buffers[i]) (void)plain(b);
    }
    for (const Tensor& t : args_) out_.args.push_back(plain(t.buffer()));
    for (const Tensor& t : graph_.outputs) out_.outputs.push_back(plain(t.buffer()));
    const Graph made = Graph::of(out_.outputs);
    for (const Tensor& input : graph_.inputs)
      if (std::none_of(made.inputs.begin(), made.inputs.end(),
                       [&](const Tensor& t) { return t.buffer().same(input.buffer()); }))
        return as_it_was(input);
    return std::move(out_);
  }

 private:
  // The ALU's arithmetic follows ranges, and found that a value does not depend on an input, which is an
  // argument nevertheless.
  [[nodiscard]] Legalized as_it_was(const Tensor& input) const {
    Legalized out{args_, graph_.outputs, {}, std::move(out_.left)};
    out.left.push_back(fmt::format("{}: no value depends on it", input.name()));
    return out;
  }
  static Graph graph_of(const std::vector<Tensor>& args) {
    std::vector<Tensor> outputs;
    for (const Tensor& t : args)
      if (t && !t.op().is_placeholder()) outputs.push_back(t);
    return Graph::of(outputs);
  }

  // The buffers that a stage reads, each once.
  [[nodiscard]] std::vector<BufferRef> reads(size_t i) const {
    if (const auto& x = graph_.ops[i]->external) return x->tensors;
    std::vector<BufferRef> out;
    std::set<const ir::Buffer*> seen;
    for (const Expr& v : graph_.ops[i]->values)
      ir::walk<ir::Load>(v, [&](const ir::Load& l) {
        if (seen.insert(l.buffer.get()).second) out.push_back(l.buffer);
      });
    return out;
  }

  [[nodiscard]] bool is_output(size_t i) const {
    return std::any_of(graph_.outputs.begin(), graph_.outputs.end(),
                       [&](const Tensor& t) { return t.buffer()->source == graph_.ops[i]; });
  }

  std::string unique(const std::string& name) {
    std::string out = name;
    for (int n = 1; !names_.insert(out).second; ++n) out = fmt::format("{}_{}", name, n);
    return out;
  }

  // ---- groups

  // Decides on stage i unless it is done: the device, as the head of a group, or the CPU.
  void settle(size_t i) {
    if (taken_[i]) return;
    const Op& op = *graph_.ops[i];
    if (op.values.size() == 1 && graph_.ops[i]->values[0]->type.is_int()) {
      std::string why;
      const auto* r = op.values[0].as<ir::Reduce>();
      for (const size_t end : ends(i)) {
        if (group(i, end, why)) return;
      }
      if (r || why != "a copy") out_.left.push_back(fmt::format("{}: {}", op.name, why));
    } else if (op.values[0].as<ir::Reduce>()) {
      out_.left.push_back(
          fmt::format("{}: {}", op.name, op.values.size() > 1 ? "a reduction of tuples" : "floats"));
    }
    taken_[i] = host_[i] = true;
  }

  // Where a group that starts with stage i may end: behind the elementwise stages that read it and
  // nothing else does; the narrowest result first, of equal ones the last.
  std::vector<size_t> ends(size_t i) {
    std::vector<size_t> chain = {i};
    double size = 1;  // of the expression with all stages put in
    while (readers_[chain.back()].size() == 1 && !is_output(chain.back())) {
      const size_t next = readers_[chain.back()][0];
      const BufferRef& from = graph_.buffers[chain.back()][0];
      if (taken_[next] || !follows(next, from)) break;
      double own = 0, uses = 0;
      ir::walk_all(*graph_.ops[next]->values[0], [&](const ir::Node& n) {
        own += 1, uses += n.kind == ir::Kind::Load && static_cast<const ir::Load&>(n).buffer.same(from);
      });
      size = own + uses * size;
      if (size > kMaxNodes) break;
      chain.push_back(next);
    }
    std::reverse(chain.begin(), chain.end());
    std::stable_sort(chain.begin(), chain.end(), [&](size_t a, size_t b) { return planes(a) < planes(b); });
    return chain;
  }
  [[nodiscard]] int planes(size_t i) const {
    return detail::planes_of(graph_.ops[i]->values[0]->type, config_);
  }

  // Elementwise, and reads each element of the buffer for one of its own.
  [[nodiscard]] bool follows(size_t i, const BufferRef& from) const {
    const Op& op = *graph_.ops[i];
    if (op.values.size() != 1 || op.values[0].as<ir::Reduce>() || !op.values[0]->type.is_int()) return false;
    bool ok = true;
    const ir::Load* first = nullptr;
    ir::walk<ir::Load>(op.values[0], [&](const ir::Load& l) {
      if (!l.buffer.same(from)) return;
      ok = ok && l.indices.size() == op.axes.size();
      for (size_t d = 0; ok && d < l.indices.size(); ++d) {
        const auto* v = l.indices[d].as<ir::Var>();
        ok = v != nullptr && (!first || first->indices[d].same(l.indices[d]));
        for (size_t e = 0; ok && e < d; ++e) ok = !l.indices[e].same(l.indices[d]);
        size_t axis = 0;
        while (ok && axis < op.axes.size() && !op.axes[axis].same(VarRef(v))) ++axis;
        ok = ok && axis < op.axes.size() && ir::as_int(op.shape[axis]) == ir::as_int(from->shape[d]);
      }
      first = &l;
    });
    return ok && first;
  }

  bool group(size_t head, size_t end, std::string& why) {
    std::vector<size_t> members = {head};
    while (members.back() != end) members.push_back(readers_[members.back()][0]);
    const Op& op = *graph_.ops[head];
    GroupSource source;
    source.result = Tensor(graph_.buffers[end][0]);
    if (op.values[0].as<ir::Reduce>()) source.reduce = &op, source.sums = graph_.buffers[head][0];
    source.value = inlined(end, members, source.reduce ? head : graph_.ops.size());
    for (const size_t m : members) taken_[m] = true;  // what the group reads is made on the way
    auto made = detail::make_group(source, inputs_, config_);
    if (made)
      if (std::string large = detail::why_too_large(*made.value, config_); !large.empty()) made = {large};
    if (!made) {
      for (const size_t m : members) taken_[m] = false;
      if (why.empty()) why = made.why;
      return false;
    }
    blocked_.emplace(source.result.buffer().get(), *made.value);
    out_.ops.push_back(std::move(*made.value));
    return true;
  }

  // The value of stage i, in its own axes, with the group's other stages but `keep` put in.
  Expr inlined(size_t i, const std::vector<size_t>& members, size_t keep) {
    const Op& op = *graph_.ops[i];
    if (i == keep) {
      std::vector<Expr> own(op.axes.begin(), op.axes.end());
      return ir::load(graph_.buffers[i][0], own);
    }
    return ir::rewrite(op.values[0], [&](const ir::Load& l) -> Expr {
      const auto from = made_by_.find(l.buffer.get());
      if (from == made_by_.end() || from->second == keep ||
          std::find(members.begin(), members.end(), from->second) == members.end())
        return {};
      const Op& other = *graph_.ops[from->second];
      ir::VarMap map;
      for (size_t d = 0; d < l.indices.size(); ++d) map[other.axes[d]] = l.indices[d];
      return ir::substitute(inlined(from->second, members, keep), map);
    });
  }

  // ---- the new graph

  const DeviceOp* blocked(const BufferRef& b) {
    const auto from = made_by_.find(b.get());
    if (from == made_by_.end()) return nullptr;
    settle(from->second);
    const auto found = blocked_.find(b.get());
    return found == blocked_.end() ? nullptr : &found->second;
  }

  Tensor plain(const BufferRef& b) {
    const auto from = made_by_.find(b.get());
    if (from == made_by_.end()) return Tensor(b);  // an input, or made while legalising
    if (const auto done = plain_.find(b.get()); done != plain_.end()) return done->second;
    Tensor t;
    if (const DeviceOp* device = blocked(b))
      t = detail::unpack(*device, device->out, config_);
    else
      rebuild(from->second);
    if (t) plain_.emplace(b.get(), t);
    return plain_.at(b.get());
  }

  // A CPU stage on the new tensors, a recurrence with all its stages; itself where it reads none.
  void rebuild(size_t i) {
    size_t begin = i, end = i + 1;
    if (const int scan = graph_.scans[i]; scan >= 0) {
      while (begin > 0 && graph_.scans[begin - 1] == scan) --begin;
      while (end < graph_.ops.size() && graph_.scans[end] == scan) ++end;
    }
    std::vector<BufferRef> own;
    for (size_t k = begin; k < end; ++k)
      own.insert(own.end(), graph_.buffers[k].begin(), graph_.buffers[k].end());
    const auto is_own = [&](const BufferRef& b) {
      return std::any_of(own.begin(), own.end(), [&](const BufferRef& o) { return o.same(b); });
    };
    bool changed = false;
    for (size_t k = begin; k < end; ++k)
      for (const BufferRef& b : reads(k)) changed = changed || (!is_own(b) && !plain(b).buffer().same(b));
    // the operation of a recurrence is that of a tensor of it which somebody holds
    const Op* op = graph_.ops[i].get();
    if (graph_.scans[i] >= 0)
      for (const BufferRef& b : own)
        if (b->source && Tensor(b).op().scan) op = &Tensor(b).op();
    std::vector<Tensor> made;
    if (changed) made = with_inputs(*op, [&](const BufferRef& b) { return plain(b); });
    for (size_t k = 0; k < own.size(); ++k) plain_.emplace(own[k].get(), changed ? made[k] : Tensor(own[k]));
  }

  const std::vector<Tensor>& args_;
  const isa::MachineConfig& config_;
  Graph graph_;
  GroupInputs inputs_;
  std::unordered_map<const ir::Buffer*, size_t> made_by_;
  std::vector<std::vector<size_t>> readers_;
  std::vector<bool> taken_, host_;  // stages that are decided on; those for the CPU
  std::unordered_map<const ir::Buffer*, DeviceOp> blocked_;
  std::unordered_map<const ir::Buffer*, Tensor> plain_;
  std::set<std::string> names_;
  Legalized out_;
};

}  // namespace

std::string_view to_string(AxisRole role) {
  static constexpr std::string_view kNames[] = {"row_tile", "column_tile", "outer", "plane", "row", "column"};
  return kNames[static_cast<size_t>(role)];
}
std::string_view to_string(DeviceOp::Kind kind) {
  static constexpr std::string_view kNames[] = {"gemm", "reduce", "elementwise"};
  return kNames[static_cast<size_t>(kind)];
}

Tensor unpacked(const DeviceOp& op, const Tensor& blocked, const isa::MachineConfig& config) {
  return detail::unpack(op, blocked, config);
}

Expected<Legalized> legalize(const std::vector<Tensor>& args, const isa::MachineConfig& config) {
  if (auto error = isa::validate(config)) return std::move(*error);
  try {
    return Legalizer(args, config).run();
  } catch (const Error& e) {
    return e;
  }
}

}  // namespace tc::accel
