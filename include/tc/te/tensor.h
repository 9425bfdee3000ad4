// Tensor expressions: what is computed, nothing about how.
//
//   Tensor A = placeholder({n, m}, kF32, "A"), B = placeholder({m, p}, kF32, "B");
//   ReduceAxis k = reduce_axis(0, m, "k");
//   Tensor C = compute({n, p}, [&](Expr y, Expr x) { return sum(A(y, k) * B(k, x), k); }, "C");
#pragma once
#include <functional>
#include <initializer_list>
#include <memory>

#include "tc/ir/stmt.h"
#include "tc/te/shape.h"

namespace tc {

using ir::BufferRef, ir::DType, ir::Expr, ir::FuncRef, ir::Scope, ir::VarRef;
using ir::kBF16, ir::kBool, ir::kF16, ir::kF32, ir::kF64, ir::kI16, ir::kI32, ir::kI64, ir::kI8, ir::kU16,
    ir::kU32, ir::kU64, ir::kU8;
using ir::operator+, ir::operator-, ir::operator*, ir::operator/, ir::operator%, ir::operator<,
    ir::operator<=, ir::operator>, ir::operator>=, ir::logical_and, ir::logical_or, ir::eq, ir::ne,
    ir::logical_not;
using ir::assume, ir::cast, ir::if_then_else, ir::max, ir::min, ir::select;

/// An axis to reduce over: the values min .. min + extent - 1. Used as an
/// expression it is its variable.
struct ReduceAxis {
  VarRef var;
  Expr min, extent;
  operator Expr() const { return var; }  // NOLINT(implicit)
};
/// The axis over begin, ..., end - 1. Errors te.axis.negative where end is below
/// begin, te.axis.range where there are more than 2^63 - 1 values.
[[nodiscard]] ReduceAxis reduce_axis(int64_t begin, int64_t end, std::string name);
/// The same over a range of sizes; te.axis.negative too where begin may be above end for some of them.
[[nodiscard]] ReduceAxis reduce_axis(const Extent& begin, const Extent& end, std::string name);

struct ScanBody;    // te/scan.h
struct ExternBody;  // te/extern.h

/// What defines a tensor: a placeholder has neither axes nor values.
struct Op {
  std::string name;
  std::vector<Expr> shape;
  std::vector<VarRef> axes;  // one per dimension, over [0, shape[i])
  std::vector<Expr> values;  // one per output
  std::vector<std::string> output_names;
  /// Set where the outputs are those of a recurrence or of an extern; `values` then
  /// are their elements, in buffers of the body.
  std::shared_ptr<const ScanBody> scan = nullptr;
  std::shared_ptr<const ExternBody> external = nullptr;
  /// It is the state of a scan, or depends on one: of use inside that scan only.
  bool open = false;
  std::vector<ReduceAxis> reduce_axes() const;
  [[nodiscard]] bool is_placeholder() const { return values.empty(); }
};

/// A handle to one output of an operation. Copies are the same tensor.
class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(BufferRef buffer) : buffer_(std::move(buffer)) {}

  /// The element at these indices, one per dimension, integers of any type.
  template <class... I>
  [[nodiscard]] Expr operator()(I&&... index) const {
    return at({to_index(index)...});
  }
  [[nodiscard]] Expr at(std::vector<Expr> indices) const;

  [[nodiscard]] const std::string& name() const { return buffer_->name; }
  [[nodiscard]] DType dtype() const { return buffer_->type; }
  [[nodiscard]] int ndim() const { return static_cast<int>(buffer_->shape.size()); }
  [[nodiscard]] const std::vector<Expr>& shape() const { return buffer_->shape; }
  [[nodiscard]] Extent dim(int d) const { return buffer_->shape.at(static_cast<size_t>(d)); }
  /// The constant extent of a dimension; error te.shape.symbolic where it is not constant.
  [[nodiscard]] int64_t extent(int dim) const;
  [[nodiscard]] std::vector<int64_t> extents() const;
  [[nodiscard]] const Op& op() const { return *static_cast<const Op*>(buffer_->source.get()); }
  [[nodiscard]] const BufferRef& buffer() const { return buffer_; }
  explicit operator bool() const { return static_cast<bool>(buffer_); }
  friend bool operator==(const Tensor& a, const Tensor& b) { return a.buffer_.same(b.buffer_); }

 private:
  static Expr to_index(int v) { return ir::int_imm(v); }
  static Expr to_index(int64_t v) { return ir::int_imm(v); }
  static Expr to_index(const Expr& e) { return e; }
  static Expr to_index(const VarRef& v) { return v; }
  static Expr to_index(const ReduceAxis& k) { return k.var; }
  BufferRef buffer_;
};

/// An input. Extents are numbers, or made of sizes and numbers by + - * // min and max
/// (te.shape.extent); they must not be negative, whatever the sizes (te.shape.negative), and the
/// product of the numbers must fit 2^62 bytes (te.shape.overflow).
[[nodiscard]] Tensor placeholder(const Shape& shape, DType type = kF32, std::string name = "A");

