// Products of tiles: matmul and convolutions on blocked tensors, under plain schedules.
#include "run_device.h"

namespace tc::accel::test {
namespace {

DType signed_int(int64_t bits) { return {ir::TypeCode::int_, static_cast<uint8_t>(bits), 1}; }

// C = cast(clip(A x B^T >> shift)), blocked: A[m, k], B[n, k], C[m, n] in tiles.
struct Matmul {
  isa::MachineConfig config;
  Tensor a, b, sum, c;

  Matmul(const isa::MachineConfig& machine, int64_t m, int64_t n, int64_t k) : config(machine) {
    const int64_t bt = machine.batch, bi = machine.block_in, bo = machine.block_out;
    const DType acc = signed_int(machine.acc_bits);
    a = placeholder({m, k, bt, bi}, signed_int(machine.inp_bits), "A");
    b = placeholder({n, k, bo, bi}, signed_int(machine.wgt_bits), "B");
    const ReduceAxis ko = reduce_axis(0, k, "ko"), ki = reduce_axis(0, bi, "ki");
    sum = compute({m, n, bt, bo},
                  [&](Expr y, Expr x, Expr r, Expr q) {
                    return tc::sum(cast(acc, a(y, ko, r, ki)) * cast(acc, b(x, ko, q, ki)), {ko, ki});
                  },
                  "S", {"y", "x", "b", "o"});
    c = compute({m, n, bt, bo},
                [&](Expr y, Expr x, Expr r, Expr q) {
                  return cast(signed_int(machine.out_bits),
                              min(max(ir::binary(ir::BinaryOp::shr, sum(y, x, r, q), ir::int_imm(4, acc)),
                                      ir::int_imm(-100, acc)),
                                  ir::int_imm(100, acc)));
                },
                "C", {"y", "x", "b", "o"});
  }
  [[nodiscard]] std::vector<Tensor> args() const { return {a, b, c}; }
};

// Everything in tiles of `my` x `nx` results and `kt` of the sum.
Schedule tiled(const Matmul& w, int64_t my, int64_t nx, int64_t kt) {
  Schedule s({w.c});
  s[w.sum].set_scope(Scope::acc);
  const Stage a = s.cache_read(w.a, Scope::inp), b = s.cache_read(w.b, Scope::wgt);
  const auto ax = s[w.c].axes<4>();
  const auto t = s[w.c].tile({ax[0], ax[1]}, {my, nx});
  s[w.sum].compute_at(s[w.c], t[1]);
  const auto sx = s[w.sum].axes<4>();
  const auto kx = s[w.sum].reduce_axes<2>();
  const auto [ko, kt_] = s[w.sum].split(kx[0], kt);
  s[w.sum].reorder({ko, sx[0], sx[1], kt_, sx[2], sx[3], kx[1]});
  s[a.name()].compute_at(s[w.sum], ko);
  s[b.name()].compute_at(s[w.sum], ko);
  return s;
}

TEST(AccelGemm, MatmulOfOneTile) {
  const Matmul w(machine(1, 16, 16), 1, 1, 1);
  expect_right(w.args(), tiled(w, 1, 1, 1), w.config);
}

TEST(AccelGemm, MatmulOfTiles) {
  for (const auto& config : {machine(1, 16, 16), machine(2, 8, 4), machine(1, 4, 4), machine(4, 16, 32)}) {
    const Matmul w(config, 6, 4, 8);
    const Ran ran = expect_right(w.args(), tiled(w, 3, 2, 4), w.config);
    EXPECT_EQ(ran.counters.gemm_uops, 6 * 4 * 8);
    EXPECT_EQ(ran.counters.reset_uops, 6 * 4);
    EXPECT_EQ(ran.counters.alu_uops, 3 * 6 * 4);
  }
}

TEST(AccelGemm, OtherWidths) {
  for (const auto& [inp, wgt, acc, out] : std::vector<std::array<int64_t, 4>>{{16, 8, 32, 8},
                                                                              {8, 16, 32, 16},
                                                                              {16, 16, 32, 32},
                                                                              {8, 8, 16, 8},
                                                                              {8, 8, 16, 16},
                                                                              {16, 16, 16, 16}}) {
    isa::MachineConfig config = machine(2, 4, 8);
    config.inp_bits = inp, config.wgt_bits = wgt, config.acc_bits = acc, config.out_bits = out;
    const Matmul w(config, 3, 2, 3);
    expect_right(w.args(), tiled(w, 2, 2, 2), w.config);
  }
}

TEST(AccelGemm, TailsOfTiles) {
  const Matmul w(machine(1, 8, 8), 7, 5, 5);
  const Ran ran = expect_right(w.args(), tiled(w, 3, 2, 2), w.config);
  EXPECT_EQ(ran.counters.gemm_uops, 7 * 5 * 5);
}

}  // namespace
}  // namespace tc::accel::test
