// Reductions over any axes, argmax and argmin.
#include "check.h"
#include "tc/te/reducer.h"

namespace tc::op {
namespace {

/// A reduction's shape, axes' names, and how an output index and reduce axes
/// make an index of x.
struct Plan {
  std::vector<int64_t> axes;
  std::vector<ReduceAxis> k;
  Shape shape;
  std::vector<std::string> names;
  bool keepdims;

  Plan(std::string_view op, const Tensor& x, const std::vector<int64_t>& which, bool keep)
      : axes(checked_axes(op, which, x.ndim())), k(reduce_axes_of(x, axes)), keepdims(keep) {
    const auto all = axis_names(static_cast<size_t>(x.ndim()));
    shape = x.shape();
    if (!keep) shape = without(shape, axes);
    names = keep ? all : without(all, axes);
    if (keep)
      for (const int64_t a : axes) shape[static_cast<size_t>(a)] = 1;
  }
  [[nodiscard]] Axes source(const Axes& out) const {
    Axes full;
    size_t next_k = 0, next = 0;
    for (size_t d = 0; d < axes.size() + (keepdims ? out.size() - axes.size() : out.size()); ++d) {
      const bool reduced = next_k < axes.size() && axes[next_k] == static_cast<int64_t>(d);
      full.push_back(reduced ? Expr(k[next_k++].var) : out[keepdims ? d : next]);
      if (!reduced) ++next;
    }
    return full;
  }
};

Tensor reduce_with(std::string_view op, const Tensor& x, const ReduceOptions& o, DType type,
                   const std::string& name, Expr (*reduce)(Expr, const std::vector<ReduceAxis>&)) {
  const Plan plan(op, x, o.axes, o.keepdims);
  return compute(
      plan.shape,
      [&](const Axes& i) {
        const Expr e = tc::cast(type, x.at(plan.source(i)));
        return plan.k.empty() ? e : reduce(e, plan.k);
      },
      name, plan.names);
}

Tensor arg(std::string_view op, const Tensor& x, const ArgOptions& o,
           ir::CombinerRef (*combiner)(DType, DType)) {
  require_number(op, "x", x);
  TC_REQUIRE(o.index == kI64 || o.index == kI32,
             op_error("dtype", op, "index", "i64 or i32", text_of(o.index), "leave it out for i64"));
  const int64_t axis = checked_axis(op, o.axis, x.ndim());
  require_elements(op, x, axis, "there is no index to give");
  const auto extent = x.dim(static_cast<int>(axis)).number();
  TC_REQUIRE(extent || o.index == kI64, op_error("dtype", op, "index", "i64 along an axis of any extent",
                                                 text_of(o.index), "leave it out for i64"));
  if (o.index == kI32) require_range(op, fmt::format("the extent of axis {}", axis), *extent, 1, kMaxAttr);
  const Plan plan(op, x, {axis}, o.keepdims);
  return compute_many(
      plan.shape,
      [&](const Axes& i) {
        return reduce_tuple(combiner(x.dtype(), o.index),
                            {x.at(plan.source(i)), tc::cast(o.index, plan.k[0])}, plan.k);
      },
      {o.name + "_value", o.name}, plan.names)[1];
}

}  // namespace

Tensor sum(const Tensor& x, const ReduceOptions& o) {
  require_number("sum", "x", x);
  return reduce_with("sum", x, o, product_type("sum", x, o.out), o.name, &tc::sum);
}
Tensor prod(const Tensor& x, const ReduceOptions& o) {
  require_number("prod", "x", x);
  return reduce_with("prod", x, o, product_type("prod", x, o.out), o.name, &tc::prod);
}
Tensor max(const Tensor& x, const ReduceOptions& o) {
  require_number("max", "x", x);
  return reduce_with("max", x, o, x.dtype(), o.name, &tc::max);
}
Tensor min(const Tensor& x, const ReduceOptions& o) {
  require_number("min", "x", x);
  return reduce_with("min", x, o, x.dtype(), o.name, &tc::min);
}

Tensor mean(const Tensor& x, const ReduceOptions& o) {
  require_float("mean", "x", x);
  const Plan plan("mean", x, o.axes, o.keepdims);
  const Expr count = count_along(x, plan.axes, x.dtype());
  const Tensor sums = reduce_with("mean", x, o, x.dtype(), o.name + "_sum", &tc::sum);
  return compute(plan.shape, [&](const Axes& i) { return sums.at(i) / count; }, o.name, plan.names);
}

namespace {

// Several components over the axes of `plan`, then one value of them.
Tensor reduce_then(const Tensor& x, const ReduceOptions& o, const Plan& plan, const ir::CombinerRef& combiner,
                   const std::vector<std::string>& components,
                   const std::function<State(const Expr& element)>& source,
                   const std::function<Expr(const State&)>& result) {
  const DType type = combiner->results[0]->type;
  std::vector<std::string> names;
  for (const std::string& c : components) names.push_back(o.name + "_" + c);
  const std::vector<Tensor> parts = compute_many(
      plan.shape,
      [&](const Axes& i) {
        return reduce_tuple(combiner, source(tc::cast(type, x.at(plan.source(i)))), plan.k);
      },
      names, plan.names);
  return compute(
      plan.shape,
      [&](const Axes& i) {
        State s;
        for (const Tensor& t : parts) s.push_back(t.at(i));
        return tc::cast(x.dtype(), result(s));
      },
      o.name, plan.names);
}
Plan plan_of_rank(std::string_view op, const Tensor& x, const ReduceOptions& o) {
  require_float(op, "x", x);
  TC_REQUIRE(x.ndim() > 0,
             op_error("rank", op, "x", "of 1 or more dimensions", "0-d", "there is no axis to reduce"));
  return {op, x, o.axes, o.keepdims};
}

}  // namespace

Tensor variance(const Tensor& x, const ReduceOptions& o) {
  const Plan plan = plan_of_rank("variance", x, o);
  const DType type = sum_type(x.dtype());
  const Expr one = ir::const_of(type, 1), zero = ir::const_of(type, 0);
  return reduce_then(
      x, o, plan, mean_variance_combiner(type), {"count", "mean", "squares"},
      [&](const Expr& e) { return State{one, e, zero}; }, [](const State& s) { return s[2] / s[0]; });
}
Tensor logsumexp(const Tensor& x, const ReduceOptions& o) {
  const Plan plan = plan_of_rank("logsumexp", x, o);
  const DType type = sum_type(x.dtype());
  const Expr one = ir::const_of(type, 1);
  return reduce_then(
      x, o, plan, softmax_combiner(type), {"max", "sum"}, [&](const Expr& e) { return State{e, one}; },
      [](const State& s) { return s[0] + tc::log(s[1]); });
}

Tensor argmax(const Tensor& x, const ArgOptions& o) { return arg("argmax", x, o, &argmax_combiner); }
Tensor argmin(const Tensor& x, const ArgOptions& o) { return arg("argmin", x, o, &argmin_combiner); }

}  // namespace tc::op
