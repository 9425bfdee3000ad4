// Random statements before and after simplification, run by the interpreter.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "tc/ir/equal.h"
#include "tc/ir/interpret.h"
#include "tc/ir/parse.h"
#include "tc/ir/pass.h"
#include "tc/ir/print.h"
#include "tc/ir/simplify.h"

namespace tc::ir {
namespace {

constexpr int64_t kSize = 24;

// Loop nests with splits, tails, lets, branches and small allocations, that never
// read or write outside a buffer.
class Generator {
 public:
  explicit Generator(uint64_t seed) : rng_(seed) {
    vars_.push_back(n_);  // the extent of B
    readable_.push_back(a_);
  }

  FuncRef function() { return func("f", {a_, b_}, seq({block(4), block(3)})); }

 private:
  int64_t below(int64_t n) { return static_cast<int64_t>(rng_() % static_cast<uint64_t>(n)); }
  int64_t between(int64_t lo, int64_t hi) { return lo + below(hi - lo + 1); }

  Expr leaf() {
    return below(3) ? Expr(vars_[static_cast<size_t>(below(static_cast<int64_t>(vars_.size())))])
                    : int_imm(between(-4, 9));
  }
  Expr index(int depth) {
    if (depth <= 0) return leaf();
    const auto e = [&] { return index(depth - 1); };
    switch (below(9)) {
      case 0:
        return e() + e();
      case 1:
        return e() - e();
      case 2:
        return e() * between(2, 8);
      case 3:
        return e() / between(1, 8);
      case 4:
        return e() % between(1, 8);
      case 5:
        return min(e(), e());
      case 6:
        return max(e(), e());
      case 7:
        return select(condition(depth - 1), e(), e());
      default:
        return leaf();
    }
  }
  Expr condition(int depth) {
    if (depth > 1 && below(3) == 0) return logical_and(condition(depth - 1), condition(depth - 1));
    if (depth > 1 && below(4) == 0) return logical_or(condition(depth - 1), condition(depth - 1));
    // sometimes of memory, which stores below may change
    if (memory_ && below(6) == 0) return load(a_, {place(a_)}) < index(1);
    return binary(static_cast<BinaryOp>(static_cast<int64_t>(BinaryOp::eq) + below(6)), index(depth),
                  index(depth));
  }
  Expr place(const BufferRef& b) {
    const Expr size = b->shape[0];
    return below(2) ? index(2) % size : max(min(index(2), size - 1), int_imm(0));
  }

  Stmt write() {
    const BufferRef b = readable_[static_cast<size_t>(below(static_cast<int64_t>(readable_.size())))];
    const Expr at = place(b);
    Expr value = index(3);
    if (below(2)) value = value + load(b, {below(2) ? at : place(b)});
    return store(b, {at}, value);
  }

  Stmt block(int depth) {
    std::vector<Stmt> out;
    for (int64_t i = between(1, 3); i > 0; --i) out.push_back(stmt(depth));
    return seq(std::move(out));
  }

  Stmt scoped(const VarRef& v, int depth) {
    vars_.push_back(v);
    Stmt body = block(depth - 1);
    vars_.pop_back();
    return body;
  }

  Stmt stmt(int depth) {
    if (depth <= 0) return write();
    switch (below(7)) {
      case 0:
        return if_(condition(2), block(depth - 1), below(2) ? block(depth - 1) : nullptr);
      case 1: {
        const VarRef v = var("t");
        const Expr value = below(4) == 0 ? load(a_, {place(a_)}) : index(2);
        return let(v, value, scoped(v, depth));
      }
      case 2:
        return split(depth);
      case 3:
        return storage(depth);
      case 4: {
        const VarRef v = var("i");
        const Expr first = below(2) ? int_imm(between(-2, 3)) : index(1);
        return for_(v, first, below(2) ? int_imm(between(0, 4)) : min(index(1), int_imm(4)), LoopMode::serial,
                    scoped(v, depth));
      }
      default:
        return write();
    }
  }

