// The meaning of a computation, by running its te form in the interpreter:
// what every schedule, pass and back end is compared with. Also the tensors in
// memory and the inputs that such comparisons need.
#pragma once
#include <cstddef>
#include <memory>
#include <span>

#include "tc/ir/interpret.h"
#include "tc/te/graph.h"

namespace tc {

/// A row-major tensor in memory of its own, aligned to 64 bytes. Moves, does not copy.
class HostTensor {
 public:
  /// Filled with bytes 0xa5, which no test input has, so that an element that was
  /// never written shows. Errors te.shape.negative and te.shape.overflow.
  HostTensor(DType type, std::vector<int64_t> shape);
  /// Of the type and shape of `t`.
  explicit HostTensor(const Tensor& t) : HostTensor(t.dtype(), t.extents()) {}

  [[nodiscard]] DType dtype() const { return type_; }
  [[nodiscard]] const std::vector<int64_t>& shape() const { return shape_; }
  [[nodiscard]] int64_t size() const { return size_; }  // elements
  [[nodiscard]] size_t bytes() const {
    return static_cast<size_t>(size_) * static_cast<size_t>(type_.bytes());
  }
  [[nodiscard]] void* data() const { return data_.get(); }
  [[nodiscard]] ir::TensorView view() const { return {type_, shape_, data_.get()}; }
  /// Element number i in row-major order. 64-bit integers beyond 2^53 lose bits as double.
  [[nodiscard]] double get(int64_t i) const;
  /// Rounds or wraps into the type.
  void set(int64_t i, double value);

 private:
  struct Free {
    void operator()(std::byte* p) const;
  };
  DType type_;
  std::vector<int64_t> shape_;
  int64_t size_ = 1;
  std::unique_ptr<std::byte, Free> data_;
};
[[nodiscard]] std::vector<ir::TensorView> views_of(std::span<const HostTensor> tensors);

/// Computes every computed tensor of `args` from the others. `views` are one per
/// arg, in order. Errors: those of to_func and ir.interpret.*.
[[nodiscard]] Check evaluate(const std::vector<Tensor>& args, std::span<const ir::TensorView> views,
                             const ir::InterpretOptions& options = {});

/// The elements of `output`, one of the args, at `indices`, computed from the
/// inputs alone: cheap even where the whole computation is not.
[[nodiscard]] Expected<std::vector<ir::Value>> evaluate_at(const std::vector<Tensor>& args,
                                                           const Tensor& output,
                                                           std::span<const std::vector<int64_t>> indices,
                                                           std::span<const ir::TensorView> views,
                                                           const ir::InterpretOptions& options = {});
/// `count` indices of elements of `t`, drawn with repetition, corners first; none where it is empty.
[[nodiscard]] std::vector<std::vector<int64_t>> random_indices(const Tensor& t, size_t count, uint64_t seed);

/// What inputs hold.
///
/// small_integers: integers, in float types too, so small that sums and products
/// are exact and results can be compared bit by bit: at most 4 in magnitude, and less
/// where reductions are long, so that (magnitude^2 * product of the lengths of all
/// sums) is exact in the narrowest float type of the computation. Where a
/// computation multiplies along an axis: 1 and -1, or up to 2 for short axes.
/// (Not a proof: a computation that squares sums may round all the same.)
/// uniform: floats in [-1, 1), integers in their whole range up to +-1000.
///
/// In both, an input that is read as a divisor, in an index, or by log, sqrt,
/// rsqrt or pow holds what is legal there: positive numbers, or numbers in the
/// range of the dimension that they index.
enum class Fill : uint8_t { small_integers, uniform };

/// One tensor per arg: inputs filled by `seed`, the others poisoned.
[[nodiscard]] std::vector<HostTensor> make_args(const std::vector<Tensor>& args, uint64_t seed,
                                                Fill fill = Fill::small_integers);

}  // namespace tc
