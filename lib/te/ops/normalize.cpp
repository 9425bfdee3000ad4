// softmax, log_softmax, layer_norm and batch_norm.
#include "check.h"

namespace tc::op {
namespace {

/// One axis of x taken out: names and shape of the rest, and how to put an index back.
struct Rows {
  size_t axis;
  Shape full, rest;
  std::vector<std::string> names, rest_names;
  Rows(std::string_view op, const Tensor& x, int64_t which)
      : axis(static_cast<size_t>(checked_axis(op, which, x.ndim()))),
        full(x.shape()),
        rest(without(full, {static_cast<int64_t>(axis)})),
        names(axis_names(full.size())),
        rest_names(without(names, {static_cast<int64_t>(axis)})) {}
  [[nodiscard]] Axes with(const Axes& row, const Expr& k) const {
    Axes out = row;
    out.insert(out.begin() + static_cast<std::ptrdiff_t>(axis), k);
    return out;
  }
  [[nodiscard]] Axes row(const Axes& i) const { return without(i, {static_cast<int64_t>(axis)}); }
  [[nodiscard]] ReduceAxis k() const { return reduce_axis(Extent(0), full[axis], "k"); }
};

Tensor row_maximum(const Tensor& x, const Rows& rows) {
  const ReduceAxis k = rows.k();
  return compute(
      rows.rest, [&](const Axes& i) { return tc::max(x.at(rows.with(i, k)), k); }, "M", rows.rest_names);
}

}  // namespace

Tensor softmax(const Tensor& x, int64_t axis, const std::string& name) {
  require_float("softmax", "x", x);
  const Rows rows("softmax", x, axis);
  const Tensor m = row_maximum(x, rows);
  const Tensor e = compute(
      rows.full, [&](const Axes& i) { return tc::exp(x.at(i) - m.at(rows.row(i))); }, "E", rows.names);
  const ReduceAxis k = rows.k();
  const Tensor s = compute(
      rows.rest, [&](const Axes& i) { return tc::sum(e.at(rows.with(i, k)), k); }, "S", rows.rest_names);
  return compute(rows.full, [&](const Axes& i) { return e.at(i) / s.at(rows.row(i)); }, name, rows.names);
}

Tensor log_softmax(const Tensor& x, int64_t axis, const std::string& name) {
  require_float("log_softmax", "x", x);
  const Rows rows("log_softmax", x, axis);
  const Tensor m = row_maximum(x, rows);
  const ReduceAxis k = rows.k();
  const Tensor s = compute(
      rows.rest, [&](const Axes& i) { return tc::sum(tc::exp(x.at(rows.with(i, k)) - m.at(i)), k); }, "S",
      rows.rest_names);
  const Tensor l = compute(rows.rest, [&](const Axes& i) { return tc::log(s.at(i)); }, "L", rows.rest_names);
  return compute(
      rows.full, [&](const Axes& i) { return x.at(i) - m.at(rows.row(i)) - l.at(rows.row(i)); }, name,
      rows.names);
}

Tensor layer_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, const NormOptions& o) {
  require_float("layer_norm", "x", x);
  require_range("layer_norm", "axes", o.axes, 1, std::max(x.ndim(), 1));
  TC_REQUIRE(x.ndim() > 0, op_error("rank", "layer_norm", "x", "of 1 or more dimensions", "0-d",
                                    "there is no axis to normalise"));
  const Shape full = x.shape();
  const size_t lead = full.size() - static_cast<size_t>(o.axes);
  const Shape rest(full.begin(), full.begin() + static_cast<std::ptrdiff_t>(lead)),
      last(full.begin() + static_cast<std::ptrdiff_t>(lead), full.end());
  if (gamma)
    require_dtype("layer_norm", "gamma", gamma, x.dtype()), require_shape("layer_norm", "gamma", gamma, last);
  if (beta)
    require_dtype("layer_norm", "beta", beta, x.dtype()), require_shape("layer_norm", "beta", beta, last);
  const Expr eps = exact("layer_norm", "eps", o.eps, x.dtype());
  const auto names = axis_names(full.size());
  const std::vector<std::string> rest_names(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(lead));
  std::vector<int64_t> reduced;
  for (size_t d = lead; d < full.size(); ++d) reduced.push_back(static_cast<int64_t>(d));
  const Expr count = count_along(x, reduced, x.dtype());
  const auto over = [&](const std::string& stage,
                        const std::function<Expr(const Axes& row, Expr element)>& f) {
    const std::vector<ReduceAxis> k = reduce_axes_of(x, reduced);
    return compute(
        rest,
        [&](const Axes& row) {
          Axes i = row;
          i.insert(i.end(), k.begin(), k.end());
          return tc::sum(f(row, x.at(i)), k);
        },
        stage, rest_names);
  };
  const Tensor s = over("S", [](const Axes&, Expr e) { return e; });
  const Tensor mean = compute(rest, [&](const Axes& row) { return s.at(row) / count; }, "mean", rest_names);
  const Tensor v =
      over("V", [&](const Axes& row, const Expr& e) { return (e - mean.at(row)) * (e - mean.at(row)); });
  const Tensor rstd = compute(
      rest, [&](const Axes& row) { return ir::const_of(x.dtype(), 1) / tc::sqrt(v.at(row) / count + eps); },
      "rstd", rest_names);
  return compute(
      full,
      [&](const Axes& i) {
        const Axes row(i.begin(), i.begin() + static_cast<std::ptrdiff_t>(lead)),
            at(i.begin() + static_cast<std::ptrdiff_t>(lead), i.end());
        Expr y = (x.at(i) - mean.at(row)) * rstd.at(row);
        if (gamma) y = y * gamma.at(at);
        return beta ? y + beta.at(at) : y;
      },
      o.name, names);
}

Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& mean,
                  const Tensor& var, const NormOptions& o) {
  require_float("batch_norm", "x", x);
  const auto axis = static_cast<size_t>(checked_axis("batch_norm", o.axis, x.ndim()));
  const Extent channels = x.dim(static_cast<int>(axis));
  for (const auto& [argument, t] : {std::pair<std::string_view, const Tensor&>{"gamma", gamma},
                                    {"beta", beta},
                                    {"mean", mean},
                                    {"var", var}}) {
    require_dtype("batch_norm", argument, t, x.dtype());
    require_shape("batch_norm", argument, t, {channels});
  }
  const Expr eps = exact("batch_norm", "eps", o.eps, x.dtype());
  const Tensor scale = compute(
      {channels}, [&](const Axes& c) { return gamma.at(c) / tc::sqrt(var.at(c) + eps); }, "scale", {"x"});
  return compute(
      x.shape(), [&](const Axes& i) { return (x.at(i) - mean(i[axis])) * scale(i[axis]) + beta(i[axis]); },
      o.name, axis_names(static_cast<size_t>(x.ndim())));
}

}  // namespace tc::op