  // for o, for i, guarded or with a min in the extent
  Stmt split(int depth) {
    const VarRef o = var("o"), i = var("u");
    const int64_t factor = between(1, 4), extent = between(0, 9);
    const bool symbolic = below(3) == 0, guard = below(2) != 0;
    const Expr n = symbolic ? Expr(n_) : int_imm(extent);
    vars_.push_back(o), vars_.push_back(i);
    Stmt body = block(depth - 2);
    vars_.resize(vars_.size() - 2);
    if (guard) body = if_(Expr(o) * factor + i < n, body);
    const Expr inner = guard ? int_imm(factor) : min(Expr(o) * factor + factor, n) - Expr(o) * factor;
    return for_(o, int_imm(0), (n + (factor - 1)) / factor, LoopMode::serial,
                for_(i, int_imm(0), inner, LoopMode::serial, body));
  }

  Stmt storage(int depth) {
    memory_ = false;  // the size must stay what it was at the allocation
    const Expr size = below(2) ? int_imm(between(1, 4)) : max(min(index(1), int_imm(4)), int_imm(1));
    memory_ = true;
    const BufferRef t = buffer("T", kI64, {size}, Scope::stack);
    const VarRef v = var("w");
    const Stmt fill = for_(v, int_imm(0), size, LoopMode::serial, store(t, {Expr(v)}, index(1)));
    readable_.push_back(t);
    Stmt body = block(depth - 1);
    readable_.pop_back();
    return alloc(t, seq({fill, body}));
  }

  std::mt19937_64 rng_;
  VarRef n_ = var("n");
  BufferRef a_ = buffer("A", kI64, {int_imm(kSize)}), b_ = buffer("B", kI64, {n_});
  std::vector<VarRef> vars_;
  std::vector<BufferRef> readable_;
  bool memory_ = true;
};

std::vector<int64_t> run(const FuncRef& f, int64_t n) {
  std::vector<int64_t> a(kSize), b(static_cast<size_t>(n));
  for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<int64_t>(i % 7) - 2;
  const TensorView args[] = {{kI64, {kSize}, a.data()}, {kI64, {n}, b.data()}};
  InterpretOptions options;
  options.initialized_outputs = true;
  const Check problem = interpret(f, args, options);
  EXPECT_FALSE(problem) << (problem ? problem->str() : "");
  return a;
}

TEST(SimplifyProperty, StatementsComputeTheSame) {
  const char* count = std::getenv("TC_SIMPLIFY_ROUNDS");
  const int rounds = count ? std::atoi(count) / 10 : 2000;
  for (int round = 0; round < rounds; ++round) {
    Generator g(static_cast<uint64_t>(round));
    const FuncRef f = g.function();
    const FuncRef s = simplify(f);
    const FuncRef t = simplify(s);
    ASSERT_TRUE(equal(s, t)) << "seed " << round << "\n"
                             << to_string(f) << "\n"
                             << to_string(s) << "\n"
                             << to_string(t);
    EXPECT_TRUE(s.same(t)) << "seed " << round;
    for (const int64_t n : {0, 1, 5}) {
      ASSERT_EQ(run(f, n), run(s, n)) << "seed " << round << ", n " << n << "\n"
                                      << to_string(f) << "\n"
                                      << to_string(s);
      if (HasFailure())
        FAIL() << "seed " << round << ", n " << n << "\n" << to_string(f) << "\n" << to_string(s);
    }
  }
}

// Arithmetic of what memory holds, which wraps: indices do not.
class DataGenerator {
 public:
  explicit DataGenerator(uint64_t seed) : rng_(seed) {}

  Expr value(int depth) {
    if (depth == 0 || below(7) == 0) {
      const Expr memory = names.empty() || below(4) == 0
                              ? load(in, {int_imm(below(3))})
                              : Expr(names[static_cast<size_t>(below(static_cast<int64_t>(names.size())))]);
      const int64_t what = below(6);  // large numbers beside memory only: alone they are indices
      return what < 4    ? memory
             : what == 4 ? int_imm(kNumbers[static_cast<size_t>(below(8))])
                         : binary(below(2) ? BinaryOp::sub : BinaryOp::min, memory,
                                  int_imm(kNumbers[static_cast<size_t>(below(std::size(kNumbers)))]));
    }
    static constexpr BinaryOp kOps[] = {BinaryOp::add, BinaryOp::sub, BinaryOp::min, BinaryOp::max};
    switch (below(9)) {
      case 8:
        return binary(BinaryOp::shl, below(2) ? value(depth - 1) : max(value(depth - 1), int_imm(0)),
                      int_imm(below(2) ? below(8) : 32 + below(30)));
      case 0:
        return value(depth - 1) * int_imm(kNumbers[static_cast<size_t>(below(8))]);
      case 1:
        return binary(below(2) ? BinaryOp::div : BinaryOp::mod, value(depth - 1), int_imm(1 + below(12)));
      case 2:
        return select(condition(depth - 1), value(depth - 1), value(depth - 1));
      case 3:
        return call(below(2) ? CallOp::neg : CallOp::abs, {value(depth - 1)});
      default:
        return binary(kOps[below(4)], value(depth - 1), value(depth - 1));
    }
  }
  std::vector<int64_t> numbers() {
    std::vector<int64_t> out;
    for (int i = 0; i < 3; ++i) out.push_back(kNumbers[static_cast<size_t>(below(std::size(kNumbers)))]);
    return out;
  }

