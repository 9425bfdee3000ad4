// Elementwise operators and numpy broadcasting.
#include "check.h"

namespace tc::op {
namespace {

std::string name_or(const std::string& name, std::string_view own) {
  return name.empty() ? std::string(own) : name;
}

Tensor map(std::string_view op, const Tensor& x, const std::string& name,
           const std::function<Expr(Expr)>& f) {
  return compute(
      x.shape(), [&](const Axes& i) { return f(x.at(i)); }, name_or(name, op),
      axis_names(static_cast<size_t>(x.ndim())));
}

/// The element of x that `i`, an index of the broadcast shape, stands for.
Expr broadcast_at(const Tensor& x, const Axes& i) {
  Axes own(i.end() - x.ndim(), i.end());
  for (int d = 0; d < x.ndim(); ++d)
    if (x.dim(d) == 1) own[static_cast<size_t>(d)] = ir::int_imm(0);
  return x.at(own);
}

Shape broadcast_shape(std::string_view op, const Tensor& a, const Tensor& b) {
  const Shape sa = a.shape(), sb = b.shape();
  Shape out(std::max(sa.size(), sb.size()), Extent(1));
  for (size_t i = 0; i < out.size(); ++i) {  // from the last dimension
    const Extent ea = i < sa.size() ? sa[sa.size() - 1 - i] : Extent(1),
                 eb = i < sb.size() ? sb[sb.size() - 1 - i] : Extent(1);
    TC_REQUIRE(
        ea == eb || ea == 1 || eb == 1,
        op_error(
            "shape", op, "b", fmt::format("of a shape that broadcasts with {}", text_of(sa)), text_of(sb),
            fmt::format("make extents {} and {}, counted from the last dimension, equal or one of them 1",
                        to_string(ea), to_string(eb))));
    out[out.size() - 1 - i] = ea == 1 ? eb : ea;
  }
  return out;
}

Tensor zip(std::string_view op, const Tensor& a, const Tensor& b, const std::string& name,
           Expr (*f)(Expr, Expr)) {
  require_number(op, "a", a);
  require_dtype(op, "b", b, a.dtype());
  const Shape shape = broadcast_shape(op, a, b);
  return compute(
      shape, [&](const Axes& i) { return f(broadcast_at(a, i), broadcast_at(b, i)); }, name_or(name, op),
      axis_names(shape.size()));
}

}  // namespace

#define TC_X(f)                                                          \
  Tensor f(const Tensor& x, const std::string& name) {                   \
    require_float(#f, "x", x);                                           \
    return map(#f, x, name, [](Expr e) { return tc::f(std::move(e)); }); \
  }
// clang-format off
TC_X(exp) TC_X(log) TC_X(sqrt) TC_X(rsqrt) TC_X(tanh) TC_X(erf) TC_X(sigmoid) TC_X(sin) TC_X(cos)
TC_X(floor) TC_X(ceil) TC_X(round)
// clang-format on
#undef TC_X

Tensor abs(const Tensor& x, const std::string& name) {
  require_number("abs", "x", x);
  return map("abs", x, name, [](Expr e) { return tc::abs(std::move(e)); });
}
Tensor neg(const Tensor& x, const std::string& name) {
  require_number("neg", "x", x);
  return map("neg", x, name, [](Expr e) { return -std::move(e); });
}
Tensor relu(const Tensor& x, const std::string& name) {
  require_number("relu", "x", x);
  return map("relu", x, name, [](Expr e) { return apply(Act::relu, std::move(e)); });
}
Tensor gelu(const Tensor& x, const std::string& name) {
  require_float("gelu", "x", x);
  return map("gelu", x, name, [](Expr e) { return apply(Act::gelu, std::move(e)); });
}
Tensor silu(const Tensor& x, const std::string& name) {
  require_float("silu", "x", x);
  return map("silu", x, name, [](Expr e) { return e * tc::sigmoid(e); });
}

#define TC_X(f, how)                                                        \
  Tensor f(const Tensor& a, const Tensor& b, const std::string& name) {     \
    return zip(#f, a, b, name, [](Expr x, Expr y) -> Expr { return how; }); \
  }
// clang-format off
TC_X(add, x + y) TC_X(sub, x - y) TC_X(mul, x * y) TC_X(div, x / y)
TC_X(maximum, tc::max(x, y)) TC_X(minimum, tc::min(x, y))
// clang-format on
#undef TC_X
Tensor pow(const Tensor& a, const Tensor& b, const std::string& name) {
  require_float("pow", "a", a);
  return zip("pow", a, b, name, [](Expr x, Expr y) { return tc::pow(std::move(x), std::move(y)); });
}

Tensor clip(const Tensor& x, double low, double high, const std::string& name) {
  require_number("clip", "x", x);
  const Expr lo = exact("clip", "low", low, x.dtype()), hi = exact("clip", "high", high, x.dtype());
  TC_REQUIRE(low <= high, op_error("attr", "clip", "low", fmt::format("at most high, {}", high),
                                   fmt::format("{}", low), "give the lower bound first"));
  return map("clip", x, name, [&](Expr e) { return tc::min(tc::max(std::move(e), lo), hi); });
}

Tensor cast(const Tensor& x, DType type, const std::string& name) {
  require_present("cast", "x", x);
  TC_REQUIRE(type.is_scalar(),
             op_error("dtype", "cast", "type", "an element type", text_of(type), "leave out the lanes"));
  return map("cast", x, name, [&](Expr e) { return tc::cast(type, std::move(e)); });
}

Tensor broadcast_to(const Tensor& x, const std::vector<int64_t>& shape, const std::string& name) {
  require_present("broadcast_to", "x", x);
  const Shape own = x.shape();
  bool ok = own.size() <= shape.size();
  for (size_t i = 0; ok && i < own.size(); ++i)
    ok = own[i] == 1 || own[i] == shape[shape.size() - own.size() + i];
  TC_REQUIRE(
      ok, op_error("shape", "broadcast_to", "shape", fmt::format("one that {} broadcasts to", text_of(own)),
                   text_of(shape), "each extent of x, from the last, must be 1 or that of the shape"));
  return compute(
      shape, [&](const Axes& i) { return broadcast_at(x, i); }, name_or(name, "broadcast_to"),
      axis_names(shape.size()));
}

}  // namespace tc::op
