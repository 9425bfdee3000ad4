// The laws of a reducer, proved or tried on random states. Floats stand for real
// numbers here: they are computed in long double, and a value that came about
// without any rounding is compared exactly, any other to 2^-40 of the greatest
// value met, which leaves the few operations of a combiner 24 bits for their errors.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <unordered_map>

#include "tc/ir/equal.h"
#include "tc/ir/numeric.h"
#include "tc/ir/print.h"
#include "tc/ir/simplify.h"
#include "tc/ir/traverse.h"
#include "tc/support/rng.h"
#include "tc/te/reducer.h"

namespace tc {
namespace {

using Real = long double;

/// The value of an expression: `i` of integers and bools, `f` of floats.
struct Number {
  int64_t i = 0;
  Real f = 0;
  bool exact = true;
};
using Numbers = std::vector<Number>;

Number integer(int64_t v) { return {v, 0, true}; }
Number real(Real v, bool exact) { return {0, v, exact}; }

/// Evaluates expressions of variables; nothing where there is no value, or where
/// rounding leaves open which way a comparison goes.
class Evaluator {
 public:
  void set(const std::vector<VarRef>& vars, const Numbers& values) {
    for (size_t i = 0; i < vars.size(); ++i) vars_[vars[i].get()] = values[i];
  }
  void restart() { greatest_ = 1; }

  std::optional<Number> operator()(const Expr& e) {
    auto v = value(e);
    if (v && e->type.is_float() && std::isfinite(v->f)) greatest_ = std::max(greatest_, std::fabs(v->f));
    return v;
  }
  /// -1, 0 or 1; nothing where that is not certain. NaN is like itself alone.
  [[nodiscard]] std::optional<int> compare(const Number& a, const Number& b) const {
    if (std::isnan(a.f) || std::isnan(b.f))
      return std::isnan(a.f) == std::isnan(b.f) ? std::optional(0) : std::nullopt;
    if (a.f == b.f) return 0;
    const bool near =
        std::isfinite(a.f) && std::isfinite(b.f) && std::fabs(a.f - b.f) <= 0x1p-40L * greatest_;
    if (near && !(a.exact && b.exact)) return std::nullopt;
    return a.f < b.f ? -1 : 1;
  }

