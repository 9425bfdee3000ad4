#include "tc/te/tensor.h"

#include <fmt/format.h>

#include <algorithm>

#include "access.h"
#include "tc/ir/equal.h"
#include "tc/ir/print.h"
#include "tc/ir/simplify.h"
#include "tc/ir/traverse.h"
#include "tc/ir/written_size.h"

namespace tc {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool may_follow(char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '.'; }

// The nearest name that is allowed.
std::string cleaned(std::string_view name) {
  std::string out;
  for (const char c : name) out += may_follow(c) ? c : '_';
  if (out.find_first_not_of("_.") == std::string::npos) return "T";
  return is_letter(out[0]) ? out : "_" + out;
}

// Printable, on one line and short, whatever the name holds.
std::string quoted(std::string_view name) {
  std::string out = "\"";
  for (const char c : name.substr(0, 60)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0xc0 && byte >= 0x80) continue;  // a letter of another script is one ?
    out += c < ' ' || c > '~' ? '?' : c;
  }
  return out + (name.size() > 60 ? "...\"" : "\"");
}

// Names stand in the text of schedules and of programs, where blanks, commas, = and # end them.
void check_name(std::string_view name, const char* what) {
  const bool good = !name.empty() && is_letter(name[0]) && std::all_of(name.begin(), name.end(), may_follow);
  TC_REQUIRE(good, Error("te.name", fmt::format("{} cannot be the name of {}", quoted(name), what))
                       .fact("expected", "a letter or _, then letters, digits, _ and .")
                       .fix(fmt::format("call it {}", cleaned(name.substr(0, 60)))));
}

Error shape_error(const char* code, const std::string& name, std::string what) {
  return Error(code, fmt::format("the shape of {} {}", name, what));
}

std::string shortened(std::string text) {
  constexpr size_t kMost = 120;
  return text.size() > kMost ? text.substr(0, kMost) + " ..." : text;
}

// Machine code and the interpreter would differ on a division by 0.
void check_divisors(const Expr& e, const std::string& what) {
  ir::walk<ir::Binary>(e, [&](const ir::Binary& b) {
    TC_REQUIRE(
        (b.op != ir::BinaryOp::div && b.op != ir::BinaryOp::mod) || Extent(b.b).at_least(1) ||
            Extent(-b.b).at_least(1),
        Error("te.shape.extent", fmt::format("{} divides by {}, which can be 0", what, ir::to_string(b.b)))
            .fact("extent", ir::to_string(e))
            .fix("say how large the size is at least: size_var(\"n\", 1); or divide by a number"));
  });
}

// An extent that is no number: made of sizes, and not negative whatever they are.
void check_symbolic(const Expr& e, size_t dim, const std::string& name) {
  TC_REQUIRE(
      e && e->type == ir::kIndex && ir::is_of_sizes(e),
      Error("te.shape.extent",
            fmt::format("the extent of dimension {} of {} is not made of sizes and numbers", dim, name))
          .fact("tensor", name)
          .fact("extent", e ? ir::to_string(e) : "none")
          .fix("give a number, a size of size_var, or a sum, product or quotient of such"));
  check_divisors(e, fmt::format("the extent of dimension {} of {}", dim, name));
  TC_REQUIRE(Extent(e).at_least(0),
             shape_error("te.shape.negative", name,
                         fmt::format("has the extent {} in dimension {}, which small sizes make negative",
                                     shortened(ir::to_string(e)), dim))
                 .fact("tensor", name)
                 .fact("extent", ir::to_string(e))
                 .fix("say how large the size is at least: size_var(\"n\", 2)"));
}

