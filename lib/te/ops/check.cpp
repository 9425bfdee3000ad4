#include "check.h"

#include <algorithm>
#include <cmath>

namespace tc::op {

DType sum_type(DType t) {
  if (t.is_int() && t.bits <= 16) return kI32;
  if (t.is_float() && t.bits == 16) return kF32;
  return t;
}

void require_present(std::string_view op, std::string_view argument, const Tensor& t) {
  TC_REQUIRE(t, op_error("rank", op, argument, "a tensor", "an empty Tensor",
                         "pass a placeholder or a computed tensor"));
}

void require_rank(std::string_view op, std::string_view argument, const Tensor& t, int rank,
                  std::string_view layout) {
  require_present(op, argument, t);
  TC_REQUIRE(t.ndim() == rank, op_error("rank", op, argument, fmt::format("{}-dimensional", rank),
                                        fmt::format("{} of shape {}", t.name(), text_of(t.shape())),
                                        fmt::format("give it as {}", layout)));
}

void require_shape(std::string_view op, std::string_view argument, const Tensor& t, const Shape& expected) {
  require_present(op, argument, t);
  TC_REQUIRE(Shape(t.shape()) == expected,
             op_error("shape", op, argument, fmt::format("of shape {}", text_of(expected)),
                      text_of(t.shape()), "make the shapes of the operands agree"));
}

void require_dtype(std::string_view op, std::string_view argument, const Tensor& t, DType expected) {
  require_present(op, argument, t);
  TC_REQUIRE(t.dtype() == expected,
             op_error("dtype", op, argument, fmt::format("of type {}", text_of(expected)), text_of(t.dtype()),
                      fmt::format("convert it: op::cast({}, {})", t.name(), text_of(expected))));
}

void require_float(std::string_view op, std::string_view argument, const Tensor& t) {
  require_present(op, argument, t);
  TC_REQUIRE(t.dtype().is_float(), op_error("dtype", op, argument, "of a float type", text_of(t.dtype()),
                                            fmt::format("convert it: op::cast({}, f32)", t.name())));
}

void require_number(std::string_view op, std::string_view argument, const Tensor& t) {
  require_present(op, argument, t);
  TC_REQUIRE(!t.dtype().is_bool(), op_error("dtype", op, argument, "of a number type", "bool",
                                            fmt::format("convert it: op::cast({}, i32)", t.name())));
}

void require_range(std::string_view op, std::string_view argument, int64_t value, int64_t low, int64_t high) {
  TC_REQUIRE(value >= low && value <= high,
             op_error("attr", op, argument, fmt::format("from {} to {}", low, high), std::to_string(value),
                      fmt::format("choose a value from {} to {}", low, high)));
}

Expr exact(std::string_view op, std::string_view argument, double value, DType type) {
  const Expr c = ir::const_of(type, value);
  double got = 0;
  if (const auto* f = c.as<ir::FloatImm>())
    got = f->value;
  else
    got = static_cast<double>(ir::as_int(c).value_or(0));
  // a float constant rounds as any literal does; an integer one must be what was written
  const bool ok = type.is_float() ? std::isfinite(got) || !std::isfinite(value) : got == value;
  TC_REQUIRE(ok, op_error("attr", op, argument, fmt::format("a value of type {}", text_of(type)),
                          fmt::format("{}", value), "choose a value that the type of the tensor can hold"));
  return c;
}

int64_t checked_axis(std::string_view op, int64_t axis, int rank) {
  TC_REQUIRE(
      axis >= -rank && axis < rank,
      op_error("axis", op, "axis",
               rank == 0 ? "left out for a 0-d tensor" : fmt::format("from {} to {}", -rank, rank - 1),
               std::to_string(axis), "name an axis that the tensor has; negative ones count from the end"));
  return axis < 0 ? axis + rank : axis;
}

std::vector<int64_t> checked_axes(std::string_view op, const std::vector<int64_t>& axes, int rank) {
  std::vector<int64_t> out;
  for (const int64_t a : axes) out.push_back(checked_axis(op, a, rank));
  if (axes.empty())
    for (int i = 0; i < rank; ++i) out.push_back(i);
  std::sort(out.begin(), out.end());
  const auto twice = std::adjacent_find(out.begin(), out.end());
  TC_REQUIRE(twice == out.end(), op_error("axis", op, "axes", "different",
                                          fmt::format("axis {} twice", *twice), "name each axis once"));
  return out;
}

Expr count_along(const Tensor& x, const std::vector<int64_t>& axes, DType type) {
  double count = 1;
  Expr symbolic;
  for (const int64_t a : axes) {
    const Extent e = x.dim(static_cast<int>(a));
    if (e.number())
      count *= static_cast<double>(*e.number());
    else
      symbolic = symbolic ? symbolic * e.expr() : e.expr();
  }
  const Expr number = ir::const_of(type, count);
  return symbolic ? tc::cast(type, symbolic) * number : number;
}

void require_elements(std::string_view op, const Tensor& x, int64_t axis, std::string_view why) {
  const Extent e = x.dim(static_cast<int>(axis));
  TC_REQUIRE(
      e.at_least(1),
      op_error("empty", op, "x", fmt::format("of 1 or more elements along axis {}", axis),
               e.number() ? "0" : fmt::format("{}, which may be 0", to_string(e)),
               e.number() ? std::string(why)
                          : fmt::format("{}: say that the size is 1 or more, size_var(\"n\", 1)", why)));
}

std::vector<std::string> axis_names(size_t rank) {
  static const std::vector<std::string> kNames[] = {{}, {"x"}, {"y", "x"}, {"z", "y", "x"}};
  if (rank <= 3) return kNames[rank];
  std::vector<std::string> out;
  for (size_t i = 0; i < rank; ++i) out.push_back(fmt::format("i{}", i));
  return out;
}

std::vector<ReduceAxis> reduce_axes_of(const Tensor& x, const std::vector<int64_t>& axes) {
  std::vector<ReduceAxis> out;
  for (size_t i = 0; i < axes.size(); ++i)
    out.push_back(reduce_axis(Extent(0), x.dim(static_cast<int>(axes[i])),
                              axes.size() == 1 ? "k" : fmt::format("k{}", i)));
  return out;
}

void require_product_types(std::string_view op, const Tensor& x, std::string_view second, const Tensor& w) {
  const auto byte = [](DType t) { return t.is_int() && t.bits == 8; };
  require_number(op, "the first operand", x);
  if (!(byte(x.dtype()) && byte(w.dtype()))) require_dtype(op, second, w, x.dtype());
}

DType product_type(std::string_view op, const Tensor& x, const std::optional<DType>& out) {
  const DType t = out.value_or(sum_type(x.dtype()));
  TC_REQUIRE(
      t.is_scalar() && !t.is_bool() && t.is_float() == x.dtype().is_float(),
      op_error("dtype", op, "out", x.dtype().is_float() ? "a float type" : "an integer type", text_of(t),
               fmt::format("leave it out for {}, or convert the result", text_of(sum_type(x.dtype())))));
  return t;
}

std::string_view to_string(Act act) {
  static constexpr std::string_view kNames[] = {"none", "relu", "gelu", "sigmoid", "tanh"};
  return kNames[static_cast<size_t>(act)];
}
std::string_view to_string(Layout layout) { return layout == Layout::nhwc ? "nhwc" : "nchw"; }

Expr apply(Act act, Expr x) {
  const DType t = x->type;
  switch (act) {
    case Act::none:
      return x;
    case Act::relu:
      return tc::max(x, ir::const_of(t, 0));
    case Act::gelu:
      return ir::const_of(t, 0.5) * x *
             (ir::const_of(t, 1) + tc::erf(x * ir::const_of(t, 0.70710678118654752440)));
    case Act::sigmoid:
      return tc::sigmoid(x);
    case Act::tanh:
      return tc::tanh(x);
  }
  return x;
}

Tensor epilogue(std::string_view op, const Tensor& y, const Tensor& bias, size_t axis, Act act,
                const std::string& name, const std::vector<std::string>& axis_names) {
  if (act != Act::none && act != Act::relu)
    TC_REQUIRE(y.dtype().is_float(),
               op_error("dtype", op, "act", "none or relu for integers", std::string(to_string(act)),
                        "convert the result to a float type first"));
  if (bias) {
    require_dtype(op, "bias", bias, y.dtype());
    require_shape(op, "bias", bias, {y.dim(static_cast<int>(axis))});
  }
  if (!bias && act == Act::none) return y;
  return compute(
      y.shape(),
      [&](const Axes& i) {
        const Expr v = y.at(i);
        return apply(act, bias ? v + bias(i[axis]) : v);
      },
      name + "_out", axis_names);
}

}  // namespace tc::op
