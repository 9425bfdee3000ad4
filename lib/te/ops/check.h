// What the operators check and how they say it. Private to lib/te/ops.
#pragma once
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tc/te/ops.h"

namespace tc::op {

/// Numbers above this are refused as strides, paddings and the like, so that
/// index arithmetic cannot overflow.
inline constexpr int64_t kMaxAttr = (int64_t{1} << 31) - 1;

inline Error op_error(std::string_view code, std::string_view op, std::string_view argument,
                      std::string expected, std::string got, std::string fix) {
  return Error(fmt::format("te.op.{}", code),
               fmt::format("{}: {} must be {}, not {}", op, argument, expected, got))
      .fact("operator", std::string(op))
      .fact("argument", std::string(argument))
      .fact("expected", std::move(expected))
      .fact("got", std::move(got))
      .fix(std::move(fix));
}

inline std::string text_of(const std::vector<int64_t>& list) {
  return fmt::format("[{}]", fmt::join(list, ", "));
}
inline std::string text_of(const Shape& shape) { return to_string(shape); }
inline std::string text_of(DType type) { return ir::to_string(type); }

/// The tensor is there and has `rank` dimensions; `layout` names them.
void require_rank(std::string_view op, std::string_view argument, const Tensor& t, int rank,
                  std::string_view layout);
void require_present(std::string_view op, std::string_view argument, const Tensor& t);
void require_shape(std::string_view op, std::string_view argument, const Tensor& t, const Shape& expected);
void require_dtype(std::string_view op, std::string_view argument, const Tensor& t, DType expected);
void require_float(std::string_view op, std::string_view argument, const Tensor& t);
void require_number(std::string_view op, std::string_view argument, const Tensor& t);
void require_range(std::string_view op, std::string_view argument, int64_t value, int64_t low, int64_t high);
/// `value` is exact in `type`; the constant.
Expr exact(std::string_view op, std::string_view argument, double value, DType type);

/// `axis` as 0 .. rank-1; negative ones count from the end.
int64_t checked_axis(std::string_view op, int64_t axis, int rank);
/// Ascending; none means all.
std::vector<int64_t> checked_axes(std::string_view op, const std::vector<int64_t>& axes, int rank);

/// How many elements the axes of x have together, as a value of `type`.
Expr count_along(const Tensor& x, const std::vector<int64_t>& axes, DType type);
/// The axis has an element, whatever the sizes.
void require_elements(std::string_view op, const Tensor& x, int64_t axis, std::string_view why);

/// x / y x / z y x / i0 i1 i2 i3 ...
std::vector<std::string> axis_names(size_t rank);
/// One reduce axis per axis of x that is reduced: k, or k0 k1 ...
std::vector<ReduceAxis> reduce_axes_of(const Tensor& x, const std::vector<int64_t>& axes);

/// `list` without, or with only, the positions in `axes`.
template <class L>
L without(const L& list, const std::vector<int64_t>& axes) {
  L out;
  for (size_t i = 0; i < list.size(); ++i)
    if (std::find(axes.begin(), axes.end(), static_cast<int64_t>(i)) == axes.end()) out.push_back(list[i]);
  return out;
}

/// The operand types of a matrix product or convolution go together.
void require_product_types(std::string_view op, const Tensor& x, std::string_view second, const Tensor& w);
/// The output type, checked: a number type.
DType product_type(std::string_view op, const Tensor& x, const std::optional<DType>& out);
/// act(y + bias[axis]) as stage NAME_out; y itself where there is nothing to do.
Tensor epilogue(std::string_view op, const Tensor& y, const Tensor& bias, size_t axis, Act act,
                const std::string& name, const std::vector<std::string>& axis_names);

}  // namespace tc::op
