#include "tc/te/tensor.h"

#include <fmt/format.h>

#include "access.h"
#include "tc/ir/traverse.h"

namespace tc {
namespace {

Error shape_error(const char* code, const std::string& name, std::string what) {
  return Error(code, fmt::format("the shape of {} {}", name, what));
}

std::vector<Expr> checked_shape(const std::vector<int64_t>& shape, DType type, const std::string& name) {
  constexpr int64_t kMaxBytes = int64_t{1} << 62;
  TC_REQUIRE(shape.size() <= 32,
             shape_error("te.shape.rank", name, fmt::format("has {} dimensions", shape.size()))
                 .fix("use at most 32 dimensions"));
  int64_t bytes = type.bytes();
  std::vector<Expr> out;
  for (size_t i = 0; i < shape.size(); ++i) {
    const int64_t n = shape[i];
    TC_REQUIRE(n >= 0,
               shape_error("te.shape.negative", name, fmt::format("has extent {} in dimension {}", n, i))
                   .fix("give extents of 0 or more"));
    TC_REQUIRE(n == 0 || bytes <= kMaxBytes / n,
               shape_error("te.shape.overflow", name, "has more than 2^62 bytes")
                   .fact("shape", fmt::format("[{}]", fmt::join(shape, ", "))));
    if (n != 0) bytes *= n;
    out.push_back(ir::int_imm(n));
  }
  return out;
}

std::string axis_name(size_t i, size_t n, const std::vector<std::string>& names) {
  static constexpr const char* kTwo[] = {"y", "x"};
  static constexpr const char* kMany[] = {"i", "j", "k", "l", "m", "n", "o", "p"};
  if (i < names.size()) return names[i];
  if (n == 1) return "i";
  if (n == 2) return kTwo[i];
  return i < 8 ? kMany[i] : fmt::format("i{}", i);
}

void check_reduce_on_top(const Expr& value, const std::string& name) {
  const auto refuse = [&](const ir::Reduce&) {
    throw Error("te.reduce.nested", fmt::format("a reduction inside the expression of {}", name))
        .fact("stage", name)
        .fix("compute the reduction as a tensor of its own and use its elements here");
  };
  if (const auto* r = value.as<ir::Reduce>()) {
    for (const Expr& s : r->source) ir::walk<ir::Reduce>(s, refuse);
  } else {
    ir::walk<ir::Reduce>(value, refuse);
  }
}

// Whether they depend on the state of a scan that is not made yet.
bool reads_open(const std::vector<Expr>& values) {
  bool open = false;
  for (const Expr& v : values)
    ir::walk<ir::Load>(v, [&](const ir::Load& l) {
      open |= l.buffer->source && static_cast<const Op*>(l.buffer->source.get())->open;
    });
  return open;
}

}  // namespace

ReduceAxis reduce_axis(int64_t min, int64_t extent, std::string name) {
  TC_REQUIRE(extent >= 0,
             Error("te.axis.negative", fmt::format("the reduce axis {} has extent {}", name, extent))
                 .fix("reduce_axis takes the first value and the number of values, 0 or more"));
  return {ir::var(std::move(name)), ir::int_imm(min), ir::int_imm(extent)};
}

std::vector<ReduceAxis> Op::reduce_axes() const {
  std::vector<ReduceAxis> out;
  if (!values.empty())
    if (const auto* r = values[0].as<ir::Reduce>())
      for (size_t i = 0; i < r->vars.size(); ++i) out.push_back({r->vars[i], r->mins[i], r->extents[i]});
  return out;
}

Expr Tensor::at(std::vector<Expr> indices) const {
  TC_REQUIRE(buffer_, Error("te.tensor.empty", "an empty Tensor is read"));
  TC_REQUIRE(indices.size() == buffer_->shape.size(),
             Error("te.tensor.rank", fmt::format("{} has {} dimensions and is read with {} indices", name(),
                                                 buffer_->shape.size(), indices.size()))
                 .fact("tensor", name())
                 .fix("give one index a dimension"));
  for (Expr& i : indices)
    if (i && i->type.is_int() && i->type.is_scalar()) i = ir::cast(ir::kIndex, i);
  return ir::load(buffer_, std::move(indices));
}

int64_t Tensor::extent(int dim) const {
  const auto v = ir::as_int(buffer_->shape.at(static_cast<size_t>(dim)));
  TC_REQUIRE(
      v, Error("te.shape.symbolic", fmt::format("dimension {} of {} has no constant extent", dim, name())));
  return *v;
}
std::vector<int64_t> Tensor::extents() const {
  std::vector<int64_t> out;
  for (int i = 0; i < ndim(); ++i) out.push_back(extent(i));
  return out;
}

Tensor placeholder(std::vector<int64_t> shape, DType type, std::string name) {
  TC_REQUIRE(type.is_scalar(),
             Error("te.dtype", fmt::format("{} has elements of type {}", name, ir::to_string(type)))
                 .fix("use an element type; vectors come from s[C].vectorize"));
  const BufferRef buffer = ir::buffer(name, type, checked_shape(shape, type, name));
  auto op = std::make_shared<Op>();
  op->name = std::move(name);
  op->shape = buffer->shape;
  const_cast<ir::Buffer&>(*buffer).source = std::move(op);
  return Tensor(buffer);
}

std::vector<Tensor> compute_many(std::vector<int64_t> shape,
                                 const std::function<std::vector<Expr>(const Axes&)>& body,
                                 std::vector<std::string> names, std::vector<std::string> axis_names) {
  TC_REQUIRE(!names.empty(),
             Error("te.compute.outputs", "a compute without outputs").fix("name each output"));
  auto op = std::make_shared<Op>();
  op->name = names[0];
  op->output_names = names;
  Axes axes;
  for (size_t i = 0; i < shape.size(); ++i) {
    op->axes.push_back(ir::var(axis_name(i, shape.size(), axis_names)));
    axes.push_back(op->axes.back());
  }
  op->values = body(axes);
  TC_REQUIRE(op->values.size() == names.size(),
             Error("te.compute.outputs",
                   fmt::format("{} has {} names and {} values", names[0], names.size(), op->values.size()))
                 .fix("give as many names as values"));
  for (size_t i = 0; i < names.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      TC_REQUIRE(names[i] != names[j],
                 Error("te.compute.outputs", fmt::format("two outputs are named {}", names[i])));
  std::vector<Tensor> out;
  std::vector<BufferRef> buffers;
  for (size_t i = 0; i < names.size(); ++i) {
    const Expr& v = op->values[i];
    TC_REQUIRE(v && v->type.is_scalar(),
               Error("te.dtype", fmt::format("the value of {} is no scalar expression", names[i])));
    check_reduce_on_top(v, names[i]);
    buffers.push_back(ir::buffer(names[i], v->type, checked_shape(shape, v->type, names[i])));
  }
  op->shape = buffers[0]->shape;
  op->open = reads_open(op->values);
  if (auto error = op->open ? std::nullopt : check_accesses(op->name, op->axes, op->shape, op->values))
    throw *std::move(error);
  if (auto error = check_reductions(op->name, op->axes, op->shape, op->values)) throw *std::move(error);
  try {
    (void)ir::compute(buffers, op->axes, op->values);  // the rules for several outputs
  } catch (const Error& e) {
    throw Error("te.compute.outputs", e.message())
        .fact("stage", names[0])
        .fix("compute them in separate stages");
  }
  for (const BufferRef& b : buffers) {
    const_cast<ir::Buffer&>(*b).source = op;
    out.emplace_back(b);
  }
  return out;
}

Tensor compute(std::vector<int64_t> shape, const std::function<Expr(const Axes&)>& body, std::string name,
               std::vector<std::string> axis_names) {
  return compute_many(
      std::move(shape), [&](const Axes& a) { return std::vector<Expr>{body(a)}; }, {std::move(name)},
      std::move(axis_names))[0];
}

std::vector<Expr> reduce_tuple(const ir::CombinerRef& combiner, const std::vector<Expr>& source,
                               const std::vector<ReduceAxis>& axes) {
  TC_REQUIRE(!axes.empty(),
             Error("te.reduce.axes", "a reduction over no axes").fix("name the axes: sum(e, k)"));
  std::vector<Expr> mins, extents, out;
  std::vector<VarRef> vars;
  for (const ReduceAxis& a : axes) {
    for (const VarRef& v : vars)
      TC_REQUIRE(!v.same(a.var),
                 Error("te.reduce.axes", fmt::format("the axis {} is reduced twice", a.var->name)));
    mins.push_back(a.min), extents.push_back(a.extent), vars.push_back(a.var);
  }
  for (size_t i = 0; i < source.size(); ++i)
    out.push_back(ir::reduce(combiner, mins, extents, vars, source, static_cast<int64_t>(i)));
  return out;
}

namespace {
Expr reduce_one(ir::BinaryOp op, const Expr& e, const std::vector<ReduceAxis>& axes) {
  TC_REQUIRE(e, Error("ir.type", "a reduction of no expression"));
  TC_REQUIRE(!e->type.is_bool(), Error("ir.type", "a reduction of bool").fix("cast it: cast(i32, x)"));
  return reduce_tuple(ir::simple_combiner(op, e->type), {e}, axes)[0];
}

ir::CombinerRef arg_combiner(bool greatest, DType value, DType index) {
  const VarRef v0 = ir::var("v0", value), i0 = ir::var("i0", index), v1 = ir::var("v1", value),
               i1 = ir::var("i1", index);
  const Expr better = greatest ? v0 > v1 : v0 < v1;
  const Expr first = ir::logical_or(better, ir::logical_and(ir::eq(v0, v1), i0 < i1));
  const ir::CombinerRef limit = ir::simple_combiner(greatest ? ir::BinaryOp::max : ir::BinaryOp::min, value);
  return ir::combiner(greatest ? "argmax" : "argmin", {v0, i0}, {v1, i1},
                      {select(first, v0, v1), select(first, i0, i1)},
                      {limit->identity[0], ir::int_imm(ir::max_of(index), index)});
}
}  // namespace

Expr sum(Expr e, const std::vector<ReduceAxis>& axes) { return reduce_one(ir::BinaryOp::add, e, axes); }
Expr prod(Expr e, const std::vector<ReduceAxis>& axes) { return reduce_one(ir::BinaryOp::mul, e, axes); }
Expr min(Expr e, const std::vector<ReduceAxis>& axes) { return reduce_one(ir::BinaryOp::min, e, axes); }
Expr max(Expr e, const std::vector<ReduceAxis>& axes) { return reduce_one(ir::BinaryOp::max, e, axes); }
ir::CombinerRef argmax_combiner(DType value, DType index) { return arg_combiner(true, value, index); }
ir::CombinerRef argmin_combiner(DType value, DType index) { return arg_combiner(false, value, index); }

#define TC_X(name) \
  Expr name(Expr x) { return ir::call(ir::CallOp::name, {std::move(x)}); }
TC_X(exp)
TC_X(log)
TC_X(sqrt)
TC_X(rsqrt)
TC_X(tanh)
TC_X(erf) TC_X(sigmoid) TC_X(sin) TC_X(cos) TC_X(floor) TC_X(ceil) TC_X(round) TC_X(abs)
#undef TC_X
    Expr pow(Expr x, Expr y) {
  return ir::call(ir::CallOp::pow, {std::move(x), std::move(y)});
}

namespace detail {
void wrong_axis_count(const std::string& name, size_t dims, size_t taken) {
  throw Error("te.compute.axes",
              fmt::format("the body of {} takes {} axes, its shape has {} dimensions", name, taken, dims))
      .fact("stage", name)
      .fix("give the body one parameter a dimension");
}
}  // namespace detail

}  // namespace tc
