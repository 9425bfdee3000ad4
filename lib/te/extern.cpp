#include "tc/te/extern.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "access.h"
#include "extern_detail.h"
#include "tc/ir/interpret.h"
#include "tc/ir/print.h"
#include "tc/ir/traverse.h"
#include "tc/ir/verify.h"
#include "tc/support/rng.h"
#include "tc/te/evaluate.h"

namespace tc {
namespace {

Error form_error(const std::string& name, std::string what, std::string fix) {
  return Error("te.extern.form", fmt::format("the extern {} {}", name, what))
      .fact("stage", name)
      .fix(std::move(fix));
}

void check_shape(const std::string& name, const ir::Buffer& b) {
  TC_REQUIRE(
      std::all_of(b.shape.begin(), b.shape.end(), [](const Expr& e) { return ir::as_int(e).has_value(); }),
      form_error(name, fmt::format("has the buffer {} of a shape that is no constant", b.name),
                 "give every extent as a number"));
}

// Loops that run in order, and nothing that a later pass makes.
void check_form(const std::string& name, const ExternBody& x) {
  ir::walk<ir::For>(x.body, [&](const ir::For& f) {
    TC_REQUIRE(f.mode == ir::LoopMode::serial || f.mode == ir::LoopMode::unrolled,
               form_error(name, fmt::format("has a {} loop over {}", ir::to_string(f.mode), f.var->name),
                          "leave its loops serial or unrolled: what others may do is not checked here"));
  });
  ir::walk_all(*x.body, [&](const ir::Node& n) {
    const bool vector =
        n.kind == ir::Kind::Ramp || n.kind == ir::Kind::Broadcast || n.kind == ir::Kind::VectorReduce;
    TC_REQUIRE(!vector, form_error(name, "has vectors in it", "write it for single elements, in loops"));
  });
  for (const BufferRef& b : x.reads) check_shape(name, *b);
  for (const BufferRef& b : x.writes) check_shape(name, *b);
  ir::walk<ir::Alloc>(x.body, [&](const ir::Alloc& a) { check_shape(name, *a.buffer); });
  for (const BufferRef& b : x.writes)
    for (size_t d = 0; d < std::max(b->shape.size(), x.writes[0]->shape.size()); ++d)
      TC_REQUIRE(
          b->shape.size() == x.writes[0]->shape.size() &&
              ir::as_int(b->shape[d]) == ir::as_int(x.writes[0]->shape[d]),
          form_error(name,
                     fmt::format("writes {} and {}, which have different shapes", x.writes[0]->name, b->name),
                     "make an extern of each"));
}

// The body, and then a read of every element of its outputs.
FuncRef read_after(const std::string& name, const ExternBody& x, const std::vector<BufferRef>& params) {
  std::vector<ir::Stmt> all{x.body};
  for (const BufferRef& b : x.writes) {
    const BufferRef sink = ir::buffer(b->name + "_read", b->type, {ir::int_imm(1)});
    std::vector<ir::VarRef> at;
    std::vector<Expr> index;
    for (size_t d = 0; d < b->shape.size(); ++d) index.emplace_back(at.emplace_back(ir::var("r")));
    ir::Stmt nest = ir::store(sink, {ir::int_imm(0)}, ir::load(b, index));
    for (size_t d = at.size(); d-- > 0;)
      nest = ir::for_(at[d], ir::int_imm(0), b->shape[d], ir::LoopMode::serial, nest);
    all.push_back(ir::alloc(sink, nest));
  }
  return ir::func(name, params, ir::seq(std::move(all)));
}

// Runs it, where that is little work, on inputs drawn by a seed: nothing may be read before it is written,
// by the body or by whoever reads what it gives.
void check_written(const std::string& name, const ExternBody& x, const std::vector<BufferRef>& params) {
  constexpr int64_t kMaxElements = 1 << 14, kMaxSteps = 1 << 20;
  constexpr uint64_t kSeeds = 3;
  double elements = 0;
  for (const BufferRef& b : params) {
    double n = 1;
    for (const Expr& e : b->shape) n *= static_cast<double>(*ir::as_int(e));
    elements += n;
  }
  if (elements > kMaxElements) return;
  const FuncRef f = read_after(name, x, params);
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    Rng rng(seed);
    std::vector<HostTensor> tensors;
    for (const BufferRef& b : params) {
      std::vector<int64_t> shape;
      for (const Expr& e : b->shape) shape.push_back(*ir::as_int(e));
      HostTensor& t = tensors.emplace_back(b->type, std::move(shape));
      for (int64_t i = 0; i < t.size(); ++i) t.set(i, static_cast<double>(rng.below(7)) - 3);
    }
    ir::InterpretOptions options;
    options.max_steps = kMaxSteps, options.max_bytes = 1 << 22, options.detect_races = false;
    const Check error = ir::interpret(f, views_of(tensors), options);
    if (error && error->code() == "ir.interpret.uninitialized")
      throw Error("te.extern.unwritten",
                  fmt::format("the extern {} leaves something unwritten: {}", name, error->message()))
          .fact("stage", name)
          .fact("index", std::string(error->fact_of("index")))
          .fix("write every element of its outputs, for any inputs, before it is read");
  }
}

}  // namespace

