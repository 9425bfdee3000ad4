// Matrix products: matmul, batch_matmul, dense.
#include <algorithm>

#include "check.h"

namespace tc::op {
namespace {

void require_same_k(std::string_view op, std::string_view second, const Extent& k, const Extent& got) {
  TC_REQUIRE(k == got,
             op_error("shape", op, second,
                      fmt::format("{} long along the axis k, as the first operand is", to_string(k)),
                      to_string(got), "make the inner extents equal, or transpose an operand"));
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b, const MatmulOptions& options) {
  const bool ta = options.transpose_a, tb = options.transpose_b;
  require_rank("matmul", "a", a, 2, ta ? "[k, m]" : "[m, k]");
  require_rank("matmul", "b", b, 2, tb ? "[n, k]" : "[k, n]");
  require_product_types("matmul", a, "b", b);
  const DType t = product_type("matmul", a, options.out);
  const Extent depth = a.dim(ta ? 0 : 1);
  require_same_k("matmul", "b", depth, b.dim(tb ? 1 : 0));
  const ReduceAxis k = reduce_axis(Extent(0), depth, "k");
  return compute({a.dim(ta ? 1 : 0), b.dim(tb ? 0 : 1)},
                 [&](Expr y, Expr x) {
                   return tc::sum(tc::cast(t, ta ? a(k, y) : a(y, k)) * tc::cast(t, tb ? b(x, k) : b(k, x)),
                                  k);
                 },
                 options.name, {"y", "x"});
}

Tensor batch_matmul(const Tensor& a, const Tensor& b, const MatmulOptions& options) {
  const bool ta = options.transpose_a, tb = options.transpose_b;
  require_rank("batch_matmul", "a", a, 3, ta ? "[b, k, m]" : "[b, m, k]");
  require_rank("batch_matmul", "b", b, 3, tb ? "[b, n, k]" : "[b, k, n]");
  require_product_types("batch_matmul", a, "b", b);
  const DType t = product_type("batch_matmul", a, options.out);
  const Extent batch_a = a.dim(0), batch_b = b.dim(0);
  TC_REQUIRE(batch_a == batch_b || batch_a == 1 || batch_b == 1,
             op_error("shape", "batch_matmul", "b", fmt::format("of {} matrices, or 1", to_string(batch_a)),
                      to_string(batch_b), "make the batches equal, or one of them 1"));
  const Extent depth = a.dim(ta ? 1 : 2);
  require_same_k("batch_matmul", "b", depth, b.dim(tb ? 2 : 1));
  const ReduceAxis k = reduce_axis(Extent(0), depth, "k");
  const Expr first = ir::int_imm(0);
  return compute(
      {batch_a == 1 ? batch_b : batch_a, a.dim(ta ? 2 : 1), b.dim(tb ? 1 : 2)},
      [&](Expr i, Expr y, Expr x) {
        const Expr ia = batch_a == 1 ? first : i, ib = batch_b == 1 ? first : i;
        return tc::sum(
            tc::cast(t, ta ? a(ia, k, y) : a(ia, y, k)) * tc::cast(t, tb ? b(ib, x, k) : b(ib, k, x)), k);
      },
      options.name, {"b", "y", "x"});
}

Tensor dense(const Tensor& x, const Tensor& weight, const Tensor& bias, const DenseOptions& options) {
  require_rank("dense", "x", x, 2, "[m, k]");
  require_rank("dense", "weight", weight, 2, "[n, k]");
  require_product_types("dense", x, "weight", weight);
  const DType t = product_type("dense", x, options.out);
  require_same_k("dense", "weight", x.dim(1), weight.dim(1));
  const ReduceAxis k = reduce_axis(Extent(0), x.dim(1), "k");
  const Tensor c =
      compute({x.dim(0), weight.dim(0)},
              [&](Expr i, Expr j) { return tc::sum(tc::cast(t, x(i, k)) * tc::cast(t, weight(j, k)), k); },
              options.name, {"y", "x"});
  return epilogue("dense", c, bias, 1, options.act, options.name, {"y", "x"});
}

}  // namespace tc::op
