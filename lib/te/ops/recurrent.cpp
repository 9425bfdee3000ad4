// cumsum, lstm and gru: scans over time.
#include <algorithm>

#include "check.h"
#include "tc/te/scan.h"

namespace tc::op {

Tensor cumsum(const Tensor& x, int64_t axis, const std::string& name) {
  require_number("cumsum", "x", x);
  const auto a = static_cast<size_t>(checked_axis("cumsum", axis, x.ndim()));
  const DType type = sum_type(x.dtype());
  const Shape full = x.shape();
  const auto names = axis_names(full.size());
  const auto at = [&](const Axes& i) { return tc::cast(type, x.at(i)); };
  if (full[a] == 0) return compute(full, at, name, names);
  // time first
  const auto moved = [&](auto list) {
    std::rotate(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(a),
                list.begin() + static_cast<std::ptrdiff_t>(a) + 1);
    return list;
  };
  const auto back = [&](Axes list) {
    std::rotate(list.begin(), list.begin() + 1, list.begin() + static_cast<std::ptrdiff_t>(a) + 1);
    return list;
  };
  const Shape history = moved(full);
  const std::vector<std::string> axes = moved(names);
  Shape first = history;
  first[0] = 1;
  const Tensor init = compute(first, [&](const Axes& i) { return at(back(i)); }, name + "_0", axes);
  const Tensor state = scan_state(history, type, name + "_state");
  const std::string sums = a == 0 ? name : name + "_sum";
  const Tensor update = compute(
      history,
      [&](const Axes& i) {
        Axes before = i;
        before[0] = i[0] - 1;
        return state.at(before) + at(back(i));
      },
      sums, axes);
  const Tensor sum = scan(init, update, state);
  if (a == 0) return sum;
  return compute(full, [&](const Axes& i) { return sum.at(moved(i)); }, name, names);
}

namespace {

/// A layer of `count` gates of n units each.
struct Layer {
  std::string_view op;
  const Tensor &x, &weight, &recurrent;
  const RecurrentOptions& o;
  int64_t gates;
  Extent times = 0, batch = 0, inputs = 0, n = 0;
  DType type;  // of the states

  Layer(std::string_view name, int64_t count, const Tensor& x_, const Tensor& w, const Tensor& u,
        const RecurrentOptions& options)
      : op(name), x(x_), weight(w), recurrent(u), o(options), gates(count) {
    require_rank(op, "x", x, 3, "[t, b, k]");
    require_float(op, "x", x);
    require_rank(op, "recurrent", u, 2, "[gates * n, n]");
    times = x.dim(0), batch = x.dim(1), inputs = x.dim(2), n = u.dim(1);
    type = sum_type(x.dtype());
    require(u, "recurrent", {gates * n, n});
    require(w, "weight", {gates * n, inputs});
    for (const auto& [argument, t, shape] :
         {std::tuple<std::string_view, const Tensor&, Shape>{"bias", o.bias, {gates * n}},
          {"recurrent_bias", o.recurrent_bias, {gates * n}},
          {"h0", o.h0, {batch, n}},
          {"c0", o.c0, {batch, n}}})
      if (t) require(t, argument, shape);
  }
  void require(const Tensor& t, std::string_view argument, const Shape& shape) const {
    require_dtype(op, argument, t, x.dtype());
    require_shape(op, argument, t, shape);
  }
  [[nodiscard]] Expr wide(const Expr& e) const { return tc::cast(type, e); }

