// Matrix products in target form, as a lowering should write them: explicit
// vectors and fused multiply-add, accumulators in register slots, one vector of
// B and one splat of A live beside them.
#pragma once
#include <vector>

#include "tc/ir/stmt.h"

namespace tc::codegen::gemm {

using namespace tc::ir;

struct Tile {
  int rows, vectors, lanes;  // 14 x 2 x 16: 14x32 in zmm; 6 x 2 x 8: 6x16 in ymm
  [[nodiscard]] int columns() const { return vectors * lanes; }
};

inline Expr imm(int64_t v) { return int_imm(v); }

/// One tile of C (+)= A * B over k in [0, depth): A[a + r * lda + k], B packed
/// [k][columns] at b, C[c + r * ldc].
inline Stmt micro(const Tile& t, int rows, const BufferRef& A, Expr a, int64_t lda, const BufferRef& B,
                  Expr b, const BufferRef& C, Expr c, int64_t ldc, int64_t depth, bool add) {
  const BufferRef acc =
      buffer("acc", kF32, {imm(static_cast<int64_t>(rows) * t.columns())}, Scope::register_);
  const auto slot = [&](int r, int v) { return ramp(imm(r * t.columns() + v * t.lanes), imm(1), t.lanes); };
  std::vector<Stmt> init, step, out;
  const VarRef k = var("k");
  for (int r = 0; r < rows; ++r)
    for (int v = 0; v < t.vectors; ++v) {
      init.push_back(store(acc, {slot(r, v)}, float_imm(0, kF32.with_lanes(t.lanes))));
      const Expr x = broadcast(load(A, {a + imm(r * lda) + k}), t.lanes);
      const Expr y = load(B, {ramp(b + k * imm(t.columns()) + imm(v * t.lanes), imm(1), t.lanes)});
      step.push_back(store(acc, {slot(r, v)}, call(CallOp::fma, {x, y, load(acc, {slot(r, v)})})));
      const Expr place = ramp(c + imm(r * ldc + v * t.lanes), imm(1), t.lanes);
      Expr sum = load(acc, {slot(r, v)});
      if (add) sum = load(C, {place}) + sum;
      out.push_back(store(C, {place}, sum));
    }
  return alloc(acc, seq({seq(init), for_(k, imm(0), imm(depth), LoopMode::serial, seq(step)), seq(out)}));
}

/// The micro-kernel alone.
inline FuncRef micro_kernel(const Tile& t, int64_t depth, int64_t lda, int64_t ldc) {
  const BufferRef A = buffer("A", kF32, {imm(t.rows * lda)}),
                  B = buffer("B", kF32, {imm(depth * t.columns())}),
                  C = buffer("C", kF32, {imm(t.rows * ldc)});
  return func("micro", {A, B, C}, micro(t, t.rows, A, imm(0), lda, B, imm(0), C, imm(0), ldc, depth, false));
}

struct Problem {
  int64_t m, n, k;
  int64_t block_m, block_k;  // block_m a multiple of the tile's rows
  LoopMode outer = LoopMode::serial;
};

/// C[m][n] = A[m][k] * B, B packed: for each chunk of block_k rows, panels of
/// tile.columns() columns, each [k][columns]. n a multiple of the columns, k of
/// block_k; rows that remain get clones of the micro-kernel.
inline FuncRef gemm(const Tile& t, const Problem& p) {
  const BufferRef A = buffer("A", kF32, {imm(p.m * p.k)}), B = buffer("B", kF32, {imm(p.k * p.n)}),
                  C = buffer("C", kF32, {imm(p.m * p.n)});
  const auto block = [&](Expr k0, Expr i0, int64_t rows, bool add) {
    const VarRef j = var("j"), i = var("i");
    const Expr panel = k0 * imm(p.n) + j * imm(t.columns() * p.block_k);
    const auto tile = [&](Expr row, int n) {
      return micro(t, n, A, row * imm(p.k) + k0, p.k, B, panel, C, row * imm(p.n) + j * imm(t.columns()), p.n,
                   p.block_k, add);
    };
    const int64_t full = rows / t.rows;
    std::vector<Stmt> body = {
        for_(i, imm(0), imm(full), LoopMode::serial, tile(i0 + i * imm(t.rows), t.rows))};
    if (const int rest = static_cast<int>(rows % t.rows)) body.push_back(tile(i0 + imm(full * t.rows), rest));
    return for_(j, imm(0), imm(p.n / t.columns()), p.outer, seq(body));
  };
  const auto rows = [&](Expr k0, bool add) {
    const VarRef ib = var("ib");
    const int64_t full = p.m / p.block_m;
    std::vector<Stmt> body = {
        for_(ib, imm(0), imm(full), LoopMode::serial, block(k0, ib * imm(p.block_m), p.block_m, add))};
    if (p.m % p.block_m) body.push_back(block(k0, imm(full * p.block_m), p.m % p.block_m, add));
    return seq(body);
  };
  std::vector<Stmt> body = {rows(imm(0), false)};
  if (p.k > p.block_k) {
    const VarRef kb = var("kb");
    body.push_back(
        for_(kb, imm(1), imm(p.k / p.block_k - 1), LoopMode::serial, rows(kb * imm(p.block_k), true)));
  }
  return func("gemm", {A, B, C}, seq(body));
}

/// B[k][n] as gemm() reads it.
inline std::vector<float> pack(const std::vector<float>& b, const Tile& t, const Problem& p) {
  std::vector<float> out(b.size());
  const int64_t nr = t.columns();
  for (int64_t k = 0; k < p.k; ++k)
    for (int64_t j = 0; j < p.n; ++j) {
      const int64_t chunk = k / p.block_k, kk = k % p.block_k;
      out[static_cast<size_t>(chunk * p.block_k * p.n + j / nr * nr * p.block_k + kk * nr + j % nr)] =
          b[static_cast<size_t>(k * p.n + j)];
    }
  return out;
}

}  // namespace tc::codegen::gemm