 private:
  std::optional<Number> value(const Expr& e) {
    switch (e->kind) {
      case ir::Kind::Var:
        return vars_.at(e.as<ir::Var>());
      case ir::Kind::IntImm:
        return integer(e.as<ir::IntImm>()->value);
      case ir::Kind::FloatImm:
        return real(e.as<ir::FloatImm>()->value, true);
      case ir::Kind::Binary:
        return binary(*e.as<ir::Binary>());
      case ir::Kind::Select: {
        const auto* s = e.as<ir::Select>();
        return choose(s->condition, s->if_true, s->if_false);
      }
      case ir::Kind::Cast:
        return cast(*e.as<ir::Cast>());
      case ir::Kind::Call:
        return call(*e.as<ir::Call>());
      default:
        return std::nullopt;
    }
  }
  std::optional<Number> choose(const Expr& c, const Expr& a, const Expr& b) {
    const auto condition = (*this)(c);
    if (!condition) return std::nullopt;
    return (*this)(condition->i ? a : b);
  }
  std::optional<Number> binary(const ir::Binary& b) {
    const auto x = (*this)(b.a), y = (*this)(b.b);
    if (!x || !y) return std::nullopt;
    if (b.a->type.is_float()) return floats(b.op, *x, *y);
    const auto v = ir::fold_int(b.op, b.a->type, x->i, y->i);
    return v ? std::optional(integer(*v)) : std::nullopt;
  }
  [[nodiscard]] std::optional<Number> floats(ir::BinaryOp op, const Number& x, const Number& y) const {
    using enum ir::BinaryOp;
    const bool exact = x.exact && y.exact;
    switch (op) {
      case add:
        return sum(x.f, y.f, exact);
      case sub:
        return sum(x.f, -y.f, exact);
      case mul: {
        const Real p = x.f * y.f;
        return real(p, exact && std::fma(x.f, y.f, -p) == 0);
      }
      case div: {
        const Real q = x.f / y.f;
        return real(q, exact && std::fma(q, y.f, -x.f) == 0);
      }
      case mod:
        return std::nullopt;
      default:
        break;
    }
    if (std::isnan(x.f) || std::isnan(y.f)) {  // comparisons with NaN are false, but != true
      if (op == min || op == max) return x;
      return integer(op == ne);
    }
    const auto order = compare(x, y);
    if (op == min || op == max) {
      if (!order) return x;  // as near as that, either
      return (op == min ? *order > 0 : *order < 0) ? y : x;
    }
    if (!order) return std::nullopt;
    const int c = *order;
    return integer(op == eq   ? c == 0
                   : op == ne ? c != 0
                   : op == lt ? c < 0
                   : op == le ? c <= 0
                   : op == gt ? c > 0
                              : c >= 0);
  }
  // The rounding error of a sum is what Knuth's two-sum finds.
  static Number sum(Real a, Real b, bool exact) {
    const Real s = a + b, bb = s - a, error = (a - (s - bb)) + (b - bb);
    return real(s, exact && (error == 0 || std::isinf(s)));
  }
  std::optional<Number> cast(const ir::Cast& c) {
    const auto v = (*this)(c.value);
    if (!v) return std::nullopt;
    const bool from = c.value->type.is_float(), to = c.type.is_float();
    if (from && to) return v;
    if (to) return real(c.value->type == kU64 ? Real(uint64_t(v->i)) : Real(v->i), true);
    if (c.type.is_bool()) {
      if (!from) return integer(v->i != 0);
      const auto zero = compare(*v, real(0, true));
      return zero ? std::optional(integer(*zero != 0)) : std::nullopt;
    }
    if (!from) return integer(ir::wrap(c.type, v->i));
    const auto whole = truncated(*v);
    return whole ? std::optional(integer(ir::float_to_int(c.type, static_cast<double>(*whole))))
                 : std::nullopt;
  }
  // Nothing beside an integer, if it is not exactly known on which side.
  [[nodiscard]] std::optional<Real> truncated(const Number& v) const {
    if (!v.exact && !compare(v, real(std::round(v.f), true))) return std::nullopt;
    return std::trunc(v.f);
  }
  std::optional<Number> call(const ir::Call& c) {
    using enum ir::CallOp;
    if (c.op == if_then_else) return choose(c.args[0], c.args[1], c.args[2]);
    Numbers a;
    for (const Expr& e : c.args) {
      const auto v = (*this)(e);
      if (!v) return std::nullopt;
      a.push_back(*v);
    }
    const DType t = c.args[0]->type;
    if (!t.is_float()) {
      if (c.op == neg) return integer(*ir::fold_int(ir::BinaryOp::sub, t, 0, a[0].i));
      if (c.op == abs)
        return a[0].i < 0 && t.is_signed() ? integer(*ir::fold_int(ir::BinaryOp::sub, t, 0, a[0].i)) : a[0];
      if (c.op == not_) return integer(t.is_bool() ? !a[0].i : ir::wrap(t, ~a[0].i));
      return std::nullopt;
    }
    const Real x = a[0].f;
    switch (c.op) {
      case neg:
        return real(-x, a[0].exact);
      case abs:
        return real(std::fabs(x), a[0].exact);
      case isnan:
        return integer(std::isnan(x));
      case fma: {
        const auto p = floats(ir::BinaryOp::mul, a[0], a[1]);
        return floats(ir::BinaryOp::add, *p, a[2]);
      }
      case sqrt: {
        const Real r = std::sqrt(x);
        return real(r, a[0].exact && std::fma(r, r, -x) == 0);
      }
      case floor:
      case ceil:
      case round:
      case trunc:
        if (!truncated(a[0])) return std::nullopt;
        return real(c.op == floor   ? std::floor(x)
                    : c.op == ceil  ? std::ceil(x)
                    : c.op == round ? std::nearbyint(x)
                                    : std::trunc(x),
                    a[0].exact);
      default:
        return transcendental(c.op, x, a);
    }
  }
  static std::optional<Number> transcendental(ir::CallOp op, Real x, const Numbers& a) {
    using enum ir::CallOp;
    switch (op) {
      case exp:
        return real(std::exp(x), a[0].exact && (x == 0 || std::isinf(x)));
      case log:
        return real(std::log(x), a[0].exact && (x == 1 || x == 0));
      case rsqrt:
        return real(1 / std::sqrt(x), false);
      case tanh:
        return real(std::tanh(x), a[0].exact && x == 0);
      case erf:
        return real(std::erf(x), a[0].exact && x == 0);
      case sigmoid:
        return real(1 / (1 + std::exp(-x)), false);
      case sin:
        return real(std::sin(x), a[0].exact && x == 0);
      case cos:
        return real(std::cos(x), a[0].exact && x == 0);
      case pow:
        return real(std::pow(x, a[1].f), false);
      default:
        return std::nullopt;
    }
  }

