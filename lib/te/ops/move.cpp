// Operators that move elements: transpose, reshape, concat, pad, gather.
#include <algorithm>

#include "check.h"

namespace tc::op {
namespace {

int64_t product(const std::vector<int64_t>& shape) {
  int64_t n = 1;  // tensors hold at most 2^62 bytes; an extent of 0 makes the rest free
  for (const int64_t e : shape)
    if (e == 0) return 0;
  for (const int64_t e : shape)
    if (e < 0 || __builtin_mul_overflow(n, e, &n)) return -1;
  return n;
}

}  // namespace

Tensor transpose(const Tensor& x, const std::vector<int64_t>& perm, const std::string& name) {
  require_present("transpose", "x", x);
  const auto rank = static_cast<size_t>(x.ndim());
  std::vector<size_t> from;
  for (size_t i = 0; i < rank && perm.empty(); ++i) from.push_back(rank - 1 - i);
  if (!perm.empty()) {
    TC_REQUIRE(perm.size() == rank,
               op_error("axis", "transpose", "perm", fmt::format("a permutation of {} axes", rank),
                        text_of(perm), "name each axis once"));
    (void)checked_axes("transpose", perm, x.ndim());
    for (const int64_t p : perm) from.push_back(static_cast<size_t>(checked_axis("transpose", p, x.ndim())));
  }
  Shape shape;
  for (const size_t f : from) shape.push_back(x.dim(static_cast<int>(f)));
  return compute(
      shape,
      [&](const Axes& i) {
        Axes source(rank);
        for (size_t d = 0; d < rank; ++d) source[from[d]] = i[d];
        return x.at(source);
      },
      name, axis_names(rank));
}

Tensor reshape(const Tensor& x, const std::vector<int64_t>& wanted, const std::string& name) {
  require_present("reshape", "x", x);
  const std::vector<int64_t> own = x.extents();
  std::vector<int64_t> shape = wanted;
  const auto refuse = [&] {
    return op_error("shape", "reshape", "shape",
                    fmt::format("of {} elements, as x of shape {}", product(own), text_of(own)),
                    text_of(wanted), "keep the number of elements; at most one extent may be -1");
  };
  const auto open = std::find(shape.begin(), shape.end(), -1);
  if (open != shape.end()) {
    *open = 1;
    const int64_t rest = product(shape);
    TC_REQUIRE(rest > 0 && product(own) % rest == 0, refuse());
    *open = product(own) / rest;
  }
  TC_REQUIRE(product(shape) == product(own), refuse());
  return compute(
      shape,
      [&](const Axes& i) {
        Expr flat = ir::int_imm(0);
        for (size_t d = 0; d < shape.size(); ++d) flat = flat * shape[d] + i[d];
        Axes source(own.size());
        for (size_t d = own.size(); d-- > 0;) {
          // the first index needs no remainder; an extent of 0 has no elements at all
          source[d] = d == 0 || own[d] == 0 ? flat : flat % own[d];
          if (own[d] != 0) flat = flat / own[d];
        }
        return x.at(source);
      },
      name, axis_names(shape.size()));
}

Tensor concat(const std::vector<Tensor>& xs, int64_t which, const std::string& name) {
  TC_REQUIRE(!xs.empty(), op_error("attr", "concat", "xs", "one tensor or more", "none",
                                   "pass the tensors to put together"));
  for (const Tensor& t : xs) require_present("concat", "xs", t);
  const auto axis = static_cast<size_t>(checked_axis("concat", which, xs[0].ndim()));
  Shape shape = xs[0].shape();
  for (size_t t = 1; t < xs.size(); ++t) {
    const std::string argument = fmt::format("xs[{}]", t);
    require_dtype("concat", argument, xs[t], xs[0].dtype());
    require_rank("concat", argument, xs[t], xs[0].ndim(), text_of(xs[0].shape()));
    Shape expected = xs[0].shape();
    expected[axis] = xs[t].dim(static_cast<int>(axis));
    require_shape("concat", argument, xs[t], expected);
    const auto sum = shape[axis].number(), more = expected[axis].number();
    int64_t total = 0;
    TC_REQUIRE(!sum || !more || !__builtin_add_overflow(*sum, *more, &total),
               op_error("shape", "concat", argument, "of an extent that can be added",
                        to_string(expected[axis]), "use fewer tensors"));
    shape[axis] = shape[axis] + expected[axis];
  }
  return compute(
      shape,
      [&](const Axes& i) {
        Extent start = shape[axis];
        Expr value;
        for (size_t t = xs.size(); t-- > 0;) {
          const Extent own = xs[t].dim(static_cast<int>(axis));
          start = start - own;
          Axes source = i;
          source[axis] = i[axis] - start.expr();
          const Expr here = xs[t].at(source);
          value = value ? tc::if_then_else(i[axis] < (start + own).expr(), here, value) : here;
        }
        return value;
      },
      name, axis_names(shape.size()));
}

Tensor pad(const Tensor& x, const std::vector<int64_t>& before, const std::vector<int64_t>& after,
           double value, const std::string& name) {
  require_present("pad", "x", x);
  const auto rank = static_cast<size_t>(x.ndim());
  for (const auto& [argument, list] :
       {std::pair<std::string_view, const std::vector<int64_t>&>{"before", before}, {"after", after}}) {
    TC_REQUIRE(list.size() == rank,
               op_error("attr", "pad", argument, fmt::format("{} numbers, one a dimension", rank),
                        text_of(list), "give 0 for dimensions that stay as they are"));
    for (const int64_t n : list) require_range("pad", argument, n, 0, kMaxAttr);
  }
  const Expr fill = exact("pad", "value", value, x.dtype());
  Shape shape = x.shape();
  for (size_t d = 0; d < rank; ++d) shape[d] = shape[d] + (before[d] + after[d]);
  return compute(
      shape,
      [&](const Axes& i) {
        Expr inside = ir::bool_imm(true);
        Axes source = i;
        for (size_t d = 0; d < rank; ++d) {
          source[d] = i[d] - before[d];
          if (before[d]) inside = ir::logical_and(inside, i[d] >= before[d]);
          if (after[d])
            inside = ir::logical_and(inside, i[d] < (x.dim(static_cast<int>(d)) + before[d]).expr());
        }
        return tc::if_then_else(inside, x.at(source), fill);
      },
      name, axis_names(rank));
}

Tensor gather(const Tensor& x, const Tensor& indices, int64_t which, const std::string& name) {
  require_present("gather", "x", x);
  require_present("gather", "indices", indices);
  TC_REQUIRE(indices.dtype() == kI64 || indices.dtype() == kI32,
             op_error("dtype", "gather", "indices", "of type i32 or i64", text_of(indices.dtype()),
                      "convert them: op::cast(indices, i64)"));
  const auto axis = static_cast<size_t>(checked_axis("gather", which, x.ndim()));
  const Extent extent = x.dim(static_cast<int>(axis));
  const Shape wanted = indices.shape();
  const bool none = std::any_of(wanted.begin(), wanted.end(), [](const Extent& e) { return e == 0; });
  if (!none) require_elements("gather", x, static_cast<int64_t>(axis), "there is nothing to take from");
  const auto inner = static_cast<size_t>(indices.ndim());
  Shape shape = x.shape();
  const Shape between = indices.shape();
  shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(axis));
  shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(axis), between.begin(), between.end());
  return compute(
      shape,
      [&](const Axes& i) {
        const auto start = i.begin() + static_cast<std::ptrdiff_t>(axis),
                   end = start + static_cast<std::ptrdiff_t>(inner);
        const Expr index = tc::cast(ir::kIndex, indices.at(Axes(start, end)));
        Axes source(i.begin(), start);
        source.push_back(tc::max(tc::min(index, (extent - 1).expr()), ir::int_imm(0)));
        source.insert(source.end(), end, i.end());
        return x.at(source);
      },
      name, axis_names(shape.size()));
}

}  // namespace tc::op
