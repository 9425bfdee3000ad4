// What makes an intrinsic: the rules for its programs, and a trial of its
// statements against its meaning.
#include "tc/schedule/intrinsic.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "tc/ir/parse.h"
#include "tc/ir/print.h"
#include "tc/ir/traverse.h"
#include "tc/ir/verify.h"
#include "tc/te/evaluate.h"

namespace tc {
namespace {

constexpr int64_t kMaxElements = 1 << 16;

Error refuse(const char* code, const Intrinsic& intrinsic, std::string what) {
  return Error(code, fmt::format("the intrinsic {}: {}", intrinsic.name, what))
      .fact("intrinsic", intrinsic.name);
}

std::vector<int64_t> shape_of(const BufferRef& b) {
  std::vector<int64_t> out;
  for (const Expr& e : b->shape) out.push_back(ir::as_int(e).value_or(-1));
  return out;
}

Check check_params(const Intrinsic& intrinsic, const FuncRef& program, const char* which, ir::Form form) {
  if (auto error = ir::verify(program, form)) return error;
  const auto& own = program->params;
  const auto& body = intrinsic.body->params;
  int64_t elements = 0;
  bool same = own.size() == body.size() && own.size() >= 2 && own.size() <= 8;
  for (size_t i = 0; same && i < own.size(); ++i) {
    same = own[i]->type == body[i]->type && shape_of(own[i]) == shape_of(body[i]) &&
           own[i]->scope == body[i]->scope;
    int64_t n = 1;
    for (const int64_t e : shape_of(own[i]))
      if (e < 1 || e > kMaxElements || (n *= e) > kMaxElements) same = false, n = 1;
    elements += n;
  }
  if (!same || elements > kMaxElements)
    return refuse("intrinsic.params", intrinsic, fmt::format("its {} has other parameters", which))
        .fact("expected",
              "2 to 8 parameters, the same in all programs, of constant shapes that are not empty")
        .fact("got", ir::to_string(program).substr(0, ir::to_string(program).find('\n')))
        .fix("give all programs the parameters of the body");
  bool output_only = true;
  ir::walk<ir::Store>(program->body, [&](const ir::Store& s) {
    for (size_t i = 0; i + 1 < own.size(); ++i) output_only &= !s.buffer.same(own[i]);
  });
  if (!output_only)
    return refuse("intrinsic.params", intrinsic, fmt::format("its {} writes an input", which))
        .fix("write only the last parameter");
  return std::nullopt;
}

// The body as the one compute it must be.
Expected<const ir::Compute*> compute_of(const Intrinsic& intrinsic) {
  const auto* c = intrinsic.body->body.as<ir::Compute>();
  if (!c || c->values.size() != 1 || !c->buffers[0].same(intrinsic.body->params.back()))
    return refuse("intrinsic.body", intrinsic, "its body is not one compute of the last parameter")
        .fix("write one compute; a reduction has one component");
  const auto* r = c->values[0].as<ir::Reduce>();
  if (r && r->source.size() != 1)
    return refuse("intrinsic.body", intrinsic, "its reduction has several components")
        .fix("reduce to one value");
  Check bad;
  ir::walk<ir::Load>(c->values[0], [&](const ir::Load& l) {
    std::vector<const ir::ExprNode*> seen;
    for (size_t d = 0; d < l.indices.size(); ++d) {
      const auto* v = l.indices[d].as<ir::Var>();
      const bool constant = ir::is_int(l.indices[d], 0) && ir::is_int(l.buffer->shape[d], 1);
      if (constant || (v && std::find(seen.begin(), seen.end(), v) == seen.end())) {
        if (v) seen.push_back(v);
        continue;
      }
      bad =
          refuse("intrinsic.body", intrinsic,
                 fmt::format("{} is read at {}", l.buffer->name, ir::to_string(l.indices[d])))
              .fix("index each dimension by an axis of its own; what else is read is for the tensors to say");
    }
  });
  if (bad) return *bad;
  if (r)
    for (size_t k = 0; k < r->vars.size(); ++k)
      if (!ir::is_int(r->mins[k], 0) || !ir::as_int(r->extents[k]))
        return refuse("intrinsic.body", intrinsic, fmt::format("{} does not start at 0", r->vars[k]->name))
            .fix("reduce over [0, +n)");
  return c;
}

Check check_strides(const Intrinsic& intrinsic) {
  if (intrinsic.strides.empty()) return std::nullopt;
  bool ok = intrinsic.strides.size() == intrinsic.body->params.size();
  for (size_t i = 0; ok && i < intrinsic.strides.size(); ++i)
    ok = intrinsic.strides[i].size() == intrinsic.body->params[i]->shape.size();
  if (ok) return std::nullopt;
  return refuse("intrinsic.strides", intrinsic, "strides are given for other dimensions than it has")
      .fix("give one stride a dimension of each parameter, 0 for any");
}

// ---- the trial

HostTensor random_tensor(const BufferRef& b, std::mt19937_64& random) {
  HostTensor t(b->type, shape_of(b));
  const bool whole = b->type.is_int() && b->type.bits <= 16;
  for (int64_t i = 0; i < t.size(); ++i)  // floats and long integers so small that sums are exact
    t.set(i, b->type.is_bool() ? static_cast<double>(random() % 2)
             : whole           ? static_cast<double>(random() % 65536) - 32768
                               : static_cast<double>(random() % 9) - 4);
  return t;
}

// out = out (folded with) value, element by element.
FuncRef fold_func(const ir::Compute& c, const ir::Reduce& r) {
  const BufferRef& out = c.buffers[0];
  const BufferRef value = ir::buffer("V", out->type, out->shape),
                  old = ir::buffer("O", out->type, out->shape);
  const std::vector<Expr> index(c.vars.begin(), c.vars.end());
  const Expr result = ir::substitute(r.combiner->results[0], {{r.combiner->lhs[0], ir::load(old, index)},
                                                              {r.combiner->rhs[0], ir::load(value, index)}});
  return ir::func("fold", {old, value, out}, ir::compute({out}, c.vars, {result}));
}

Check compare(const Intrinsic& intrinsic, const char* which, const HostTensor& got, const HostTensor& want) {
  for (int64_t i = 0; i < got.size(); ++i)
    if (got.get(i) != want.get(i))
      return refuse("intrinsic.differs", intrinsic,
                    fmt::format("its {} statements compute something else than its definition", which))
          .fact("element", fmt::format("{} of the result, on random inputs", i))
          .fact("definition", fmt::format("{}", want.get(i)))
          .fact(which, fmt::format("{}", got.get(i)))
          .fix(fmt::format("correct the {} statements, or the definition (the first program)", which));
  return std::nullopt;
}

Check try_once(const Intrinsic& intrinsic, const ir::Compute& c, uint64_t seed) {
  std::mt19937_64 random(seed);
  ir::InterpretOptions options;
  options.max_steps = 10'000'000;
  std::vector<HostTensor> tensors;
  for (const BufferRef& b : intrinsic.body->params) tensors.push_back(random_tensor(b, random));
  const BufferRef& out = intrinsic.body->params.back();
  HostTensor want(out->type, shape_of(out)), value(out->type, shape_of(out));
  std::vector<ir::TensorView> views = views_of(tensors);
  views.back() = value.view();
  if (auto error = ir::interpret(intrinsic.body, views, options)) return error;
  const auto* r = c.values[0].as<ir::Reduce>();
  if (r) {
    const ir::TensorView three[] = {tensors.back().view(), value.view(), want.view()};
    if (auto error = ir::interpret(fold_func(c, *r), three, options)) return error;
  }
  views.back() = tensors.back().view();
  options.initialized_outputs = true;
  if (auto error = ir::interpret(intrinsic.update, views, options)) return error;
  if (auto error = compare(intrinsic, "update", tensors.back(), r ? want : value)) return error;
  if (!intrinsic.init) return std::nullopt;
  options.initialized_outputs = false;
  HostTensor empty(out->type, shape_of(out)), identity(out->type, shape_of(out));
  views.back() = empty.view();
  if (auto error = ir::interpret(intrinsic.init, views, options)) return error;
  const Expr id = r ? r->combiner->identity[0] : ir::const_of(out->type, 0);
  const ir::TensorView one[] = {identity.view()};
  if (auto error = ir::interpret(ir::func("identity", {out}, ir::compute({out}, c.vars, {id})), one, options))
    return error;
  return compare(intrinsic, "init", empty, identity);
}

}  // namespace

Expected<Intrinsic> make_intrinsic(std::string name, FuncRef body, FuncRef update, FuncRef init,
                                   std::vector<std::vector<int64_t>> strides) {
  try {
    const Intrinsic made{std::move(name), std::move(body), std::move(update), std::move(init),
                         std::move(strides)};
    TC_REQUIRE(made.body && made.update, refuse("intrinsic.params", made, "it has no body or no update"));
    if (auto error = check_params(made, made.body, "body", ir::Form::te)) return *error;
    if (auto error = check_params(made, made.update, "update", ir::Form::nested)) return *error;
    if (made.init)
      if (auto error = check_params(made, made.init, "init", ir::Form::nested)) return *error;
    const auto c = compute_of(made);
    if (!c) return c.error();
    if (auto error = check_strides(made)) return *error;
    for (uint64_t seed = 1; seed <= 3; ++seed)
      if (auto error = try_once(made, *c.value(), seed)) return *error;
    return made;
  } catch (const Error& e) {
    return e;
  }
}

Expected<Intrinsic> make_intrinsic(std::string name, std::string_view body, std::string_view update,
                                   std::string_view init, std::vector<std::vector<int64_t>> strides) {
  const auto b = ir::parse_func(body, "<body>");
  if (!b) return b.error();
  const auto u = ir::parse_func(update, "<update>");
  if (!u) return u.error();
  FuncRef i;
  if (!init.empty()) {
    auto parsed = ir::parse_func(init, "<init>");
    if (!parsed) return parsed.error();
    i = std::move(parsed).value();
  }
  return make_intrinsic(std::move(name), b.value(), u.value(), i, std::move(strides));
}

}  // namespace tc