  std::unordered_map<const ir::Var*, Number> vars_;
  Real greatest_ = 1;
};

class Trial {
 public:
  explicit Trial(const ir::Combiner& c) : c_(c), random_(0x7ed5ull) {
    const auto constants = [&](const Expr& e) {
      ir::walk_all(*e, [&](const ir::Node& n) {
        if (n.kind == ir::Kind::IntImm) integers_.push_back(static_cast<const ir::IntImm&>(n).value);
        if (n.kind == ir::Kind::FloatImm) reals_.push_back(static_cast<const ir::FloatImm&>(n).value);
      });
    };
    for (const Expr& e : c.results) constants(e);
    constants(c.where);
    for (const Expr& e : c.results) smooth_ |= has_functions(e);
    for (const Expr& e : c.identity) {
      if (!smooth_) constants(e);
      identity_.push_back(*eval_(e));
    }
  }

  Check run() {
    if (proved()) return std::nullopt;
    for (int i = 0; i < kDraws && static_cast<int>(states_.size()) < kStates; ++i)
      if (Numbers s = draw_all(); is_state(s) == true) states_.push_back(std::move(s));
    add_corners();
    if (states_.size() < 3)
      return error("te.reducer.where", "has states that cannot be found")
          .fact("where", ir::to_string(c_.where))
          .fact("tried", fmt::format("{} states of small numbers", kDraws))
          .fix("give a condition that holds for some small integers");
    for (const auto law : {&Trial::associative, &Trial::commutative, &Trial::closed}) {
      int decided = 0;
      for (int i = 0; i < kTrials; ++i) {
        eval_.restart();
        if (auto e = (this->*law)(state(), state(), state(), decided)) return e;
      }
      if (decided < kTrials / 8) return unchecked();
    }
    int decided = 0;
    if (auto e = neutral(identity_, decided)) return e;
    for (const Numbers& s : states_)
      if (auto e = neutral(s, decided)) return e;
    if (auto e = neutral_to_infinities()) return e;
    return decided ? Check() : unchecked();
  }

 private:
  static constexpr int kTrials = 64, kStates = 64, kDraws = 4096, kCornerDraws = 16, kConstants = 64;

  const Numbers& state() {
    return states_[static_cast<size_t>(random_.between(0, static_cast<int64_t>(states_.size()) - 1))];
  }
  Number draw(DType t) {
    const int64_t dice = random_.between(1, 100);
    const bool near_constant = random_.between(0, 3) == 0;  // where laws break, if anywhere
    if (t.is_bool()) return integer(dice & 1);
    if (t.is_float()) {
      if (near_constant && !reals_.empty()) {  // on both sides of every constant
        const Real c =
            reals_[static_cast<size_t>(random_.between(0, static_cast<int64_t>(reals_.size()) - 1))];
        if (std::isfinite(c)) return real(c + static_cast<Real>(random_.between(-1, 1)), true);
      }
      if (dice > 80) return real(static_cast<Real>(random_.between(-40, 40)) / 2, true);
      return real(static_cast<Real>(random_.between(-4, 4)), true);
    }
    if (near_constant && !integers_.empty()) {
      const int64_t c =
          integers_[static_cast<size_t>(random_.between(0, static_cast<int64_t>(integers_.size()) - 1))];
      return integer(ir::wrap(
          t, static_cast<int64_t>(static_cast<uint64_t>(c) + static_cast<uint64_t>(random_.between(-1, 1)))));
    }
    if (dice > 80) return integer(ir::wrap(t, static_cast<int64_t>(random_.next())));
    if (dice > 75) return integer(dice & 1 ? ir::min_of(t) : ir::max_of(t));
    return integer(ir::wrap(t, random_.between(t.is_signed() ? -4 : 0, 8)));
  }

