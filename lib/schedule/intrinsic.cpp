// What makes an intrinsic: the rules for its programs, and a trial of its
// statements against its meaning.
#include "tc/schedule/intrinsic.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <set>

#include "tc/ir/equal.h"
#include "tc/ir/numeric.h"
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

// It stands in the text of schedules, where blanks, commas, = and # end it.
Check check_name(const std::string& name) {
  const auto bad = [](char c) { return c <= ' ' || c > '~' || c == ',' || c == '=' || c == '#'; };
  if (!name.empty() && std::none_of(name.begin(), name.end(), bad)) return std::nullopt;
  std::string shown;
  for (const char c : name.substr(0, 60)) shown += c < ' ' || c > '~' ? '?' : c;
  return Error("intrinsic.name", fmt::format("\"{}\" cannot be the name of an intrinsic", shown))
      .fact("expected", "printable characters, but no blanks, commas, = and #")
      .fix("give it another name");
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

/// What the tensors of one trial hold. Statements that are right for small numbers go
/// wrong at the ends of a type, where they compute in a narrower one, and at the
/// constants that stand in them.
struct Inputs {
  enum Kind { small, ends, mixed, whole, constant } kind;
  size_t which = 0;  // ends: bit i for the greatest in tensor i; constant: the tensor that holds it
  double value = 0;  // constant

  [[nodiscard]] std::string text() const {
    if (kind == constant) return fmt::format("inputs of {}", value);
    if (kind == small) return "small random inputs";
    return kind == whole ? "random inputs" : "inputs at the ends of their types";
  }
};

// How great `e` is at most, its terms taken without their signs: what its rounding error is
// a part of. In f64.
Expr magnitude(const Expr& e) {
  const auto plain = [](const Expr& x) { return abs(ir::cast(kF64, x)); };
  if (!e->type.is_float()) return plain(e);
  if (const auto* c = e.as<ir::Cast>()) return magnitude(c->value);
  if (const auto* s = e.as<ir::Select>())
    return select(s->condition, magnitude(s->if_true), magnitude(s->if_false));
  if (const auto* b = e.as<ir::Binary>()) {
    if (b->op == ir::BinaryOp::mul) return magnitude(b->a) * magnitude(b->b);
    if (b->op == ir::BinaryOp::div) return magnitude(b->a) / plain(b->b);
    return magnitude(b->a) + magnitude(b->b);
  }
  const auto* c = e.as<ir::Call>();
  if (!c) return plain(e);
  if (c->op == ir::CallOp::if_then_else)
    return ir::if_then_else(c->args[0], magnitude(c->args[1]), magnitude(c->args[2]));
  if (c->op == ir::CallOp::fma) return magnitude(c->args[0]) * magnitude(c->args[1]) + magnitude(c->args[2]);
  Expr out = plain(e);
  for (const Expr& x : c->args)
    if (!x->type.is_bool()) out = out + plain(e) * magnitude(x);
  return c->op == ir::CallOp::neg || c->op == ir::CallOp::abs ? magnitude(c->args[0]) : out;
}

bool is_product(const ir::Reduce& r) {
  return ir::equal(r.combiner->results[0], r.combiner->lhs[0] * r.combiner->rhs[0]);
}

// The magnitudes of the elements that the body of an intrinsic gives.
FuncRef magnitude_func(const Intrinsic& intrinsic, const ir::Compute& c) {
  const BufferRef& out = intrinsic.body->params.back();
  std::vector<BufferRef> params = intrinsic.body->params;
  params.back() = ir::buffer(out->name, kF64, out->shape, out->scope);
  Expr value = c.values[0];
  if (const auto* r = value.as<ir::Reduce>()) {
    value = ir::reduce(ir::simple_combiner(is_product(*r) ? ir::BinaryOp::mul : ir::BinaryOp::add, kF64),
                       r->mins, r->extents, r->vars, {magnitude(r->source[0])}, 0);
  } else {
    value = magnitude(value);
  }
  return ir::func("magnitude", params, ir::compute({params.back()}, c.vars, {value}));
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

class Trials {
 public:
  Trials(const Intrinsic& intrinsic, const ir::Compute& c)
      : intrinsic_(intrinsic),
        c_(c),
        reduce_(c.values[0].as<ir::Reduce>()),
        out_(intrinsic.body->params.back()) {
    if (reduce_)
      for (const Expr& e : reduce_->extents) terms_ *= static_cast<double>(ir::as_int(e).value_or(1));
    if (out_->type.is_float()) magnitude_ = magnitude_func(intrinsic, c);
    product_ = reduce_ && is_product(*reduce_);
    ir::walk_all(*c.values[0], [&](const ir::Node& n) {
      const auto* b = n.kind == ir::Kind::Binary ? static_cast<const ir::Binary*>(&n) : nullptr;
      const auto* f = n.kind == ir::Kind::FloatImm ? static_cast<const ir::FloatImm*>(&n) : nullptr;
      const auto* call = n.kind == ir::Kind::Call ? static_cast<const ir::Call*>(&n) : nullptr;
      whole_numbers_ &=
          !(b && b->type.is_float() && b->op == ir::BinaryOp::div) &&
          !(f && f->value != std::floor(f->value)) &&
          !(call && call->type.is_float() && call->op != ir::CallOp::neg && call->op != ir::CallOp::abs &&
            call->op != ir::CallOp::fma && call->op != ir::CallOp::if_then_else);
    });
    options_.max_steps = 10'000'000;
  }

  Check run() {
    for (const Inputs& inputs : all())
      if (auto error = run_once(inputs)) return error;
    return intrinsic_.init ? check_init() : std::nullopt;
  }

 private:
  [[nodiscard]] std::vector<Inputs> all() const {
    const auto& params = intrinsic_.body->params;
    const size_t tensors = params.size();
    const bool integers =
        std::any_of(params.begin(), params.end(), [](const BufferRef& b) { return b->type.is_int(); });
    std::vector<Inputs> out;
    for (int i = 0; i < 3; ++i) {
      out.push_back({Inputs::small});
      out.push_back({Inputs::whole});
      if (integers) out.push_back({Inputs::mixed});
    }
    if (integers)
      for (size_t which = 0; which < size_t{1} << std::min<size_t>(tensors, 3); ++which)
        out.push_back({Inputs::ends, which});
    for (const double c : constants())
      for (const double near : {c, c - 1, c + 1, 2 * c})
        for (size_t i = 0; i < tensors && out.size() < kMaxTrials; ++i)
          out.push_back({Inputs::constant, i, near});
    const double affordable = std::max<double>(kMostTerms / work(), 3);
    if (affordable < static_cast<double>(out.size())) out.resize(static_cast<size_t>(affordable));
    return out;
  }
  // The terms of the definition or the stores of the statements, whichever are more.
  [[nodiscard]] double work() const {
    double elements = 1;
    for (const int64_t n : shape_of(out_)) elements *= static_cast<double>(n);
    return std::max(elements * terms_, stores_of(*intrinsic_.update->body));
  }
  [[nodiscard]] static double stores_of(const ir::Node& n) {
    double out = n.kind == ir::Kind::Store;
    ir::for_each_child(n, [&](const ir::Node& child, ir::Role) { out += stores_of(child); });
    if (n.kind != ir::Kind::For) return out;
    return out * static_cast<double>(ir::as_int(static_cast<const ir::For&>(n).extent).value_or(1));
  }

  // Those that values and conditions have, not the indices; the other trials meet small ones.
  [[nodiscard]] std::set<double> constants() const {
    std::set<double> out;
    const auto collect = [&](const Expr& e) {
      ir::walk_all(*e, [&](const ir::Node& n) {
        if (n.kind == ir::Kind::IntImm)
          out.insert(static_cast<double>(static_cast<const ir::IntImm&>(n).value));
        if (n.kind == ir::Kind::FloatImm) out.insert(static_cast<const ir::FloatImm&>(n).value);
        return n.kind != ir::Kind::Load && n.kind != ir::Kind::Buffer;
      });
    };
    collect(reduce_ ? reduce_->source[0] : c_.values[0]);
    ir::walk<ir::Store>(intrinsic_.update->body, [&](const ir::Store& s) { collect(s.value); });
    ir::walk<ir::If>(intrinsic_.update->body, [&](const ir::If& i) { collect(i.condition); });
    ir::walk<ir::Let>(intrinsic_.update->body, [&](const ir::Let& l) { collect(l.value); });
    std::erase_if(out, [](double c) { return !std::isfinite(c) || std::fabs(c) <= 4; });
    return out;
  }

  // Integers wrap alike in the definition, so they may be any.
  int64_t draw_int(DType type, size_t tensor, const Inputs& inputs) {
    const int64_t low = ir::min_of(type), high = ir::max_of(type);
    const int64_t small =
        type.bits <= 16 ? static_cast<int64_t>(random_()) : static_cast<int64_t>(random_() % 9) - 4;
    switch (inputs.kind) {
      case Inputs::ends:
        return inputs.which >> tensor & 1 ? high : low;
      case Inputs::mixed: {
        const int64_t some[] = {low, high, 0, 1, -1};
        return some[random_() % std::size(some)];
      }
      case Inputs::whole:
        return static_cast<int64_t>(random_());
      case Inputs::constant:
        return tensor == inputs.which ? ir::float_to_int(kI64, inputs.value) : small;
      default:
        return small;
    }
  }
  // Small ones have exact sums; the others are compared as nearly as rounding allows.
  double draw_float(DType type, size_t tensor, const Inputs& inputs) {
    if (inputs.kind == Inputs::small) return static_cast<double>(random_() % 9) - 4;
    const double unit = static_cast<double>(random_() >> 11) * 0x1p-52 - 1;
    if (inputs.kind != Inputs::constant || tensor != inputs.which) return unit;
    return std::isfinite(ir::round_to(type, inputs.value * (terms_ + 1))) ? inputs.value : unit;
  }
  HostTensor draw(const BufferRef& b, size_t tensor, const Inputs& inputs) {
    HostTensor t(b->type, shape_of(b));
    for (int64_t i = 0; i < t.size(); ++i) {
      if (b->type.is_float()) {
        t.set(i, draw_float(b->type, tensor, inputs));
        continue;
      }
      const int64_t value = b->type.is_bool() ? static_cast<int64_t>(random_() % 2)
                                              : ir::wrap(b->type, draw_int(b->type, tensor, inputs));
      std::memcpy(element(t, i), &value, static_cast<size_t>(b->type.bytes()));
    }
    return t;
  }
  [[nodiscard]] static char* element(const HostTensor& t, int64_t i) {
    return static_cast<char*>(t.data()) + i * t.dtype().bytes();
  }

  Check run_once(const Inputs& inputs) {
    std::vector<HostTensor> tensors;
    for (const BufferRef& b : intrinsic_.body->params) tensors.push_back(draw(b, tensors.size(), inputs));
    HostTensor want(out_->type, shape_of(out_)), value(out_->type, shape_of(out_));
    std::vector<ir::TensorView> views = views_of(tensors);
    views.back() = value.view();
    if (auto error = ir::interpret(intrinsic_.body, views, options_)) return error;
    if (auto error = find_magnitudes(views, tensors.back())) return error;
    if (reduce_) {
      const ir::TensorView three[] = {tensors.back().view(), value.view(), want.view()};
      if (auto error = ir::interpret(fold_func(c_, *reduce_), three, options_)) return error;
    }
    views.back() = tensors.back().view();
    ir::InterpretOptions options = options_;
    options.initialized_outputs = true;
    if (auto error = ir::interpret(intrinsic_.update, views, options)) return error;
    return compare("update", tensors.back(), reduce_ ? want : value, inputs);
  }
  Check check_init() {
    const Inputs inputs{Inputs::small};
    std::vector<HostTensor> tensors;
    for (const BufferRef& b : intrinsic_.body->params) tensors.push_back(draw(b, tensors.size(), inputs));
    HostTensor empty(out_->type, shape_of(out_)), identity(out_->type, shape_of(out_));
    std::vector<ir::TensorView> views = views_of(tensors);
    views.back() = empty.view();
    if (auto error = ir::interpret(intrinsic_.init, views, options_)) return error;
    const Expr id = reduce_ ? reduce_->combiner->identity[0] : ir::const_of(out_->type, 0);
    const ir::TensorView one[] = {identity.view()};
    if (auto error =
            ir::interpret(ir::func("identity", {out_}, ir::compute({out_}, c_.vars, {id})), one, options_))
      return error;
    return compare("init", empty, identity, inputs);
  }

  [[nodiscard]] bool same(const HostTensor& got, const HostTensor& want, int64_t i,
                          const Inputs& inputs) const {
    const DType type = got.dtype();
    if (!type.is_float())
      return std::memcmp(element(got, i), element(want, i), static_cast<size_t>(type.bytes())) == 0;
    const double a = got.get(i), b = want.get(i);
    if (a == b || (std::isnan(a) && std::isnan(b))) return true;
    const double ulp = type == kF64 ? 0x1p-52 : type == kF32 ? 0x1p-23 : type == kF16 ? 0x1p-10 : 0x1p-7;
    const double magnitude =
        i < static_cast<int64_t>(magnitudes_.size()) ? magnitudes_[static_cast<size_t>(i)] : 0;
    if (inputs.kind == Inputs::small && whole_numbers_ && magnitude * ulp < 1) return false;  // exact sums
    if (!std::isfinite(ir::round_to(type, 2 * magnitude))) return true;  // one order overflows, another not
    return std::fabs(a - b) <= (4 + 2 * std::sqrt(terms_)) * ulp * magnitude;
  }
  // Of the result, with what it is folded into.
  Check find_magnitudes(std::vector<ir::TensorView> views, const HostTensor& old) {
    if (!out_->type.is_float()) return std::nullopt;
    HostTensor found(kF64, shape_of(out_));
    views.back() = found.view();
    if (auto error = ir::interpret(magnitude_, views, options_)) return error;
    magnitudes_.clear();
    for (int64_t i = 0; i < found.size(); ++i)
      magnitudes_.push_back(reduce_ && product_ ? found.get(i) * std::fabs(old.get(i))
                                                : found.get(i) + (reduce_ ? std::fabs(old.get(i)) : 0));
    return std::nullopt;
  }
  [[nodiscard]] Check compare(const char* which, const HostTensor& got, const HostTensor& want,
                              const Inputs& inputs) const {
    for (int64_t i = 0; i < got.size(); ++i)
      if (!same(got, want, i, inputs))
        return refuse("intrinsic.differs", intrinsic_,
                      fmt::format("its {} statements compute something else than its definition", which))
            .fact("element", fmt::format("{} of the result, on {}", i, inputs.text()))
            .fact("definition", text(want, i))
            .fact(which, text(got, i))
            .fix(fmt::format("correct the {} statements, or the definition (the first program)", which));
    return std::nullopt;
  }

  [[nodiscard]] static std::string text(const HostTensor& t, int64_t i) {
    if (t.dtype().is_float()) return fmt::format("{}", t.get(i));
    int64_t value = 0;
    std::memcpy(&value, element(t, i), static_cast<size_t>(t.dtype().bytes()));
    value = ir::wrap(t.dtype(), value);
    return t.dtype() == kU64 ? fmt::format("{}", static_cast<uint64_t>(value)) : fmt::format("{}", value);
  }

  static constexpr size_t kMaxTrials = 128;
  static constexpr double kMostTerms = 1 << 20;  // of all trials, so that they take no more than a second
  const Intrinsic& intrinsic_;
  const ir::Compute& c_;
  const ir::Reduce* reduce_;
  const BufferRef& out_;
  bool product_ = false, whole_numbers_ = true;
  double terms_ = 1;
  FuncRef magnitude_;
  std::vector<double> magnitudes_;
  ir::InterpretOptions options_;
  std::mt19937_64 random_{1};
};

}  // namespace

Expected<Intrinsic> make_intrinsic(std::string name, FuncRef body, FuncRef update, FuncRef init,
                                   std::vector<std::vector<int64_t>> strides) {
  try {
    const Intrinsic made{std::move(name), std::move(body), std::move(update), std::move(init),
                         std::move(strides)};
    if (auto error = check_name(made.name)) return *error;
    TC_REQUIRE(made.body && made.update, refuse("intrinsic.params", made, "it has no body or no update"));
    if (auto error = check_params(made, made.body, "body", ir::Form::te)) return *error;
    if (auto error = check_params(made, made.update, "update", ir::Form::nested)) return *error;
    if (made.init)
      if (auto error = check_params(made, made.init, "init", ir::Form::nested)) return *error;
    const auto c = compute_of(made);
    if (!c) return c.error();
    if (auto error = check_strides(made)) return *error;
    if (auto error = Trials(made, *c.value()).run()) return *error;
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
