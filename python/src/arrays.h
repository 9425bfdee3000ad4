// Arrays of other packages as DLTensors, without copies, and an array of our own.
#pragma once
#include <array>
#include <memory>
#include <optional>
#include <string>

#include "convert.h"
#include "tc/codegen/abi.h"
#include "tc/ir/interpret.h"
#include "tc/runtime/tensor.h"

namespace tc::python {

/// Any Python object that holds an array: NDArray, the buffer protocol (NumPy),
/// __dlpack__ (PyTorch, JAX, CuPy), __array_interface__. The memory stays valid as
/// long as this lives, which must be made and destroyed under the GIL.
class ArrayView {
 public:
  /// `what` names the argument in errors: runtime.arg.type, .device, .dtype, .rank.
  ArrayView(py::handle object, const std::string& what);
  ~ArrayView();
  ArrayView(const ArrayView&) = delete;
  ArrayView& operator=(const ArrayView&) = delete;

  [[nodiscard]] const DLTensor* dl() const { return &tensor_; }
  [[nodiscard]] void* data() const { return static_cast<char*>(tensor_.data) + tensor_.byte_offset; }
  [[nodiscard]] bool readonly() const { return readonly_; }
  /// Row-major without gaps, aligned to its elements.
  [[nodiscard]] bool compact() const;
  /// bf16 comes as uint16 too, since NumPy does not know it.
  void expect(DType type);

 private:
  bool from_buffer(py::handle object, const std::string& what);
  bool from_dlpack(py::handle object, const std::string& what);
  bool from_interface(py::handle object, const std::string& what);
  void set_shape(int ndim, const std::string& what);

  static constexpr int kMaxRank = 32;
  DLTensor tensor_{};
  bool readonly_ = false;
  std::array<int64_t, kMaxRank> shape_, strides_;  // where the exporter's are in bytes
  std::optional<Py_buffer> buffer_;
  py::object keep_;  // a DLPack capsule, an NDArray, or what __array_interface__ points into
};

/// tc.NDArray: an array in memory of its own, or a view that keeps another alive.
class NDArray {
 public:
  explicit NDArray(runtime::Tensor tensor);
  /// The memory of a view and its owner.
  explicit NDArray(std::unique_ptr<ArrayView> view);
  ~NDArray();
  NDArray(const NDArray&) = delete;
  NDArray& operator=(const NDArray&) = delete;
  [[nodiscard]] const DLTensor* dl() const { return view_ ? view_->dl() : own_.dl(); }
  [[nodiscard]] bool readonly() const { return view_ && view_->readonly(); }
  [[nodiscard]] std::vector<int64_t> shape() const { return {dl()->shape, dl()->shape + dl()->ndim}; }
  [[nodiscard]] std::vector<int64_t> strides() const;  // in elements

 private:
  runtime::Tensor own_;
  std::unique_ptr<ArrayView> view_;
};

/// The interpreter's view of what is given for `t`; a copy is made, and kept in
/// `keep`, where the array is not compact. Errors runtime.arg.*.
ir::TensorView interpreter_view(const Tensor& t, py::handle object, bool output,
                                std::vector<std::unique_ptr<ArrayView>>& keep);
/// numpy.empty; bf16 as uint16.
py::object numpy_empty(DType type, const std::vector<int64_t>& shape);
std::string dl_name(DLDataType type);

}  // namespace tc::python