  // x weight^T + bias, of all times at once.
  [[nodiscard]] Tensor projection() const {
    const ReduceAxis k = reduce_axis(Extent(0), inputs, "k");
    const Tensor p =
        compute({times, batch, gates * n},
                [&](const Axes& i) { return tc::sum(wide(x(i[0], i[1], k)) * wide(weight(i[2], k)), k); },
                "P", {"t", "b", "n"});
    return p;
  }
  [[nodiscard]] Expr bias_of(const Tensor& t, const Expr& gate) const {
    return t ? wide(t(gate)) : ir::const_of(type, 0);
  }
  [[nodiscard]] Tensor initial(const Tensor& given, const std::string& name) const {
    return compute({1, batch, n},
                   [&](const Axes& i) { return given ? wide(given(i[1], i[2])) : ir::const_of(type, 0); },
                   name, {"t", "b", "n"});
  }
  [[nodiscard]] Tensor state(const std::string& name) const {
    return scan_state({times + 1, batch, n}, type, name);
  }
  // The states' part of the gates.
  [[nodiscard]] Tensor from_state(const Tensor& h) const {
    const ReduceAxis k = reduce_axis(Extent(0), n, "k");
    return compute({times + 1, batch, gates * n},
                   [&](const Axes& i) { return tc::sum(h(i[0] - 1, i[1], k) * wide(recurrent(i[2], k)), k); },
                   "R", {"t", "b", "n"});
  }
  template <class F>
  [[nodiscard]] Tensor step(const std::string& name, F&& value) const {
    return compute({times + 1, batch, n}, [&](const Axes& i) { return value(i[0], i[1], i[2]); }, name,
                   {"t", "b", "n"});
  }
  [[nodiscard]] Tensor outputs(const Tensor& h) const {
    return compute({times, batch, n},
                   [&](const Axes& i) { return tc::cast(x.dtype(), h(i[0] + 1, i[1], i[2])); }, o.name,
                   {"t", "b", "n"});
  }
  [[nodiscard]] Tensor last(const Tensor& t, const std::string& name) const {
    return compute({batch, n},
                   [&](const Axes& i) { return tc::cast(x.dtype(), t(times.expr(), i[0], i[1])); }, name,
                   {"b", "n"});
  }
};

}  // namespace

Recurrent lstm(const Tensor& x, const Tensor& weight, const Tensor& recurrent, const RecurrentOptions& o) {
  const Layer l("lstm", 4, x, weight, recurrent, o);
  const Tensor p = l.projection(), h = l.state(o.name + "_h"), c = l.state(o.name + "_c");
  const Tensor r = l.from_state(h);
  const auto gate = [&](int64_t which, const Expr& t, const Expr& b, const Expr& n) {
    const Expr at = n + (which * l.n).expr();
    return p(t - 1, b, at) + r(t, b, at) + l.bias_of(o.bias, at) + l.bias_of(o.recurrent_bias, at);
  };
  const Tensor next_c = l.step(o.name + "_c", [&](const Expr& t, const Expr& b, const Expr& n) {
    return tc::sigmoid(gate(1, t, b, n)) * c(t - 1, b, n) +
           tc::sigmoid(gate(0, t, b, n)) * tc::tanh(gate(2, t, b, n));
  });
  const Tensor next_h = l.step(o.name + "_h", [&](const Expr& t, const Expr& b, const Expr& n) {
    return tc::sigmoid(gate(3, t, b, n)) * tc::tanh(next_c(t, b, n));
  });
  const auto all = scan({l.initial(o.c0, "c0"), l.initial(o.h0, "h0")}, {next_c, next_h}, {c, h});
  return {l.outputs(all[1]), l.last(all[1], o.name + "_last"), l.last(all[0], o.name + "_last_c")};
}

Recurrent gru(const Tensor& x, const Tensor& weight, const Tensor& recurrent, const RecurrentOptions& o) {
  TC_REQUIRE(!o.c0, op_error("attr", "gru", "c0", "left out", o.c0.name(), "a gru has one state, h0"));
  const Layer l("gru", 3, x, weight, recurrent, o);
  const Tensor p = l.projection(), h = l.state(o.name + "_h");
  const Tensor r = l.from_state(h);
  const auto input = [&](int64_t which, const Expr& t, const Expr& b, const Expr& n) {
    return p(t - 1, b, n + (which * l.n).expr()) + l.bias_of(o.bias, n + (which * l.n).expr());
  };
  const auto state = [&](int64_t which, const Expr& t, const Expr& b, const Expr& n) {
    return r(t, b, n + (which * l.n).expr()) + l.bias_of(o.recurrent_bias, n + (which * l.n).expr());
  };
  const Tensor next = l.step(o.name + "_h", [&](const Expr& t, const Expr& b, const Expr& n) {
    const Expr reset = tc::sigmoid(input(0, t, b, n) + state(0, t, b, n)),
               keep = tc::sigmoid(input(1, t, b, n) + state(1, t, b, n)),
               fresh = tc::tanh(input(2, t, b, n) + reset * state(2, t, b, n));
    return (ir::const_of(l.type, 1) - keep) * fresh + keep * h(t - 1, b, n);
  });
  const Tensor all = scan(l.initial(o.h0, "h0"), next, h);
  return {l.outputs(all), l.last(all, o.name + "_last"), {}};
}

}  // namespace tc::op