using Axes = std::vector<Expr>;
/// One value per element of `shape`: body is given an expression per axis and uses no others (te.axis.free),
/// save sizes, which every value may use.
/// `axis_names` default to those of the names i j k l (or y x for two).
[[nodiscard]] Tensor compute(const Shape& shape, const std::function<Expr(const Axes&)>& body,
                             std::string name = "T", std::vector<std::string> axis_names = {});
/// The same with one parameter per axis.
template <class F>
  requires(!std::is_convertible_v<F, std::function<Expr(const Axes&)>>)
[[nodiscard]] Tensor compute(const Shape& shape, F&& body, std::string name = "T",
                             std::vector<std::string> axis_names = {});

/// Several outputs of one shape, computed together: either all components of
/// one tuple reduction or none a reduction (error te.compute.outputs).
[[nodiscard]] std::vector<Tensor> compute_many(const Shape& shape,
                                               const std::function<std::vector<Expr>(const Axes&)>& body,
                                               std::vector<std::string> names,
                                               std::vector<std::string> axis_names = {});

// Reductions; they stand at the top of a compute body (error te.reduce.nested).
[[nodiscard]] Expr sum(Expr e, const std::vector<ReduceAxis>& axes);
[[nodiscard]] Expr prod(Expr e, const std::vector<ReduceAxis>& axes);
[[nodiscard]] Expr min(Expr e, const std::vector<ReduceAxis>& axes);
[[nodiscard]] Expr max(Expr e, const std::vector<ReduceAxis>& axes);
inline Expr sum(Expr e, const ReduceAxis& k) { return sum(std::move(e), std::vector<ReduceAxis>{k}); }
inline Expr prod(Expr e, const ReduceAxis& k) { return prod(std::move(e), std::vector<ReduceAxis>{k}); }
inline Expr min(Expr e, const ReduceAxis& k) { return min(std::move(e), std::vector<ReduceAxis>{k}); }
inline Expr max(Expr e, const ReduceAxis& k) { return max(std::move(e), std::vector<ReduceAxis>{k}); }
/// All components of a reduction under a combiner of several components, e.g.
/// argmax: reduce_tuple(c, {value, index}, {k}).
[[nodiscard]] std::vector<Expr> reduce_tuple(const ir::CombinerRef& combiner, const std::vector<Expr>& source,
                                             const std::vector<ReduceAxis>& axes);
/// (value, index): the greater (smaller) value; of equal values the smaller index.
[[nodiscard]] ir::CombinerRef argmax_combiner(DType value, DType index = kI64);
[[nodiscard]] ir::CombinerRef argmin_combiner(DType value, DType index = kI64);

// Functions of elements; float types only, save abs.
[[nodiscard]] Expr exp(Expr x);
[[nodiscard]] Expr log(Expr x);
[[nodiscard]] Expr sqrt(Expr x);
[[nodiscard]] Expr rsqrt(Expr x);
[[nodiscard]] Expr tanh(Expr x);
[[nodiscard]] Expr erf(Expr x);
[[nodiscard]] Expr sigmoid(Expr x);
[[nodiscard]] Expr pow(Expr x, Expr y);
[[nodiscard]] Expr sin(Expr x);
[[nodiscard]] Expr cos(Expr x);
[[nodiscard]] Expr floor(Expr x);
[[nodiscard]] Expr ceil(Expr x);
[[nodiscard]] Expr round(Expr x);
[[nodiscard]] Expr abs(Expr x);

// ---- implementation of the template
namespace detail {
template <class F, size_t... I>
Expr call_with_axes(F& body, const Axes& axes, std::index_sequence<I...>) {
  return body(axes[I]...);
}
template <class F, size_t N = 0>
consteval size_t axis_count() {
  static_assert(N <= 8, "a compute body takes up to 8 axes, or one `const tc::Axes&`");
  if constexpr ([]<size_t... I>(std::index_sequence<I...>) {
                  return std::is_invocable_v<F, std::enable_if_t<(I >= 0), Expr>...>;
                }(std::make_index_sequence<N>{}))
    return N;
  else
    return axis_count<F, N + 1>();
}
[[noreturn]] void wrong_axis_count(const std::string& name, size_t dims, size_t taken);
}  // namespace detail
template <class F>
  requires(!std::is_convertible_v<F, std::function<Expr(const Axes&)>>)
Tensor compute(const Shape& shape, F&& body, std::string name, std::vector<std::string> axis_names) {
  constexpr size_t kN = detail::axis_count<F>();
  if (shape.size() != kN) detail::wrong_axis_count(name, shape.size(), kN);
  return compute(shape, std::function<Expr(const Axes&)>([&](const Axes& a) {
                   return detail::call_with_axes(body, a, std::make_index_sequence<kN>{});
                 }),
                 std::move(name), std::move(axis_names));
}

}  // namespace tc