std::vector<Expr> checked_shape(const Shape& shape, DType type, const std::string& name) {
  constexpr int64_t kMaxBytes = int64_t{1} << 62;
  TC_REQUIRE(shape.size() <= 32,
             shape_error("te.shape.rank", name, fmt::format("has {} dimensions", shape.size()))
                 .fix("use at most 32 dimensions"));
  int64_t bytes = type.bytes();
  std::vector<Expr> out;
  for (size_t i = 0; i < shape.size(); ++i) {
    const Expr e = shape[i].expr() && shape[i].expr()->type == ir::kIndex && !shape[i].number()
                       ? ir::simplify(shape[i].expr())
                       : shape[i].expr();
    const auto number = e ? ir::as_int(e) : std::nullopt;
    if (!number) {
      check_symbolic(e, i, name);
      out.push_back(e);
      continue;
    }
    const int64_t n = *number;
    TC_REQUIRE(n >= 0,
               shape_error("te.shape.negative", name, fmt::format("has extent {} in dimension {}", n, i))
                   .fix("give extents of 0 or more"));
    TC_REQUIRE(n == 0 || bytes <= kMaxBytes / n,
               shape_error("te.shape.overflow", name, "has more than 2^62 bytes")
                   .fact("shape", to_string(shape))
                   .fix("make the extents smaller"));
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

// Says how the reduction becomes a stage of its own, over those axes that it uses.
[[noreturn]] void refuse_nested(const Expr& value, const ir::Reduce& inner, const std::string& name,
                                const std::vector<VarRef>& axes) {
  const Expr reduction = Expr(&inner);
  std::vector<Expr> index;
  for (const VarRef& v : axes)
    if (ir::uses_var(*reduction, *v)) index.push_back(v);
  const BufferRef own = ir::buffer(name + "_" + inner.combiner->name, inner.type,
                                   std::vector<Expr>(index.size(), ir::int_imm(1)));
  const Expr element = ir::load(own, index);
  const Expr instead = ir::rewrite(
      value, [&](const ir::Reduce& r) -> Expr { return ir::equal(Expr(&r), reduction) ? element : nullptr; });
  throw Error(
      "te.reduce.nested",
      fmt::format("the value of {} has a reduction inside it: a reduction has to be the whole value", name))
      .fact("stage", name)
      .fact("value", shortened(ir::to_string(value)))
      .fact("reduction", shortened(ir::to_string(reduction)))
      .fix(fmt::format("compute {} = {} as a tensor of its own, and {} as {}", ir::to_string(element),
                       shortened(ir::to_string(reduction)), name, shortened(ir::to_string(instead))));
}

void check_reduce_on_top(const Expr& value, const std::string& name, const std::vector<VarRef>& axes) {
  const auto refuse = [&](const ir::Reduce& r) { refuse_nested(value, r, name, axes); };
  if (const auto* r = value.as<ir::Reduce>()) {
    for (const Expr& s : r->source) ir::walk<ir::Reduce>(s, refuse);
  } else {
    ir::walk<ir::Reduce>(value, refuse);
  }
}

// The computation, among what `values` read, that has `v` as an index; "" where none has.
std::string owner_of(const ir::Var* v, const std::vector<Expr>& values) {
  std::string owner;
  for (const Expr& value : values)
    ir::walk<ir::Load>(value, [&](const ir::Load& l) {
      const auto* op = static_cast<const Op*>(l.buffer->source.get());
      if (op && std::any_of(op->axes.begin(), op->axes.end(), [&](const VarRef& a) { return a.get() == v; }))
        owner = op->name;
    });
  return owner;
}

// Every variable is an axis of the stage or, inside a reduction, reduced over by it.
void check_axes(const std::string& name, const std::vector<VarRef>& axes, const std::vector<Expr>& values) {
  for (const Expr& value : values) {
    std::vector<VarRef> known = axes;
    const auto* r = value.as<ir::Reduce>();
    if (r) known.insert(known.end(), r->vars.begin(), r->vars.end());
    const ir::Var* other = nullptr;
    const auto check = [&](const Expr& e) {
      ir::walk<ir::Var>(e, [&](const ir::Var& v) {
        if (!other && !v.least &&
            std::none_of(known.begin(), known.end(), [&](const VarRef& k) { return k.get() == &v; }))
          other = &v;
      });
    };
    if (r)
      std::for_each(r->source.begin(), r->source.end(), check);
    else
      check(value);
    if (!other) continue;
    std::vector<std::string> names;
    for (const VarRef& k : known) names.push_back(k->name);
    const std::string owner = owner_of(other, values);
    const std::string what =
        owner.empty() ? "which is no axis of it and is not reduced over" : "an index of " + owner;
    const std::string how =
        owner.empty()
            ? fmt::format(
                  "reduce over it: sum(..., axis={0}), or sum(..., {0}) in C++; an index of another "
                  "compute has a meaning there only",
                  other->name)
            : fmt::format("use the axes that the body of {} is given", name);
    throw Error("te.axis.free", fmt::format("{} uses {}, {}", name, other->name, what))
        .fact("stage", name)
        .fact("axis", other->name)
        .fact("axes", fmt::format("{}", fmt::join(names, ", ")))
        .fix(how);
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

ReduceAxis reduce_axis(int64_t begin, int64_t end, std::string name) {
  check_name(name, "a reduce axis");
  TC_REQUIRE(begin <= end, Error("te.axis.negative",
                                 fmt::format("the reduce axis {} ends at {}, before it begins", name, end))
                               .fact("begin", std::to_string(begin))
                               .fact("end", std::to_string(end))
                               .fix("give begin and end, which is excluded and not below begin"));
  int64_t extent = 0;
  TC_REQUIRE(!__builtin_sub_overflow(end, begin, &extent),
             Error("te.axis.range", fmt::format("the reduce axis {} has more than 2^63 - 1 values", name))
                 .fix("reduce over fewer values"));
  return {ir::var(std::move(name)), ir::int_imm(begin), ir::int_imm(extent)};
}

ReduceAxis reduce_axis(const Extent& begin, const Extent& end, std::string name) {
  if (begin.number() && end.number()) return reduce_axis(*begin.number(), *end.number(), std::move(name));
  check_name(name, "a reduce axis");
  for (const Extent& e : {begin, end})
    TC_REQUIRE(e.expr() && e.expr()->type == ir::kIndex && ir::is_of_sizes(e.expr()),
               Error("te.shape.extent",
                     fmt::format("the range of the reduce axis {} is not made of sizes and numbers", name))
                   .fact("axis", name)
                   .fact("extent", e.expr() ? ir::to_string(e.expr()) : "none")
                   .fix("give a number, a size of size_var, or a sum, product or quotient of such"));
  for (const Extent& e : {begin, end})
    check_divisors(e.expr(), fmt::format("the range of the reduce axis {}", name));
  const Extent extent = end - begin;
  TC_REQUIRE(
      extent.at_least(0),
      Error("te.axis.negative", fmt::format("the reduce axis {} ends at {}, before it begins for small sizes",
                                            name, to_string(end)))
          .fact("begin", to_string(begin))
          .fact("end", to_string(end))
          .fix("say how large the size is at least: size_var(\"n\", 2)"));
  return {ir::var(std::move(name)), begin.expr(), extent.expr()};
}

VarRef size_var(std::string name, int64_t least) {
  check_name(name, "a size");
  TC_REQUIRE(least >= 0, Error("te.size.least", fmt::format("the size {} would be {} at least", name, least))
                             .fact("size", name)
                             .fix("give 0 or more: no tensor has fewer elements"));
  return ir::size_var(std::move(name), least);
}

std::vector<ReduceAxis> Op::reduce_axes() const {
  std::vector<ReduceAxis> out;
  if (!values.empty())
    if (const auto* r = values[0].as<ir::Reduce>())
      for (size_t i = 0; i < r->vars.size(); ++i) out.push_back({r->vars[i], r->mins[i], r->extents[i]});
  return out;
}

Expr Tensor::at(std::vector<Expr> indices) const {
  TC_REQUIRE(buffer_, Error("te.tensor.empty", "an empty Tensor is read")
                          .fix("assign it what placeholder or compute returns, before it is read"));
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
  TC_REQUIRE(v,
             Error("te.shape.symbolic", fmt::format("dimension {} of {} has no constant extent", dim, name()))
                 .fact("tensor", name())
                 .fact("extent", to_string(this->dim(dim)))
                 .fix("give the size a value with bind_sizes, or make the extent a number"));
  return *v;
}
std::vector<int64_t> Tensor::extents() const {
  std::vector<int64_t> out;
  for (int i = 0; i < ndim(); ++i) out.push_back(extent(i));
  return out;
}

Tensor placeholder(const Shape& shape, DType type, std::string name) {
  check_name(name, "a tensor");
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

std::vector<Tensor> compute_many(const Shape& shape,
                                 const std::function<std::vector<Expr>(const Axes&)>& body,
                                 std::vector<std::string> names, std::vector<std::string> axis_names) {
  TC_REQUIRE(!names.empty(),
             Error("te.compute.outputs", "a compute without outputs").fix("name each output"));
  for (const std::string& name : names) check_name(name, "a tensor");
  for (const std::string& name : axis_names) check_name(name, "an axis");
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
               Error("te.dtype", fmt::format("the value of {} is no scalar expression", names[i]))
                   .fix("return one number for each element; vectors come from s[C].vectorize"));
    ir::require_written_size(v, names[i]);
    check_reduce_on_top(v, names[i], op->axes);
    buffers.push_back(ir::buffer(names[i], v->type, checked_shape(shape, v->type, names[i])));
  }
  op->shape = buffers[0]->shape;
  check_axes(op->name, op->axes, op->values);
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

Tensor compute(const Shape& shape, const std::function<Expr(const Axes&)>& body, std::string name,
               std::vector<std::string> axis_names) {
  return compute_many(
      shape, [&](const Axes& a) { return std::vector<Expr>{body(a)}; }, {std::move(name)},
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
                 Error("te.reduce.axes", fmt::format("the axis {} is reduced twice", a.var->name))
                     .fix("name each axis once"));
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
  TC_REQUIRE(index.is_int(),
             Error("te.reduce.combine", fmt::format("{} combines (value, index), and the second is {}",
                                                    greatest ? "argmax" : "argmin", ir::to_string(index)))
                 .fix("give the value first, then its index, an integer"));
  const VarRef v0 = ir::var("v0", value), i0 = ir::var("i0", index), v1 = ir::var("v1", value),
               i1 = ir::var("i1", index);
  const Expr better = greatest ? v1 > v0 : v1 < v0;  // false of NaN, which is passed over
  const Expr second = ir::logical_or(better, ir::logical_and(ir::eq(v0, v1), i1 < i0));
  const ir::CombinerRef limit = ir::simple_combiner(greatest ? ir::BinaryOp::max : ir::BinaryOp::min, value);
  return ir::combiner(greatest ? "argmax" : "argmin", {v0, i0}, {v1, i1},
                      {select(second, v1, v0), select(second, i1, i0)},
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
// clang-format off
TC_X(exp) TC_X(log) TC_X(sqrt) TC_X(rsqrt) TC_X(tanh) TC_X(erf) TC_X(sigmoid) TC_X(sin) TC_X(cos)
TC_X(floor) TC_X(ceil) TC_X(round) TC_X(abs)
// clang-format on
#undef TC_X
Expr pow(Expr x, Expr y) { return ir::call(ir::CallOp::pow, {std::move(x), std::move(y)}); }

namespace detail {
void wrong_axis_count(const std::string& name, size_t dims, size_t taken) {
  throw Error("te.compute.axes",
              fmt::format("the body of {} takes {} axes, its shape has {} dimensions", name, taken, dims))
      .fact("stage", name)
      .fix("give the body one parameter a dimension");
}
}  // namespace detail

}  // namespace tc
