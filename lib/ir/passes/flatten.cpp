// flatten: every buffer gets one dimension, row-major.
//
//   alloc T: f32[6, 16] stack                       alloc T: f32[96] stack
//   T[y, ramp(x, 1, 8)] = A[k, y]            ->     T[ramp(y * 16 + x, 1, 8)] = A[k * 6 + y]
//
// Index arithmetic is i64 and does not overflow; a ramp in the last dimension
// stays a ramp, and lanes that run on from row to row become one. A 0-d buffer holds one element. Dimensions
// of extent 1 take no part, as their only index is 0. Extents of parameters are constants or sums of
// sizes (ir.flatten).
#include <fmt/format.h>

#include "lanes.h"
#include "tc/ir/passes.h"
#include "tc/ir/print.h"
#include "tc/ir/traverse.h"

namespace tc::ir {

namespace {

// The number of elements; checked where it is constant.
Expr element_count(const Buffer& b) {
  Expr total = int_imm(1);
  for (const Expr& extent : b.shape) {
    const auto x = as_int(total), y = as_int(extent);
    int64_t product = 0;
    if (x && y && __builtin_mul_overflow(*x, *y, &product))
      throw Error("ir.shape", fmt::format("{} has more elements than an i64 can count", b.name));
    total = total * extent;
  }
  return total;
}

class Flattener {
 public:
  BufferRef declare(const BufferRef& b) {
    if (b->shape.size() == 1) return b;
    BufferRef flat = buffer(b->name, b->type, {element_count(*b)}, b->scope);
    flat_[b] = flat;
    return flat;
  }

  BufferRef declare_param(const BufferRef& b) {
    for (const Expr& extent : b->shape)
      if (b->shape.size() != 1 && !is_of_sizes(extent))
        throw Error("ir.flatten",
                    fmt::format("the shape of parameter {} is not known when it is called", b->name))
            .fact("extent", to_string(extent))
            .fix("give it as a number, or in sizes that parameters have as extents");
    return declare(b);
  }

  // Null where the buffer stays as it is.
  BufferRef find(const BufferRef& b) const {
    const auto it = flat_.find(b);
    return it == flat_.end() ? nullptr : it->second;
  }

  static Expr index(const Buffer& b, const std::vector<Expr>& indices) {
    int lanes = 1;
    for (const Expr& i : indices) lanes = std::max<int>(lanes, i->type.lanes);
    Expr sum = int_imm(0), stride = int_imm(1);
    for (size_t d = indices.size(); d-- > 0;) {
      if (is_int(b.shape[d], 1)) continue;
      sum = lanes_binary(BinaryOp::add, lanes_binary(BinaryOp::mul, indices[d], stride), sum);
      stride = stride * b.shape[d];
    }
    return sum->type.lanes == lanes ? as_ramp(sum) : broadcast(sum, lanes);
  }

  Stmt operator()(const Stmt& body) {
    // allocations are declared on the way down, before the accesses below them
    walk<Alloc>(body, [&](const Alloc& a) { declare(a.buffer); });
    return rewrite(
        body,
        [&](const Load& l) -> Expr {
          const BufferRef b = find(l.buffer);
          return b ? load(b, {index(*l.buffer, l.indices)}) : nullptr;
        },
        [&](const Store& s) -> Stmt {
          const BufferRef b = find(s.buffer);
          return b ? store(b, {index(*s.buffer, s.indices)}, s.value) : nullptr;
        },
        [&](const Prefetch& p) -> Stmt {
          const BufferRef b = find(p.buffer);
          return b ? prefetch(b, {index(*p.buffer, p.indices)}) : nullptr;
        },
        [&](const Alloc& a) -> Stmt {
          const BufferRef b = find(a.buffer);
          return b ? alloc(b, a.body, a.double_buffer) : nullptr;
        });
  }

 private:
  BufferMap flat_;
};

FuncRef run(const FuncRef& f, const PassContext&) {
  Flattener flatten;
  std::vector<BufferRef> params;
  bool same = true;
  for (const BufferRef& p : f->params) {
    params.push_back(flatten.declare_param(p));
    same &= params.back().same(p);
  }
  Stmt body = flatten(f->body);
  return same && body.same(f->body) ? f : func(f->name, std::move(params), std::move(body));
}

}  // namespace

constinit const Pass passes::flatten{"flatten", "give every buffer one dimension", Form::nested, Form::flat,
                                     run};

}  // namespace tc::ir
