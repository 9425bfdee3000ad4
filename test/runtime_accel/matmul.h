// A small matmul, recorded by hand: two buffers of INP and WGT, tokens between all
// units. C = clip(A x B^T >> 3, -100, 100), int8, in tiles.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "tc/runtime/accel/stream.h"
#include "tc/support/rng.h"

namespace tc::accel::test {

inline isa::MachineConfig small_machine() {
  isa::MachineConfig c;
  c.name = "small";
  c.batch = 2;
  c.block_in = c.block_out = 4;
  c.uop_depth = 8;
  c.inp_depth = c.wgt_depth = 4;
  c.acc_depth = 16;
  return c;
}

/// Of a machine with batch 2 and blocks of 4: A is m x k tiles, B n x k, C m x n.
struct Matmul {
  int64_t m = 2, n = 2, k = 3;
  [[nodiscard]] int64_t a_bytes() const { return m * k * 8; }
  [[nodiscard]] int64_t b_bytes() const { return n * k * 16; }
  [[nodiscard]] int64_t c_bytes() const { return m * n * 8; }

  [[nodiscard]] std::vector<uint8_t> expected(const std::vector<uint8_t>& a,
                                              const std::vector<uint8_t>& b) const {
    std::vector<uint8_t> out(static_cast<size_t>(c_bytes()));
    for (int64_t y = 0; y < m * 2; ++y)
      for (int64_t x = 0; x < n * 4; ++x) {
        int32_t sum = 0;
        for (int64_t i = 0; i < k * 4; ++i)
          sum += static_cast<int8_t>(a[((y / 2 * k + i / 4) * 2 + y % 2) * 4 + i % 4]) *
                 static_cast<int8_t>(b[((x / 4 * k + i / 4) * 4 + x % 4) * 4 + i % 4]);
        out[((y / 2 * n + x / 4) * 2 + y % 2) * 4 + x % 4] =
            static_cast<uint8_t>(std::clamp(sum >> 3, -100, 100));
      }
    return out;
  }

  /// Error of the first call that is refused.
  [[nodiscard]] Check record(CommandStream& s, int64_t a, int64_t b, int64_t c) const {
    using isa::AluOp, isa::MemId, isa::Unit;
    Check error;
    const auto all = [&](auto... calls) { ((error = error ? error : calls()), ...); };
    int64_t step = 0;
    const Kernel one{{}, {}, {{0, 0, 0}}};
    for (int64_t y = 0; y < m; ++y)
      for (int64_t x = 0; x < n; ++x) {
        if (y + x > 0) all([&] { return s.pop(Unit::store, Unit::compute); });
        all([&] { return s.gemm(one, true); });
        for (int64_t i = 0; i < k; ++i, ++step) {
          const auto slot = static_cast<uint32_t>(step % 2);
          if (step >= 2) all([&] { return s.pop(Unit::compute, Unit::load); });
          all(
              [&] {
                return s.load({.mem = MemId::inp, .sram = slot, .dram = a + (y * k + i) * 8, .cols = 1});
              },
              [&] {
                return s.load({.mem = MemId::wgt, .sram = slot, .dram = b + (x * k + i) * 16, .cols = 1});
              },
              [&] { return s.push(Unit::load, Unit::compute); },
              [&] { return s.pop(Unit::load, Unit::compute); },
              [&] { return s.gemm({{}, {}, {{0, slot, slot}}}); },
              [&] { return s.push(Unit::compute, Unit::load); });
        }
        all([&] { return s.alu(AluOp::shr, one, 3); }, [&] { return s.alu(AluOp::min, one, 100); },
            [&] { return s.alu(AluOp::max, one, -100); }, [&] { return s.push(Unit::compute, Unit::store); },
            [&] { return s.pop(Unit::compute, Unit::store); },
            [&] { return s.store({.sram = 0, .dram = c + (y * n + x) * 8, .cols = 1}); },
            [&] { return s.push(Unit::store, Unit::compute); });
      }
    if (m * n > 0) all([&] { return s.pop(Unit::store, Unit::compute); });
    for (int64_t i = 0; i < std::min<int64_t>(step, 2); ++i)
      all([&] { return s.pop(Unit::compute, Unit::load); });
    return error;
  }
};

inline std::vector<uint8_t> random_bytes(Rng& rng, int64_t n) {
  std::vector<uint8_t> out(static_cast<size_t>(n));
  for (uint8_t& b : out) b = static_cast<uint8_t>(rng.next());
  return out;
}

}  // namespace tc::accel::test
