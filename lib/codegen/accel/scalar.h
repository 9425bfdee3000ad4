// Index expressions as numbers: compiled once, evaluated for each execution of a statement.
// Private to lib/codegen/accel; so are all its headers.
#pragma once
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tc/ir/affine.h"
#include "tc/ir/expr.h"

namespace tc::accel {

/// The values of the variables, by slot.
using Env = std::vector<int64_t>;

/// Which variable is in which slot.
class Slots {
 public:
  int of(const ir::Var& v) {
    return slots_.emplace(static_cast<const ir::Node*>(&v), static_cast<int>(slots_.size())).first->second;
  }
  [[nodiscard]] size_t size() const { return slots_.size(); }

 private:
  std::unordered_map<const ir::Node*, int> slots_;
};

/// Any integer or bool expression without loads. Division by zero throws codegen.accel.index.
class Scalar {
 public:
  /// Throws codegen.accel.index for loads, floats and vectors.
  [[nodiscard]] static Scalar compile(const ir::Expr& e, Slots& slots);
  [[nodiscard]] int64_t eval(const Env& env) const { return eval(static_cast<int>(code_.size()) - 1, env); }
  [[nodiscard]] bool uses(int slot) const;

 private:
  enum class Op : uint8_t { number, slot, binary, choose, negate, invert, cast };
  struct Item {
    Op op;
    ir::BinaryOp binary = ir::BinaryOp::add;
    ir::DType type;  // of the result
    int a = -1, b = -1, c = -1;
    int64_t number = 0;  // or the slot
  };
  int add(const ir::Expr& e, Slots& slots);
  [[nodiscard]] int64_t eval(int at, const Env& env) const;
  std::vector<Item> code_;  // operands before what uses them
};

/// constant + sum of coefficient * variable + sum of coefficient * whatever else.
struct Linear {
  struct Term {
    int slot;
    int64_t coef;
  };
  static constexpr int64_t kMax = int64_t{1} << 60;
  int64_t constant = 0;
  std::vector<Term> terms;
  std::vector<std::pair<Scalar, int64_t>> rest;

  [[nodiscard]] static Linear compile(const ir::Expr& e, Slots& slots);
  /// Throws codegen.accel.index where the value is beyond 2^60, so that a few may be added.
  [[nodiscard]] int64_t eval(const Env& env) const {
    auto value = static_cast<uint64_t>(constant);
    for (const Term& t : terms)
      value += static_cast<uint64_t>(t.coef) * static_cast<uint64_t>(env[static_cast<size_t>(t.slot)]);
    for (const auto& [scalar, coef] : rest)
      value += static_cast<uint64_t>(coef) * static_cast<uint64_t>(scalar.eval(env));
    const auto result = static_cast<int64_t>(value);
    if (result > kMax || result < -kMax) too_large();
    return result;
  }
  [[nodiscard]] bool is_constant() const { return terms.empty() && rest.empty(); }
  /// Takes the coefficient of a variable out. Nothing changes and false is returned where it
  /// occurs in the rest. Throws as eval for one beyond 2^32.
  [[nodiscard]] bool take(int slot, int64_t& coef);
  [[noreturn]] static void too_large();
};

}  // namespace tc::accel