namespace detail {

std::vector<Tensor> make_extern(const std::string& name, ExternBody body) {
  check_form(name, body);
  // by the rules of the form: what it may touch, types, order
  std::vector<BufferRef> params = body.reads;
  params.insert(params.end(), body.writes.begin(), body.writes.end());
  const FuncRef whole = ir::func(name, params, ir::extern_(body.writes, body.reads, body.body));
  if (const auto error = ir::verify(whole, ir::Form::te))
    throw form_error(
        name, "is no program in nested form: " + error->message(),
        "use the buffers of its parameters and those that it allocates, and write only its outputs");
  if (auto error = check_statement(name, body.body)) throw *std::move(error);
  check_written(name, body, params);
  auto op = std::make_shared<Op>();
  op->name = body.writes[0]->name;
  op->shape = body.writes[0]->shape;
  for (size_t d = 0; d < op->shape.size(); ++d) op->axes.push_back(ir::var(fmt::format("i{}", d)));
  std::vector<BufferRef> buffers;
  for (const BufferRef& b : body.writes) {
    op->output_names.push_back(b->name);
    op->values.push_back(ir::load(b, {op->axes.begin(), op->axes.end()}));
    buffers.push_back(ir::buffer(b->name, b->type, b->shape));
  }
  for (const BufferRef& b : body.tensors)
    op->open |= b->source && static_cast<const Op*>(b->source.get())->open;
  op->external = std::make_shared<const ExternBody>(std::move(body));
  std::vector<Tensor> out;
  for (const BufferRef& b : buffers) {
    const_cast<ir::Buffer&>(*b).source = op;
    out.emplace_back(b);
  }
  return out;
}

}  // namespace detail

ir::Stmt extern_statement(const ExternBody& x, const std::vector<BufferRef>& outputs) {
  ir::BufferMap map;
  for (size_t i = 0; i < x.reads.size(); ++i) map.emplace(x.reads[i], x.tensors[i]);
  for (size_t i = 0; i < x.writes.size(); ++i) map.emplace(x.writes[i], outputs[i]);
  return ir::extern_(outputs, x.tensors, ir::substitute(x.body, map));
}

std::vector<Tensor> extern_func(const FuncRef& func, const std::vector<Tensor>& inputs) {
  TC_REQUIRE(func, Error("te.extern.form", "an extern without a function").fix("parse one: ir::parse_func"));
  ExternBody x;
  x.body = func->body;
  for (const BufferRef& p : func->params) {
    check_shape(func->name, *p);
    bool stored = false;
    ir::walk<ir::Store>(func->body, [&](const ir::Store& s) { stored |= s.buffer.same(p); });
    (stored ? x.writes : x.reads).push_back(p);
  }
  TC_REQUIRE(!x.writes.empty(),
             form_error(func->name, "stores to none of its parameters", "store its results"));
  const auto refuse = [&](std::string what, std::string expected, std::string got) {
    throw Error("te.extern.input", fmt::format("the extern {} {}", func->name, what))
        .fact("stage", func->name)
        .fact("expected", std::move(expected))
        .fact("got", std::move(got))
        .fix("give a tensor for each parameter that is only read, in order");
  };
  if (inputs.size() != x.reads.size())
    refuse(fmt::format("reads {} parameters and is given {} tensors", x.reads.size(), inputs.size()),
           std::to_string(x.reads.size()), std::to_string(inputs.size()));
  const auto text = [](const ir::Buffer& b) {
    std::vector<std::string> shape;
    for (const Expr& e : b.shape) shape.push_back(ir::to_string(e));
    return fmt::format("{}[{}]", ir::to_string(b.type), fmt::join(shape, ", "));
  };
  for (size_t i = 0; i < inputs.size(); ++i) {
    TC_REQUIRE(inputs[i], Error("te.tensor.empty", "an empty Tensor is read by an extern"));
    const BufferRef &p = x.reads[i], &t = inputs[i].buffer();
    const bool same = p->type == t->type && p->shape.size() == t->shape.size() &&
                      std::equal(p->shape.begin(), p->shape.end(), t->shape.begin(),
                                 [](const Expr& a, const Expr& b) { return Extent(a) == Extent(b); });
    if (!same) refuse(fmt::format("takes another {} than {}", p->name, t->name), text(*p), text(*t));
    for (size_t j = 0; j < i; ++j)
      TC_REQUIRE(!t.same(inputs[j].buffer()),
                 Error("te.extern.input", fmt::format("the extern {} is given {} twice", func->name, t->name))
                     .fact("stage", func->name)
                     .fix("give it once, and read that parameter"));
    x.tensors.push_back(t);
  }
  return detail::make_extern(func->name, std::move(x));
}

}  // namespace tc