  Numbers draw_all() {
    Numbers s;
    for (const VarRef& v : c_.lhs) s.push_back(draw(v->type));
    return s;
  }

  // The ends of a type, and what is next to the constants: where laws break that hold elsewhere.
  [[nodiscard]] Numbers corners(DType t) const {
    if (t.is_bool()) return {integer(0), integer(1)};
    Numbers out;
    if (t.is_float()) {
      for (size_t i = 0; i < reals_.size() && i < kConstants; ++i)
        for (const Real c : {reals_[i] - 1, reals_[i] + 1, 2 * reals_[i]})
          if (std::isfinite(ir::round_to(t, static_cast<double>(c)))) out.push_back(real(c, true));
      return out;
    }
    out = {integer(ir::min_of(t)), integer(ir::max_of(t))};
    for (size_t i = 0; i < integers_.size() && i < kConstants; ++i)
      for (const int near : {-1, 0, 1})
        out.push_back(integer(ir::wrap(
            t, static_cast<int64_t>(static_cast<uint64_t>(integers_[i]) + static_cast<uint64_t>(near)))));
    return out;
  }
  void add_corners() {
    for (size_t v = 0; v < c_.lhs.size(); ++v)
      for (const Number& corner : corners(c_.lhs[v]->type))
        for (int i = 0; i < kCornerDraws; ++i) {  // `where` may ask for others beside it
          Numbers s = draw_all();
          s[v] = corner;
          if (is_state(s) != true) continue;
          states_.push_back(std::move(s));
          break;
        }
  }

  std::optional<Numbers> combine(const Numbers& a, const Numbers& b) {
    eval_.set(c_.lhs, a), eval_.set(c_.rhs, b);
    Numbers out;
    for (const Expr& e : c_.results) {
      const auto v = eval_(e);
      if (!v) return std::nullopt;
      out.push_back(*v);
    }
    return out;
  }
  std::optional<bool> is_state(const Numbers& s) {
    eval_.set(c_.lhs, s);
    const auto v = eval_(c_.where);
    return v ? std::optional(v->i != 0) : std::nullopt;
  }
  // As near as they can be told apart.
  [[nodiscard]] bool same(const Numbers& a, const Numbers& b) const {
    for (size_t i = 0; i < a.size(); ++i) {
      if (!c_.lhs[i]->type.is_float()) {
        if (a[i].i != b[i].i) return false;
      } else if (std::isnan(a[i].f) != std::isnan(b[i].f) || eval_.compare(a[i], b[i]).value_or(0) != 0) {
        return false;
      }
    }
    return true;
  }

