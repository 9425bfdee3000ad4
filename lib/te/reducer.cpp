#include "tc/te/reducer.h"

#include <fmt/format.h>

#include <limits>

#include "tc/ir/traverse.h"
#include "tc/ir/written_size.h"

namespace tc {
namespace {

std::vector<VarRef> variables(const char* prefix, const std::vector<DType>& types) {
  std::vector<VarRef> out;
  for (const DType t : types) out.push_back(ir::var(fmt::format("{}{}", prefix, out.size()), t));
  return out;
}
State state_of(const std::vector<VarRef>& vars) { return {vars.begin(), vars.end()}; }

}  // namespace

ir::CombinerRef reducer(const std::string& name, const std::vector<DType>& types, const Combine& combine,
                        const State& identity, const Where& where) {
  const auto refuse = [&](std::string what, std::string fix) {
    return Error("te.reducer.form", fmt::format("the reducer {} {}", name, what))
        .fact("reducer", name)
        .fix(std::move(fix));
  };
  TC_REQUIRE(!types.empty(), refuse("has no components", "name the type of each component"));
  TC_REQUIRE(identity.size() == types.size(),
             refuse(fmt::format("has {} components and {} identity elements", types.size(), identity.size()),
                    "give what an empty reduction has, one element a component"));
  const std::vector<VarRef> lhs = variables("a", types), rhs = variables("b", types);
  const State results = combine(state_of(lhs), state_of(rhs));
  TC_REQUIRE(results.size() == types.size(),
             refuse(fmt::format("has {} components and combines them to {}", types.size(), results.size()),
                    "return one value a component"));
  for (size_t i = 0; i < types.size(); ++i) {
    TC_REQUIRE(types[i].is_scalar(), refuse("has a vector as component", "use element types"));
    TC_REQUIRE(results[i] && identity[i], refuse("has an empty expression", "give every component a value"));
    TC_REQUIRE(
        results[i]->type == types[i] && identity[i]->type == types[i],
        refuse(fmt::format("has {} as component {}, combines it to {}, and from {}", ir::to_string(types[i]),
                           i, ir::to_string(results[i]->type), ir::to_string(identity[i]->type)),
               "cast them to one type"));
    ir::require_written_size(results[i], name);
  }
  ir::CombinerRef c = ir::combiner(name, lhs, rhs, results, identity, where ? where(state_of(lhs)) : nullptr);
  if (auto error = check_reducer(*c)) throw *std::move(error);
  return c;
}

std::optional<ir::BinaryOp> operation_of(const ir::Combiner& c) {
  using enum ir::BinaryOp;
  const auto* b = c.results.size() == 1 ? c.results[0].as<ir::Binary>() : nullptr;
  if (!b || b->a.get() != c.lhs[0].get() || b->b.get() != c.rhs[0].get()) return std::nullopt;
  const bool of_bools = b->op == and_ || b->op == or_;
  const bool known = of_bools || b->op == add || b->op == mul || b->op == min || b->op == max;
  return known && of_bools == b->type.is_bool() ? std::optional(b->op) : std::nullopt;
}

bool is_exact(const ir::Combiner& combiner) {
  bool exact = true;
  for (const Expr& result : combiner.results)
    ir::walk_all(*result, [&](const ir::Node& n) {
      if (n.kind == ir::Kind::Binary) {
        const auto& b = static_cast<const ir::Binary&>(n);
        exact &= !b.type.is_float() || b.op == ir::BinaryOp::min || b.op == ir::BinaryOp::max;
      } else if (n.kind == ir::Kind::Call) {
        const auto& c = static_cast<const ir::Call&>(n);
        exact &= !c.type.is_float() || c.op == ir::CallOp::neg || c.op == ir::CallOp::abs ||
                 c.op == ir::CallOp::if_then_else;
      } else if (n.kind == ir::Kind::Cast) {
        const auto& c = static_cast<const ir::Cast&>(n);
        exact &= !c.type.is_float() && !c.value->type.is_float();
      }
    });
  return exact;
}

ir::CombinerRef mean_variance_combiner(DType type) {
  TC_REQUIRE(type.is_float(), Error("te.dtype", "a mean and variance of " + ir::to_string(type))
                                  .fix("use a float type, and cast the values"));
  const Expr zero = ir::const_of(type, 0), one = ir::const_of(type, 1);
  return reducer(
      "mean_variance", {type, type, type},
      [&](const State& a, const State& b) {
        const Expr n = a[0] + b[0];
        // the part that b has; of two empty states none, where n would divide by zero
        const Expr part = b[0] / select(ir::eq(n, zero), one, n), delta = b[1] - a[1];
        return State{n, a[1] + delta * part, a[2] + b[2] + delta * delta * a[0] * part};
      },
      {zero, zero, zero}, [&](const State& s) { return s[0] > zero; });
}

ir::CombinerRef softmax_combiner(DType type) {
  TC_REQUIRE(
      type.is_float(),
      Error("te.dtype", "a softmax of " + ir::to_string(type)).fix("use a float type, and cast the values"));
  const Expr zero = ir::const_of(type, 0);
  return reducer("softmax", {type, type},
                 [&](const State& a, const State& b) {
                   const Expr m = max(a[0], b[0]);
                   // exp(0) of the greater, also where both are -inf, whose difference is no number
                   const auto scaled = [&](const State& s) {
                     return s[1] * exp(select(ir::eq(s[0], m), zero, s[0] - m));
                   };
                   return State{m, scaled(a) + scaled(b)};
                 },
                 {ir::float_imm(-std::numeric_limits<double>::infinity(), type), zero});
}

}  // namespace tc
