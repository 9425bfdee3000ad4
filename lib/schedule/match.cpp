// Finding an intrinsic in the loops of a stage.
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "tc/ir/affine.h"
#include "tc/ir/equal.h"
#include "tc/ir/print.h"
#include "tc/ir/simplify.h"
#include "tc/ir/traverse.h"
#include "tensorize.h"

namespace tc {
namespace {

using ir::int_imm;
using Loop = TensorSite::Loop;

struct PatternAxis {
  VarRef var;
  int64_t extent;
  bool reduce;
};

std::vector<PatternAxis> axes_of(const ir::Compute& c) {
  std::vector<PatternAxis> out;
  for (size_t d = 0; d < c.vars.size(); ++d)
    out.push_back({c.vars[d], *ir::as_int(c.buffers[0]->shape[d]), false});
  if (const auto* r = c.values[0].as<ir::Reduce>())
    for (size_t k = 0; k < r->vars.size(); ++k) out.push_back({r->vars[k], *ir::as_int(r->extents[k]), true});
  return out;
}

template <class T>
std::string text_of(const std::vector<T>& loops) {
  std::string out;
  for (const T& l : loops)
    out += fmt::format("{}{} in {}{}", out.empty() ? "" : ", ", l.var->name, l.extent,
                       l.reduce ? " (reduce)" : "");
  return out.empty() ? "none" : out;
}

bool commutes(ir::BinaryOp op) {
  using B = ir::BinaryOp;
  return op == B::add || op == B::mul || op == B::eq || op == B::ne || op == B::and_ || op == B::or_ ||
         op == B::bit_and || op == B::bit_or || op == B::bit_xor;
}

// Tries one assignment of loops to the axes of the intrinsic after another.
class Matcher {
 public:
  Matcher(const Intrinsic& intrinsic, const TensorSite& site)
      : in_(intrinsic), site_(site), compute_(*intrinsic.body->body.as<ir::Compute>()) {}

  Expected<std::vector<TensorPart>> run() {
    const auto* r = compute_.values[0].as<ir::Reduce>();
    std::vector<PatternAxis> axes;
    for (const PatternAxis& a : axes_of(compute_)) {
      if (a.extent == 1)
        loop_of_[a.var.get()] = nullptr;
      else
        axes.push_back(a);
    }
    std::vector<Loop> loops;
    for (const Loop& l : site_.loops)
      if (l.extent != 1) loops.push_back(l);
    if (!same_fold(r))
      return differs("what is reduced", r ? r->combiner->name : "nothing",
                     site_.combiner ? site_.combiner->name : "nothing");
    if (!same_loops(axes, loops))
      return Error("schedule.tensorize.loops",
                   fmt::format("the loops of {} from {} inward are not those of {}", site_.stage, site_.axis,
                               in_.name))
          .fact("stage", site_.stage)
          .fact("axis", site_.axis)
          .fact("loops inward", text_of(loops))
          .fact(in_.name, text_of(axes))
          .fix("split and reorder so that the same numbers of iterations, in any order, are innermost");
    std::vector<bool> used(loops.size());
    if (!assign(axes, loops, used, 0)) return differs("", first_pattern_, first_actual_);
    if (auto error = check_parts()) return *error;
    return parts_;
  }

 private:
  [[nodiscard]] Error differs(const std::string& what, const std::string& pattern,
                              const std::string& actual) const {
    return Error("schedule.tensorize.match", fmt::format("{} does not compute what {} does from {} inward",
                                                         site_.stage, in_.name, site_.axis))
        .fact("stage", site_.stage)
        .fact("axis", site_.axis)
        .fact(what.empty() ? "first difference" : what, actual)
        .fact(in_.name + " has", pattern)
        .fact("loops", site_.loops_text)
        .fix("name the loop where the operands of the intrinsic begin, or an intrinsic with this body");
  }

  [[nodiscard]] bool same_fold(const ir::Reduce* r) const {
    if (!r || !site_.combiner) return !r && !site_.combiner;
    const ir::Combiner &a = *r->combiner, &b = *site_.combiner;
    if (a.results.size() != 1 || b.results.size() != 1 || a.lhs[0]->type != b.lhs[0]->type) return false;
    const auto fold = [](const ir::CombinerRef& c, const VarRef& k) {
      return ir::reduce(c, {int_imm(0)}, {int_imm(1)}, {k}, {ir::const_of(c->lhs[0]->type, 0)});
    };
    const VarRef k = ir::var("k");
    return ir::equal(fold(r->combiner, k), fold(site_.combiner, k));
  }

  [[nodiscard]] static bool same_loops(const std::vector<PatternAxis>& axes, const std::vector<Loop>& loops) {
    const auto key = [](const auto& all) {
      std::vector<std::pair<bool, int64_t>> out;
      for (const auto& l : all) out.emplace_back(l.reduce, l.extent);
      std::sort(out.begin(), out.end());
      return out;
    };
    return key(axes) == key(loops);
  }

