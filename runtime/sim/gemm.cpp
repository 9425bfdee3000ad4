// GEMM: the one instruction whose speed decides that of the simulator. The loop
// over a tile has its sizes as constants for the common blocks, so that the
// compiler makes vector code of it; any other size runs the same loop.
#include <fmt/format.h>

#include <cstring>

#include "tc/sim/machine.h"
#include "uop_bounds.h"

namespace tc::sim {
namespace {

// A size that is known when compiling, or 0.
template <int kSize>
int64_t size_or(int64_t size) {
  return kSize != 0 ? kSize : size;
}

// ACC[b][o] += sum over i of INP[b][i] * WGT[o][i], wrapping in 32 bits.
template <class Inp, class Wgt, int kIn, int kOut>
void multiply_tile(const Inp* __restrict inp, const Wgt* __restrict wgt, int32_t* __restrict acc,
                   int64_t batch, int64_t block_in, int64_t block_out) {
  const int64_t in = size_or<kIn>(block_in), out = size_or<kOut>(block_out);
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t o = 0; o < out; ++o) {
      if constexpr (sizeof(Inp) == 1 && sizeof(Wgt) == 1) {
        int32_t sum = 0;  // 256 products of 8 bits do not overflow
        for (int64_t i = 0; i < in; ++i) sum += inp[b * in + i] * wgt[o * in + i];
        acc[b * out + o] =
            static_cast<int32_t>(static_cast<uint32_t>(acc[b * out + o]) + static_cast<uint32_t>(sum));
      } else {
        auto sum = static_cast<uint32_t>(acc[b * out + o]);
        for (int64_t i = 0; i < in; ++i) sum += static_cast<uint32_t>(inp[b * in + i] * wgt[o * in + i]);
        acc[b * out + o] = static_cast<int32_t>(sum);
      }
    }
}

}  // namespace

void Machine::run(const isa::Gemm& gemm) {
  if (!gemm.reset) return multiply(gemm);
  const auto tile = static_cast<size_t>(config_.tile_out());
  for_each_uop(gemm, *this,
               [&](uint32_t d, uint32_t, uint32_t) { std::memset(acc_.data() + d * tile, 0, tile * 4); });
}

void Machine::multiply(const isa::Gemm& gemm) {
  const isa::MachineConfig& c = config_;
  const int64_t inp_tile = c.batch * c.block_in, wgt_tile = c.block_out * c.block_in, acc_tile = c.tile_out();
  const auto run_with = [&]<class Inp, class Wgt, int kIn, int kOut>() {
    const auto* inp = reinterpret_cast<const Inp*>(inp_.data());
    const auto* wgt = reinterpret_cast<const Wgt*>(wgt_.data());
    for_each_uop(gemm, *this, [&](uint32_t d, uint32_t s, uint32_t w) {
      int32_t* acc = acc_.data() + d * acc_tile;
      multiply_tile<Inp, Wgt, kIn, kOut>(inp + s * inp_tile, wgt + w * wgt_tile, acc, c.batch, c.block_in,
                                         c.block_out);
      if (c.acc_bits == 16)
        for (int64_t i = 0; i < acc_tile; ++i) acc[i] = static_cast<int16_t>(acc[i]);
    });
  };
  const auto is = [&](int64_t in, int64_t out) { return c.block_in == in && c.block_out == out; };
  if (c.inp_bits == 8 && c.wgt_bits == 8) {
    if (is(16, 16)) return run_with.operator()<int8_t, int8_t, 16, 16>();
    if (is(32, 32)) return run_with.operator()<int8_t, int8_t, 32, 32>();
    if (is(64, 64)) return run_with.operator()<int8_t, int8_t, 64, 64>();
    return run_with.operator()<int8_t, int8_t, 0, 0>();
  }
  if (c.inp_bits == 8) return run_with.operator()<int8_t, int16_t, 0, 0>();
  if (c.wgt_bits == 8) return run_with.operator()<int16_t, int8_t, 0, 0>();
  return run_with.operator()<int16_t, int16_t, 0, 0>();
}

}  // namespace tc::sim