  /// Stores a value; every second time below lets of what it is made of, and behind conditions on them.
  Stmt program(const BufferRef& out, int depth) {
    const auto stored = [&] { return store(out, {int_imm(0)}, value(depth)); };
    if (below(2)) return stored();
    std::vector<std::pair<VarRef, Expr>> lets;
    for (int i = 0; i < 3; ++i) {
      const Expr memory = load(in, {int_imm(i)});
      lets.emplace_back(var("x"), i < 2 ? memory : max(memory, load(in, {int_imm(below(2))})));
      names.push_back(lets.back().first);
    }
    Stmt s = below(2) ? stored() : if_(condition(1), stored(), if_(condition(1), stored(), stored()));
    for (size_t i = lets.size(); i-- > 0;) s = let(lets[i].first, lets[i].second, s);
    return s;
  }

  /// Loops with conditions on such values and the loop's variable.
  Stmt loops(const BufferRef& out) {
    const VarRef i = var("i");
    std::vector<std::pair<VarRef, Expr>> lets;
    for (int k = 0; k < 2; ++k) {
      const Expr memory = load(in, {int_imm(k)});
      lets.emplace_back(var("x"), k == 0     ? memory
                                  : below(2) ? max(memory, int_imm(below(4)))
                                             : memory - load(in, {int_imm(2)}));
    }
    for (const auto& l : lets) names.push_back(l.first);
    const auto index = [&]() -> Expr { return below(2) ? Expr(i) : Expr(i) + value(0); };
    const auto stored = [&] {
      return store(out, {i},
                   below(2) ? index() * Expr(names[static_cast<size_t>(below(2))]) / 3 : value(1) + index());
    };
    const auto comparison = [&] {
      static constexpr BinaryOp kOps[] = {BinaryOp::lt, BinaryOp::le, BinaryOp::gt, BinaryOp::ge};
      return below(2) ? binary(kOps[below(4)], index(), value(below(2)))
                      : binary(kOps[below(4)], value(1), index());
    };
    Stmt s = if_(comparison(), stored(), below(2) ? stored() : nullptr);
    if (below(2)) s = if_(comparison(), s, below(2) ? stored() : nullptr);
    if (below(3) == 0) s = let(names[0], lets[0].second, s);  // inside the loop
    const bool inside = s.as<Let>() != nullptr;
    const LoopMode modes[] = {LoopMode::serial, LoopMode::serial, LoopMode::unrolled, LoopMode::vectorized};
    s = for_(i, int_imm(below(3)), int_imm(5), modes[below(4)], s);
    s = let(lets[1].first, lets[1].second, s);
    if (!inside) s = let(lets[0].first, lets[0].second, s);
    const VarRef k = var("k");
    return seq({for_(k, int_imm(0), int_imm(8), LoopMode::serial, store(out, {k}, int_imm(0))), s});
  }

  BufferRef in = buffer("A", kI64, {int_imm(3)});
  std::vector<VarRef> names;

