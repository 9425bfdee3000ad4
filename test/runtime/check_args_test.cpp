#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "tc/runtime/c_api.h"

namespace {

// matmul over f32: A[64, any] x B[32, 16] -> C[64, 16]; B wants 64 bytes.
constexpr int64_t kShapeA[] = {64, -1}, kShapeB[] = {32, 16}, kShapeC[] = {64, 16};
constexpr tc_arg_spec kArgs[] = {{"A", kDLFloat, 32, 1, 2, kShapeA, 0, 0, nullptr},
                                 {"B", kDLFloat, 32, 1, 2, kShapeB, 64, 0, nullptr},
                                 {"C", kDLFloat, 32, 1, 2, kShapeC, 0, 1, nullptr}};
constexpr tc_func_spec kMatmul = {TC_ABI_VERSION, "matmul", "matmul m=64 n=16 k=32", 3, kArgs};

/// Good arguments, which each test spoils in one way.
struct CheckArgs : testing::Test {
  alignas(64) std::array<float, 64 * 32> a = {};
  alignas(64) std::array<float, 32 * 16 + 16> b = {};
  alignas(64) std::array<float, 64 * 16> c = {};
  std::vector<int64_t> shape_a{64, 32}, shape_b{32, 16}, shape_c{64, 16}, strides;
  std::array<DLTensor, 3> tensors{
      DLTensor{a.data(), {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, shape_a.data(), nullptr, 0},
      DLTensor{b.data(), {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, shape_b.data(), nullptr, 0},
      DLTensor{c.data(), {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, shape_c.data(), nullptr, 0}};
  std::array<const DLTensor*, 3> args{&tensors[0], &tensors[1], &tensors[2]};

  int32_t check(int32_t n = 3) { return tc_check_args(&kMatmul, args.data(), n); }
  std::string refusal(int32_t n = 3) {
    tc_set_error("none", "");
    EXPECT_EQ(check(n), 1);
    return tc_last_error();
  }
  /// The code of the refusal, without "runtime.arg.".
  std::string code() {
    const std::string text = refusal();
    const std::string start = "error[runtime.arg.";
    if (text.rfind(start, 0) != 0) return text;
    return text.substr(start.size(), text.find(']') - start.size());
  }
};

TEST_F(CheckArgs, AcceptsWhatTheSpecSays) { EXPECT_EQ(check(), 0) << tc_last_error(); }

TEST_F(CheckArgs, NamesTheCount) {
  EXPECT_EQ(refusal(2),
            "error[runtime.arg.count]: matmul: got 2 arguments, expected 3\n"
            "  workload  matmul m=64 n=16 k=32\n"
            "  fix       pass inputs and outputs in this order: A, B, C");
  EXPECT_NE(refusal(-1).find("got -1 arguments"), std::string::npos);
}

TEST_F(CheckArgs, NamesTheExtentAndAxis) {
  shape_b[0] = 512;
  EXPECT_EQ(refusal(),
            "error[runtime.arg.shape]: matmul: argument 1 (B) has extent 512 on axis 0, expected 32\n"
            "  workload  matmul m=64 n=16 k=32\n"
            "  expected  f32[32, 16]\n"
            "  got       f32[512, 16]\n"
            "  fix       pass this shape, or compile for the one given");
}

TEST_F(CheckArgs, NamesTheStrides) {
  strides = {1, 32};
  tensors[1].strides = strides.data();
  EXPECT_EQ(refusal(),
            "error[runtime.arg.strides]: matmul: argument 1 (B) is strided, expected compact row-major\n"
            "  workload  matmul m=64 n=16 k=32\n"
            "  expected  strides [16, 1]\n"
            "  got       strides [1, 32]\n"
            "  fix       pass a contiguous copy");
}

TEST_F(CheckArgs, NamesTheTypes) {
  tensors[0].dtype = {kDLBfloat, 16, 1};
  EXPECT_EQ(refusal(),
            "error[runtime.arg.dtype]: matmul: argument 0 (A) has type bf16, expected f32\n"
            "  workload  matmul m=64 n=16 k=32\n"
            "  fix       convert it, or compile for this type");
  tensors[0].dtype = {kDLBool, 8, 1};
  EXPECT_NE(refusal().find("has type bool"), std::string::npos);
  tensors[0].dtype = {kDLFloat, 32, 4};
  EXPECT_NE(refusal().find("has type f32x4"), std::string::npos);
  tensors[0].dtype = {200, 3, 1};
  EXPECT_NE(refusal().find("has type dtype(code 200, 3 bits)"), std::string::npos);
}

TEST_F(CheckArgs, NamesTheOverlap) {
  tensors[2].data = a.data() + 64 * 32 - 4;  // the last 4 elements of A
  EXPECT_EQ(
      refusal(),
      "error[runtime.arg.overlap]: matmul: argument 2 (C) is written, but shares memory with argument 0 (A)\n"
      "  workload  matmul m=64 n=16 k=32\n"
      "  expected  memory of its own\n"
      "  got       16 shared bytes\n"
      "  fix       pass another output buffer, or a copy of the input");
}

TEST_F(CheckArgs, NeighboursDoNotOverlap) {
  std::array<float, 64 * 32 + 64 * 16> joined = {};
  tensors[0].data = joined.data();
  tensors[2].data = joined.data() + 64 * 32;
  EXPECT_EQ(check(), 0) << tc_last_error();
}

TEST_F(CheckArgs, InputsMayShareMemory) {
  shape_a[1] = 8;  // 64 x 8 elements, all of B
  tensors[0].data = b.data();
  EXPECT_EQ(check(), 0) << tc_last_error();
}

TEST_F(CheckArgs, RefusesNull) {
  args[1] = nullptr;
  EXPECT_EQ(code(), "null");
  args[1] = &tensors[1];
  tensors[1].shape = nullptr;
  EXPECT_EQ(code(), "null");
  EXPECT_EQ(tc_check_args(&kMatmul, nullptr, 3), 1);
  EXPECT_EQ(
      std::string(tc_last_error()).rfind("error[runtime.arg.null]: matmul: the argument array is NULL", 0),
      0u);
}

TEST_F(CheckArgs, RefusesOtherDevices) {
  tensors[0].device = {kDLCUDA, 1};
  EXPECT_EQ(code(), "device");
}

TEST_F(CheckArgs, RefusesOtherRanks) {
  tensors[0].ndim = 1;
  EXPECT_EQ(code(), "rank");
  tensors[0].ndim = -1;
  EXPECT_EQ(code(), "rank");
  tensors[0].ndim = 1 << 30;  // the shape must not be read
  EXPECT_EQ(code(), "rank");
}

TEST_F(CheckArgs, RefusesMissingData) {
  tensors[0].data = nullptr;
  EXPECT_EQ(code(), "data");
}

TEST_F(CheckArgs, RefusesMisalignment) {
  tensors[1].byte_offset = 4;  // of its element type, but not of 64
  EXPECT_EQ(refusal(),
            "error[runtime.arg.alignment]: matmul: argument 1 (B) is not aligned to 64 bytes\n"
            "  workload  matmul m=64 n=16 k=32\n"
            "  expected  an address divisible by 64\n"
            "  got       an address with remainder 4\n"
            "  fix       pass an aligned copy");
  tensors[1].byte_offset = 0;
  tensors[0].data = reinterpret_cast<char*>(a.data()) + 2;
  EXPECT_EQ(code(), "alignment");
}

TEST_F(CheckArgs, SymbolicExtentsMayBeAnything) {
  for (const int64_t extent : {0, 1, 7}) {
    shape_a[1] = extent;
    EXPECT_EQ(check(), 0) << tc_last_error();
  }
  shape_a[1] = -1;
  EXPECT_EQ(refusal(),
            "error[runtime.arg.shape]: matmul: argument 0 (A) has extent -1 on axis 1, expected 0 or more\n"
            "  workload  matmul m=64 n=16 k=32\n"
            "  expected  f32[64, any]\n"
            "  got       f32[64, -1]\n"
            "  fix       pass this shape, or compile for the one given");
}

TEST_F(CheckArgs, RefusesSizesBeyond64Bits) {
  shape_a[1] = INT64_MAX / 64;  // elements fit, bytes do not
  EXPECT_EQ(code(), "shape");
  shape_a[1] = INT64_MAX / 2;
  EXPECT_EQ(code(), "shape");
}

TEST_F(CheckArgs, RefusesOffsetsOutsideTheAddressSpace) {
  // beyond INT64_MAX, with and without wrapping around the address space
  for (const uint64_t offset : {uint64_t{1} << 63, UINT64_MAX - 63, UINT64_MAX}) {
    tensors[0].byte_offset = offset;
    EXPECT_EQ(code(), "data") << offset;
  }
  tensors[0].byte_offset = (uint64_t{1} << 63) - 1;
  tensors[0].data = reinterpret_cast<void*>(~uintptr_t{0} - 4095);  // data + byte_offset wraps
  EXPECT_EQ(refusal(),
            "error[runtime.arg.data]: matmul: argument 0 (A) lies outside the address space\n"
            "  workload  matmul m=64 n=16 k=32\n"
            "  expected  data + byte_offset inside the tensor's memory\n"
            "  got       byte_offset 9223372036854775807\n"
            "  fix       give data and byte_offset that address the first element");
}

TEST_F(CheckArgs, StridesOfUnitAxesDoNotMatter) {
  shape_a[1] = 1;
  strides = {1, 12345};
  tensors[0].strides = strides.data();
  EXPECT_EQ(check(), 0) << tc_last_error();
}

TEST_F(CheckArgs, NothingAboutEmptyTensorsMatters) {
  shape_a[1] = 0;
  strides = {77, -3};
  tensors[0].strides = strides.data();
  tensors[0].data = nullptr;
  EXPECT_EQ(check(), 0) << tc_last_error();
  tensors[0].data = c.data();  // no bytes, no overlap
  EXPECT_EQ(check(), 0) << tc_last_error();
}

TEST(CheckArgsAbi, RefusesAnotherVersion) {
  const tc_func_spec stale = {TC_ABI_VERSION + 1, "f", nullptr, 0, nullptr};
  EXPECT_EQ(tc_check_args(&stale, nullptr, 0), 1);
  EXPECT_STREQ(tc_last_error(),
               "error[runtime.abi]: this function was compiled for runtime ABI 2, the runtime has 1\n"
               "  fix  compile it again with the tc that the runtime came with");
}

TEST(CheckArgsScalar, RankZeroNeedsNoShape) {
  constexpr tc_arg_spec arg = {"s", kDLInt, 64, 1, 0, nullptr, 0, 1, nullptr};
  const tc_func_spec spec = {TC_ABI_VERSION, "f", nullptr, 1, &arg};
  int64_t value = 0;
  const DLTensor scalar = {&value, {kDLCPU, 0}, 0, {kDLInt, 64, 1}, nullptr, nullptr, 0};
  const DLTensor* args[] = {&scalar};
  EXPECT_EQ(tc_check_args(&spec, args, 1), 0) << tc_last_error();
}

TEST(CheckArgsOutputs, TwoOutputsMustNotOverlap) {
  static constexpr int64_t shape[] = {4};
  constexpr tc_arg_spec arg[] = {{"x", kDLInt, 8, 1, 1, shape, 0, 1, nullptr},
                                 {"y", kDLInt, 8, 1, 1, shape, 0, 1, nullptr}};
  const tc_func_spec spec = {TC_ABI_VERSION, "f", nullptr, 2, arg};
  int8_t bytes[7] = {};
  int64_t extents[] = {4};
  const DLTensor x = {bytes, {kDLCPU, 0}, 1, {kDLInt, 8, 1}, extents, nullptr, 0};
  DLTensor y = x;
  y.data = bytes + 3;
  const DLTensor* args[] = {&x, &y};
  EXPECT_EQ(tc_check_args(&spec, args, 2), 1);
  EXPECT_STREQ(
      tc_last_error(),
      "error[runtime.arg.overlap]: f: argument 1 (y) is written, but shares memory with argument 0 (x)\n"
      "  expected  memory of its own\n"
      "  got       1 shared bytes\n"
      "  fix       pass another output buffer, or a copy of the input");
}

TEST(Error, IsPerThreadTextAndCutWhereTooLong) {
  tc_set_error("runtime.test", "one\n  fact  two");
  EXPECT_STREQ(tc_last_error(), "error[runtime.test]: one\n  fact  two");
  tc_set_error("runtime.test", tc_last_error());  // its own buffer as text
  EXPECT_STREQ(tc_last_error(), "error[runtime.test]: error[runtime.test]: one\n  fact  two");
  tc_set_error("x", std::string(5000, 'y').c_str());
  EXPECT_EQ(std::string(tc_last_error()).size(), 2047u);
  tc_set_error(nullptr, nullptr);
  EXPECT_STREQ(tc_last_error(), "error[]: ");
}

}  // namespace
