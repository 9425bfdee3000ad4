// Random statements before and after simplification, run by the interpreter.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "tc/ir/equal.h"
#include "tc/ir/interpret.h"
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

}  // namespace
}  // namespace tc::ir