 private:
  static constexpr int64_t kNumbers[] = {0,
                                         1,
                                         2,
                                         -1,
                                         3,
                                         -3,
                                         7,
                                         6,
                                         INT64_MIN,
                                         INT64_MAX,
                                         INT64_MIN + 1,
                                         INT64_MAX - 1,
                                         INT64_MAX / 2,
                                         INT64_MIN / 2 - 1,
                                         100,
                                         -8};
  int64_t below(int64_t n) { return static_cast<int64_t>(rng_() % static_cast<uint64_t>(n)); }
  Expr condition(int depth) {
    static constexpr BinaryOp kOps[] = {BinaryOp::lt, BinaryOp::le, BinaryOp::gt,
                                        BinaryOp::ge, BinaryOp::eq, BinaryOp::ne};
    return binary(kOps[below(6)], value(depth), value(depth));
  }
  std::mt19937_64 rng_;
};

TEST(SimplifyProperty, WhatMemoryHoldsWraps) {
  const char* count = std::getenv("TC_SIMPLIFY_ROUNDS");
  const int rounds = count ? std::atoi(count) : 4000;
  for (int round = 0; round < rounds; ++round) {
    DataGenerator g(static_cast<uint64_t>(round));
    const BufferRef out = buffer("R", kI64, {int_imm(1)});
    const FuncRef f = func("f", {g.in, out}, g.program(out, 2 + round % 3));
    const FuncRef s = simplify(f);
    for (int sample = 0; sample < 6; ++sample) {
      std::vector<int64_t> in = g.numbers(), before(1), after(1);
      for (const auto& [which, result] : {std::pair{f, &before}, std::pair{s, &after}}) {
        const TensorView args[] = {{kI64, {3}, in.data()}, {kI64, {1}, result->data()}};
        const Check problem = interpret(which, args, {});
        ASSERT_FALSE(problem) << problem->str();
      }
      ASSERT_EQ(before, after) << "seed " << round << "\n" << to_string(f) << "\n" << to_string(s);
    }
  }
}

// After every pass for a CPU: conditions on what memory holds are no ends of loops.
TEST(PassProperty, WhatMemoryHoldsWraps) {
  const char* count = std::getenv("TC_SIMPLIFY_ROUNDS");
  const int rounds = count ? std::atoi(count) : 1000;
  for (int round = 0; round < rounds; ++round) {
    DataGenerator g(static_cast<uint64_t>(round));
    const BufferRef out = buffer("R", kI64, {int_imm(8)});
    const FuncRef f = func("f", {g.in, out}, g.loops(out));
    std::vector<std::vector<int64_t>> inputs, expected;
    const auto run = [&](const FuncRef& which, std::vector<int64_t>& in) {
      std::vector<int64_t> result(8);
      const TensorView args[] = {{kI64, {3}, in.data()}, {kI64, {8}, result.data()}};
      const Check problem = interpret(which, args, {});
      EXPECT_FALSE(problem) << problem->str() << to_string(which);
      return result;
    };
    for (int sample = 0; sample < 6; ++sample) {
      inputs.push_back(g.numbers());
      expected.push_back(run(f, inputs.back()));
    }
    (void)run_pipeline(cpu_pipeline(), f, {}, {.report = [&](const StepReport& step) {
                         if (!step.changed || HasFailure()) return;
                         for (size_t i = 0; i < inputs.size(); ++i)
                           ASSERT_EQ(run(step.func, inputs[i]), expected[i])
                               << "seed " << round << " after " << step.name << "\n"
                               << to_string(f) << "\n"
                               << to_string(step.func);
                       }});
    if (HasFailure()) return;
  }
}

// What a loop divides by may be 0 where the loop does not run: its ends are not computed before it.
TEST(PassProperty, NothingIsDividedBeforeItsLoop) {
  for (const char* condition : {"y <= 20 / n", "y * 2 + x < 9 % n", "20 / n > x", "x + 30 / (n - 1) <= y"}) {
    const FuncRef f =
        parse_func(
            std::string("func f(C: i32[n]) {\n  for y in [0, +n) {\n    for x in [0, +max(n - 1, 0)) {\n"
                        "      if ") +
            condition + " {\n        C[y] = cast(i32, x)\n      }\n    }\n  }\n}")
            .value();
    for (const int64_t n : {0, 1, 2, 5, 9}) {
      const auto run = [&](const FuncRef& which) {
        std::vector<int32_t> c(static_cast<size_t>(n) + 1, -1);
        const TensorView args[] = {{kI32, {n}, c.data()}};
        const Check problem = interpret(which, args, {});
        EXPECT_FALSE(problem) << problem->str() << to_string(which);
        return c;
      };
      const std::vector<int32_t> expected = run(f);
      (void)run_pipeline(cpu_pipeline(), f, {}, {.report = [&](const StepReport& step) {
                           EXPECT_EQ(run(step.func), expected) << step.name << ", n = " << n << "\n"
                                                               << to_string(step.func);
                         }});
    }
  }
}

}  // namespace
}  // namespace tc::ir