  bool assign(const std::vector<PatternAxis>& axes, const std::vector<Loop>& loops, std::vector<bool>& used,
              size_t i) {
    if (i == axes.size()) return matches();
    for (size_t l = 0; l < loops.size(); ++l) {
      if (used[l] || loops[l].extent != axes[i].extent || loops[l].reduce != axes[i].reduce) continue;
      used[l] = true;
      loop_of_[axes[i].var.get()] = loops[l].var;
      if (assign(axes, loops, used, i + 1)) return true;
      used[l] = false;
      if (attempts_ > 1000) return false;
    }
    return false;
  }

  bool matches() {
    ++attempts_;
    parts_.assign(in_.body->params.size(), {});
    matched_ = 0;
    const std::vector<Expr> index(compute_.vars.begin(), compute_.vars.end());
    const Expr out = ir::load(compute_.buffers[0], index);
    if (!same_access(*out.as<ir::Load>(), site_.output, site_.output_index))
      return fail(out, ir::load(site_.output, site_.output_index));
    const auto* r = compute_.values[0].as<ir::Reduce>();
    return same(r ? r->source[0] : compute_.values[0], site_.value);
  }

  bool fail(const Expr& pattern, const Expr& actual) {
    if (matched_ > furthest_) {  // of equals the first: operands as they are written
      furthest_ = matched_;
      first_pattern_ = ir::to_string(pattern), first_actual_ = ir::to_string(actual);
    }
    return false;
  }

  static bool has_loads(const Expr& e) {
    bool found = false;
    ir::walk<ir::Load>(e, [&](const ir::Load&) { found = true; });
    return found;
  }

  bool same(const Expr& pattern, const Expr& actual) {
    if (pattern->type != actual->type) return fail(pattern, actual);
    if (pattern->type == ir::kIndex && !has_loads(pattern) && !has_loads(actual)) {
      const Expr difference = ir::simplify(in_loops(pattern) - actual, site_.bounds);
      return ir::is_int(difference, 0) ? (++matched_, true) : fail(pattern, actual);
    }
    if (pattern->kind != actual->kind) return fail(pattern, actual);
    if (const auto* l = pattern.as<ir::Load>()) {
      const auto* a = actual.as<ir::Load>();
      return same_access(*l, a->buffer, a->indices) ? (++matched_, true) : fail(pattern, actual);
    }
    const auto all = [&](const auto& a, const auto& b) {
      for (size_t i = 0; i < a.size(); ++i)
        if (!same(a[i], b[i])) return false;
      return true;
    };
    if (const auto* b = pattern.as<ir::Binary>())
      return same_binary(*b, *actual.as<ir::Binary>(), pattern, actual);
    ++matched_;
    if (const auto* c = pattern.as<ir::Call>()) {
      const auto* a = actual.as<ir::Call>();
      return c->op == a->op ? all(c->args, a->args) : fail(pattern, actual);
    }
    if (const auto* c = pattern.as<ir::Cast>()) return same(c->value, actual.as<ir::Cast>()->value);
    if (const auto* s = pattern.as<ir::Select>()) {
      const auto* a = actual.as<ir::Select>();
      return same(s->condition, a->condition) && same(s->if_true, a->if_true) &&
             same(s->if_false, a->if_false);
    }
    return ir::equal(in_loops(pattern), actual) || fail(pattern, actual);  // constants, variables
  }

  bool same_binary(const ir::Binary& p, const ir::Binary& a, const Expr& pattern, const Expr& actual) {
    if (p.op != a.op) return fail(pattern, actual);
    ++matched_;
    const auto parts = parts_;
    const int matched = matched_;
    if (same(p.a, a.a) && same(p.b, a.b)) return true;
    if (!commutes(p.op)) return false;
    parts_ = parts, matched_ = matched;
    return same(p.a, a.b) && same(p.b, a.a);
  }

  // The intrinsic's expression in terms of the loops.
  Expr in_loops(const Expr& e) const {
    ir::VarMap map;
    for (const PatternAxis& a : axes_of(compute_)) {
      const auto it = loop_of_.find(a.var.get());
      map[a.var] = it != loop_of_.end() && it->second ? Expr(it->second) : int_imm(0);
    }
    return ir::substitute(e, map);
  }

  [[nodiscard]] bool is_inner(const ir::Var* v) const {
    return std::any_of(site_.loops.begin(), site_.loops.end(),
                       [&](const Loop& l) { return l.var.get() == v; });
  }