  Check associative(const Numbers& a, const Numbers& b, const Numbers& c, int& decided) {
    const auto ab = combine(a, b), bc = combine(b, c);
    if (!ab || !bc) return std::nullopt;
    const auto left = combine(*ab, c), right = combine(a, *bc);
    if (!left || !right) return std::nullopt;
    ++decided;
    if (same(*left, *right)) return std::nullopt;
    return error("te.reducer.associative", "is not associative")
        .fact("states", fmt::format("a = {}, b = {}, c = {}", text(a), text(b), text(c)))
        .fact("combine(combine(a, b), c)", text(*left))
        .fact("combine(a, combine(b, c))", text(*right))
        .fix(
            "a reduction joins partial results, in any order: compute on the elements before it (the sum of "
            "x * x), and let combine only join; what depends on the order is a scan");
  }
  Check commutative(const Numbers& a, const Numbers& b, const Numbers&, int& decided) {
    const auto ab = combine(a, b), ba = combine(b, a);
    if (!ab || !ba) return std::nullopt;
    ++decided;
    if (same(*ab, *ba)) return std::nullopt;
    return error("te.reducer.commutative", "is not commutative")
        .fact("states", fmt::format("a = {}, b = {}", text(a), text(b)))
        .fact("combine(a, b)", text(*ab))
        .fact("combine(b, a)", text(*ba))
        .fix("a reduction is folded in any order; carry an index along to decide between equals");
  }
  Check closed(const Numbers& a, const Numbers& b, const Numbers&, int& decided) {
    const auto ab = combine(a, b);
    if (!ab) return std::nullopt;
    const auto inside = is_state(*ab);
    decided += inside.has_value();
    if (inside.value_or(true) || same(*ab, identity_)) return std::nullopt;
    return error("te.reducer.where", "combines two of its states to what is none")
        .fact("where", ir::to_string(c_.where))
        .fact("states", fmt::format("a = {}, b = {}", text(a), text(b)))
        .fact("combine(a, b)", text(*ab))
        .fix("give a condition that folds of the sources keep");
  }
  Check neutral(const Numbers& s, int& decided) {
    eval_.restart();
    const auto left = combine(identity_, s), right = combine(s, identity_);
    if (!left || !right) return std::nullopt;
    ++decided;
    const bool first = !same(*left, s);
    if (!first && same(*right, s)) return std::nullopt;
    return error("te.reducer.identity", fmt::format("does not have {} as identity", text(identity_)))
        .fact("state", "a = " + text(s))
        .fact(first ? "combine(identity, a)" : "combine(a, identity)", text(first ? *left : *right))
        .fix(
            "give the state that changes no other, of all that its type holds: 0 of a sum, -inf of a "
            "maximum");
  }

  // No real numbers, but elements of tensors: the greatest of -inf alone is -inf. What
  // has no value there is left open, and so are states of several components.
  Check neutral_to_infinities() {
    if (smooth_ || c_.lhs.size() != 1 || !c_.lhs[0]->type.is_float()) return std::nullopt;
    for (const Real f : {-INFINITY, INFINITY}) {
      const Numbers s = {real(f, true)};
      if (is_state(s) != true) continue;
      const auto left = combine(identity_, s), right = combine(s, identity_);
      const auto known = [](const std::optional<Numbers>& v) { return v && !std::isnan((*v)[0].f); };
      int decided = 0;
      if (known(left) && known(right))
        if (auto e = neutral(s, decided)) return e;
    }
    return std::nullopt;
  }

  // Whether the simplifier shows all three laws.
  [[nodiscard]] bool proved() const {
    if (!ir::is_int(c_.where, 1)) return false;
    std::vector<VarRef> third;
    for (const VarRef& v : c_.lhs) third.push_back(ir::var("c", v->type));
    const State a(c_.lhs.begin(), c_.lhs.end()), b(c_.rhs.begin(), c_.rhs.end()),
        c(third.begin(), third.end());
    const auto of = [&](const State& x, const State& y) {
      ir::VarMap map;
      for (size_t i = 0; i < x.size(); ++i) map[c_.lhs[i]] = x[i], map[c_.rhs[i]] = y[i];
      State out;
      for (const Expr& e : c_.results) out.push_back(ir::simplify(ir::substitute(e, map)));
      return out;
    };
    const auto equal = [](const State& x, const State& y) {
      return std::equal(x.begin(), x.end(), y.begin(),
                        [](const Expr& p, const Expr& q) { return ir::equal(p, q); });
    };
    return equal(of(c_.identity, a), a) && equal(of(a, c_.identity), a) && equal(of(a, b), of(b, a)) &&
           equal(of(of(a, b), c), of(a, of(b, c)));
  }

