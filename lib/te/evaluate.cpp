#include "tc/te/evaluate.h"

#include <fmt/format.h>

#include <cstring>
#include <new>

#include "element.h"
#include "tc/ir/numeric.h"
#include "tc/support/rng.h"

namespace tc {
namespace {

constexpr auto kAlign = std::align_val_t{64};

FuncRef te_form(const std::vector<Tensor>& args) {
  std::vector<Tensor> outputs;
  for (const Tensor& t : args)
    if (t && !t.op().is_placeholder()) outputs.push_back(t);
  return to_func(Graph::of(outputs), args);
}

template <class T>
T read(const std::byte* p) {
  T v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

void write_element(DType t, std::byte* p, double v) {
  if (t.is_float()) {
    const auto f = static_cast<float>(v);
    if (t.bits == 64)
      std::memcpy(p, &v, 8);
    else if (t.bits == 32)
      std::memcpy(p, &f, 4);
    else {
      const uint16_t bits = t == kBF16 ? ir::to_bf16_bits(f) : ir::to_f16_bits(f);
      std::memcpy(p, &bits, 2);
    }
    return;
  }
  const int64_t i =
      t.is_bool() ? v != 0 : ir::float_to_int(t.code == ir::TypeCode::uint && t.bits == 64 ? kU64 : kI64, v);
  std::memcpy(p, &i, static_cast<size_t>(t.bytes()));  // little-endian, as all targets of tc
}

}  // namespace

double detail::read_element(DType t, const std::byte* p) {
  if (t.is_float()) {
    if (t.bits == 64) return read<double>(p);
    if (t.bits == 32) return read<float>(p);
    const auto bits = read<uint16_t>(p);
    return t == kBF16 ? ir::from_bf16_bits(bits) : ir::from_f16_bits(bits);
  }
  switch (t.bytes()) {
    case 1:
      return t.is_signed() ? static_cast<double>(read<int8_t>(p)) : read<uint8_t>(p);
    case 2:
      return t.is_signed() ? static_cast<double>(read<int16_t>(p)) : read<uint16_t>(p);
    case 4:
      return t.is_signed() ? static_cast<double>(read<int32_t>(p)) : read<uint32_t>(p);
    default:
      return t.is_signed() ? static_cast<double>(read<int64_t>(p)) : static_cast<double>(read<uint64_t>(p));
  }
}

void HostTensor::Free::operator()(std::byte* p) const { ::operator delete(p, kAlign); }

HostTensor::HostTensor(DType type, std::vector<int64_t> shape) : type_(type), shape_(std::move(shape)) {
  for (const int64_t n : shape_) {
    TC_REQUIRE(n >= 0, Error("te.shape.negative", fmt::format("a tensor has the extent {}", n))
                           .fix("give extents of 0 or more"));
    TC_REQUIRE(!__builtin_mul_overflow(size_, n, &size_) && size_ <= (int64_t{1} << 58),
               Error("te.shape.overflow", "a tensor in memory has more than 2^58 elements")
                   .fix("evaluate a smaller shape"));
  }
  const size_t n = std::max<size_t>(bytes(), 1);
  data_.reset(static_cast<std::byte*>(::operator new(n, kAlign)));
  std::memset(data_.get(), 0xa5, n);
}

double HostTensor::get(int64_t i) const {
  TC_ASSERT(i >= 0 && i < size_);
  return detail::read_element(type_, data_.get() + i * type_.bytes());
}
void HostTensor::set(int64_t i, double value) {
  TC_ASSERT(i >= 0 && i < size_);
  write_element(type_, data_.get() + i * type_.bytes(), value);
}

std::vector<ir::TensorView> views_of(std::span<const HostTensor> tensors) {
  std::vector<ir::TensorView> out;
  for (const HostTensor& t : tensors) out.push_back(t.view());
  return out;
}

Check evaluate(const std::vector<Tensor>& args, std::span<const ir::TensorView> views,
               const ir::InterpretOptions& options) {
  try {
    return ir::interpret(te_form(args), views, options);
  } catch (const Error& e) {
    return e;
  }
}

Expected<std::vector<ir::Value>> evaluate_at(const std::vector<Tensor>& args, const Tensor& output,
                                             std::span<const std::vector<int64_t>> indices,
                                             std::span<const ir::TensorView> views,
                                             const ir::InterpretOptions& options) {
  try {
    return ir::evaluate_at(te_form(args), output.buffer(), indices, views, options);
  } catch (const Error& e) {
    return e;
  }
}

std::vector<std::vector<int64_t>> random_indices(const Tensor& t, size_t count, uint64_t seed) {
  const std::vector<int64_t> shape = t.extents();
  std::vector<std::vector<int64_t>> out;
  for (const int64_t n : shape)
    if (n == 0) return out;
  Rng random(seed);
  for (size_t i = 0; i < count; ++i) {
    std::vector<int64_t> index;
    for (const int64_t n : shape) index.push_back(i == 0 ? 0 : i == 1 ? n - 1 : random.between(0, n - 1));
    out.push_back(std::move(index));
  }
  return out;
}

}  // namespace tc