  // Whether the access goes along with the parameter's: then it says where the parameter is.
  bool same_access(const ir::Load& pattern, const BufferRef& buffer, const std::vector<Expr>& index) {
    if (pattern.buffer->type != buffer->type) return false;
    TensorPart part{buffer, {}, {}};
    ir::VarMap still;  // loops of one iteration
    for (const Loop& l : site_.loops)
      if (l.extent == 1) still[l.var] = int_imm(0);
    for (const Expr& e : index) {
      auto sum = ir::to_affine(ir::simplify(ir::substitute(e, still), site_.bounds));
      if (!sum) return false;
      std::vector<int64_t> strides(pattern.indices.size(), 0);
      ir::Affine rest;
      rest.constant = sum->constant;
      for (const ir::AffineTerm& t : sum->terms) {
        const auto* v = t.atom.as<ir::Var>();
        if (!v || !is_inner(v)) {
          for (const Loop& l : site_.loops)
            if (ir::uses_var(*t.atom, *l.var)) return false;
          if (!rest.add(t.atom, t.coef)) return false;
          continue;
        }
        size_t d = 0;
        while (d < pattern.indices.size() && !runs_over(pattern.indices[d], v)) ++d;
        if (d == pattern.indices.size()) return false;
        strides[d] = t.coef;
      }
      part.base.push_back(ir::from_affine(rest));
      part.stride.push_back(std::move(strides));
    }
    return bind(pattern.buffer, std::move(part));
  }
  bool runs_over(const Expr& pattern_index, const ir::Var* loop) const {
    const auto* v = pattern_index.as<ir::Var>();
    const auto it = v ? loop_of_.find(v) : loop_of_.end();
    return it != loop_of_.end() && it->second.get() == loop;
  }

  // A parameter is one part, however often it is read.
  bool bind(const BufferRef& param, TensorPart part) {
    const auto& params = in_.body->params;
    size_t i = 0;
    while (!params[i].same(param)) ++i;
    TensorPart& known = parts_[i];
    if (!known.buffer) {
      known = std::move(part);
      return true;
    }
    return known.buffer.same(part.buffer) && known.stride == part.stride &&
           std::equal(known.base.begin(), known.base.end(), part.base.begin(), part.base.end(),
                      ir::same_expr);
  }

  // What holds of the memory that the parameters are.
  Check check_parts() const {
    const auto& params = in_.body->params;
    for (size_t i = 0; i < params.size(); ++i) {
      const TensorPart& part = parts_[i];
      if (!part.buffer) continue;  // a parameter that the body does not read
      if (params[i]->scope != Scope::global && params[i]->scope != part.buffer->scope)
        return Error("schedule.tensorize.scope",
                     fmt::format("{} is kept in the wrong place for {}", part.buffer->name, in_.name))
            .fact("stage", site_.stage)
            .fact(part.buffer->name, std::string(ir::to_string(part.buffer->scope)))
            .fact(params[i]->name + " of " + in_.name, std::string(ir::to_string(params[i]->scope)))
            .fix("use cache_read, cache_write or set_scope");
      if (auto error = check_strides(i)) return error;
    }
    return std::nullopt;
  }
  Check check_strides(size_t i) const {
    if (in_.strides.empty()) return std::nullopt;
    const auto& param = in_.body->params[i];
    const TensorPart& part = parts_[i];
    for (size_t d = 0; d < param->shape.size(); ++d) {
      const int64_t want = in_.strides[i][d];
      if (want == 0 || ir::is_int(param->shape[d], 1)) continue;
      int64_t have = 0, step = 1;
      bool known = true;  // whether all extents inside this dimension are numbers
      for (size_t b = part.buffer->shape.size(); b-- > 0;) {
        if (!known && part.stride[b][d] != 0) have = -1;  // at no constant distance
        if (!known) continue;
        have += part.stride[b][d] * step;
        known = ir::as_int(part.buffer->shape[b]).has_value();
        step *= ir::as_int(part.buffer->shape[b]).value_or(0);
      }
      if (have != want)
        return Error("schedule.tensorize.strides",
                     fmt::format("neighbours in {} are too far apart for {}", part.buffer->name, in_.name))
            .fact("stage", site_.stage)
            .fact("axis", site_.axis)
            .fact(fmt::format("dimension {} of {}", d, param->name), fmt::format("{} elements apart", have))
            .fact("expected", std::to_string(want))
            .fix("store it in another layout, e.g. s[B].layout(\"y/4\", \"x\", \"y%4\")");
    }
    return std::nullopt;
  }

  const Intrinsic& in_;
  const TensorSite& site_;
  const ir::Compute& compute_;
  std::unordered_map<const ir::Var*, VarRef> loop_of_;  // null: an axis of extent 1
  std::vector<TensorPart> parts_;
  int matched_ = 0, furthest_ = -1, attempts_ = 0;
  std::string first_pattern_, first_actual_;
};

}  // namespace

Expected<std::vector<TensorPart>> match_intrinsic(const Intrinsic& intrinsic, const TensorSite& site) {
  return Matcher(intrinsic, site).run();
}

}  // namespace tc