  [[nodiscard]] Error error(const char* code, const std::string& what) const {
    std::vector<std::string> results;
    for (const Expr& e : c_.results) results.push_back(ir::to_string(e));
    return Error(code, fmt::format("the reducer {} {}", c_.name, what))
        .fact("reducer", c_.name)
        .fact("combine", fmt::format("{}", fmt::join(results, ", ")));
  }
  [[nodiscard]] Error unchecked() const {
    return error("te.reducer.unchecked", "cannot be checked: it has no value on the states that were tried")
        .fix("make it of arithmetic and of functions that are defined for small numbers");
  }
  [[nodiscard]] std::string text(const Numbers& s) const {
    std::vector<std::string> out;
    for (size_t i = 0; i < s.size(); ++i) {
      const DType t = c_.lhs[i]->type;
      out.push_back(t.is_float() && std::isnan(s[i].f) ? "nan"
                    : t.is_float()                     ? fmt::format("{:.6g}", static_cast<double>(s[i].f))
                    : t.is_bool()                      ? (s[i].i ? "true" : "false")
                    : t == kU64                        ? fmt::format("{}", static_cast<uint64_t>(s[i].i))
                                                       : fmt::format("{}", s[i].i));
    }
    return s.size() == 1 ? out[0] : fmt::format("({})", fmt::join(out, ", "));
  }

  // exp and its like, which do not distinguish a very small number from -inf, and have no value for it:
  // the identity of a softmax may be -1e30.
  [[nodiscard]] static bool has_functions(const Expr& e) {
    bool out = false;
    ir::walk<ir::Call>(e, [&](const ir::Call& c) {
      out |= c.type.is_float() && c.op != ir::CallOp::neg && c.op != ir::CallOp::abs &&
             c.op != ir::CallOp::fma && c.op != ir::CallOp::if_then_else;
    });
    return out;
  }

  const ir::Combiner& c_;
  bool smooth_ = false;
  Rng random_;
  Evaluator eval_;
  Numbers identity_;
  std::vector<Numbers> states_;
  std::vector<int64_t> integers_;
  std::vector<Real> reals_;
};

bool is_simple(const ir::Combiner& c) {
  const auto op = operation_of(c);
  return op && ir::is_int(c.where, 1) &&
         ir::equal(c.identity[0], ir::simple_combiner(*op, c.results[0]->type)->identity[0]);
}

// Made of its own variables only, so that it can be evaluated.
Check check_form(const ir::Combiner& c) {
  const auto check = [&](const Expr& e, bool lhs, bool rhs, const char* what) -> Check {
    Check error;
    ir::walk_all(*e, [&](const ir::Node& n) {
      const auto is = [&](const VarRef& v) { return v.get() == &n; };
      const bool known = (lhs && std::any_of(c.lhs.begin(), c.lhs.end(), is)) ||
                         (rhs && std::any_of(c.rhs.begin(), c.rhs.end(), is));
      const bool asserts =
          n.kind == ir::Kind::Call && static_cast<const ir::Call&>(n).op == ir::CallOp::assume;
      const bool bad = n.kind == ir::Kind::Var
                           ? !known
                           : asserts || n.kind == ir::Kind::Load || n.kind == ir::Kind::Reduce;
      if (bad && !error)
        error =
            Error("te.reducer.form", fmt::format("{} of the reducer {} has {} in it", what, c.name,
                                                 n.kind == ir::Kind::Var ? static_cast<const ir::Var&>(n).name
                                                 : asserts               ? std::string("an assertion")
                                                           : std::string("an element of a tensor")))
                .fact("reducer", c.name)
                .fix(asserts ? "say by `where` for which states it is a reducer"
                             : "use the two states and constants only; bring other values in as a component");
    });
    return error;
  };
  for (const Expr& e : c.results)
    if (auto error = check(e, true, true, "a result")) return error;
  for (const Expr& e : c.identity)
    if (auto error = check(e, false, false, "the identity")) return error;
  return check(c.where, true, false, "the condition");
}

}  // namespace

Check check_reducer(const ir::Combiner& combiner) {
  if (is_simple(combiner)) return std::nullopt;
  if (auto error = check_form(combiner)) return error;
  for (const Expr& e : combiner.identity)
    if (!Evaluator()(e))
      return Error("te.reducer.form",
                   fmt::format("the identity of the reducer {} is no constant", combiner.name))
          .fact("reducer", combiner.name)
          .fix("give numbers");
  return Trial(combiner).run();
}

}  // namespace tc
