// Every pass keeps what a program computes: random programs, and loop nests split
// by factors that do not divide, run in the interpreter before and after.
#include <gtest/gtest.h>

#include <cstring>

#include "random_ir.h"
#include "tc/ir/interpret.h"
#include "tc/ir/numeric.h"
#include "tc/ir/passes.h"
#include "tc/ir/print.h"
#include "tc/ir/traverse.h"

namespace tc::ir {
namespace {

using testing::RandomIr;
using testing::RandomOptions;

// Parameters filled with small whole numbers, so that sums of floats are exact.
struct Arguments {
  std::vector<std::vector<uint8_t>> data;
  std::vector<TensorView> views;

  explicit Arguments(const FuncRef& f, uint64_t seed) {
    RandomIr random(seed);
    for (const BufferRef& b : f->params) {
      int64_t n = 1;
      std::vector<int64_t> shape;
      for (const Expr& e : b->shape) shape.push_back(*as_int(e)), n *= shape.back();
      data.emplace_back(static_cast<size_t>(n * b->type.bytes()));
      for (int64_t i = 0; i < n; ++i)
        put(b->type, data.back().data() + i * b->type.bytes(), random.below(9) - 4);
      views.push_back({b->type, shape, data.back().data()});
    }
  }
  // the same storage under the shapes of another function's parameters
  [[nodiscard]] std::vector<TensorView> as(const FuncRef& f) const {
    std::vector<TensorView> out = views;
    for (size_t i = 0; i < out.size(); ++i) {
      out[i].shape.clear();
      for (const Expr& e : f->params[i]->shape) out[i].shape.push_back(*as_int(e));
    }
    return out;
  }
  static void put(DType t, uint8_t* at, int64_t v) {
    if (t.is_bool())
      *at = v > 0;
    else if (t.is_int())
      std::memcpy(at, &v, static_cast<size_t>(t.bytes()));
    else if (t.code == TypeCode::bfloat)
      write(at, to_bf16_bits(static_cast<float>(v)));
    else if (t.bits == 16)
      write(at, to_f16_bits(static_cast<float>(v)));
    else if (t.bits == 32)
      write(at, static_cast<float>(v));
    else
      write(at, static_cast<double>(v));
  }
  template <class T>
  static void write(uint8_t* at, T v) {
    std::memcpy(at, &v, sizeof v);
  }
};

// Runs the passes one by one; after each the outputs must be those of the start.
::testing::AssertionResult keeps_meaning(const FuncRef& f, const std::vector<const Pass*>& passes,
                                         uint64_t seed, bool races = true) {
  Arguments before(f, seed);
  InterpretOptions options;
  options.initialized_outputs = true;
  options.detect_races = races;
  if (const Check error = interpret(f, before.views, options))
    return ::testing::AssertionFailure() << "seed " << seed << " does not run: " << error->str() << "\n"
                                         << to_string(f);
  FuncRef now = f;
  Form form = Form::nested;
  for (const Pass* pass : passes) {
    FuncRef next;
    try {
      next = run_pass(*pass, now);
    } catch (const Error& e) {
      return ::testing::AssertionFailure()
             << "seed " << seed << ", " << pass->name << " throws " << e.str() << "\n"
             << to_string(now);
    }
    if (pass->in != pass->out) form = pass->out;
    if (const Check error = verify(next, form))
      return ::testing::AssertionFailure()
             << "seed " << seed << ", after " << pass->name << ": " << error->str() << "\n"
             << to_string(now) << "\nbecame\n"
             << to_string(next);
    Arguments after(f, seed);
    if (const Check error = interpret(next, after.as(next), options))
      return ::testing::AssertionFailure()
             << "seed " << seed << ", after " << pass->name << ": " << error->str() << "\n"
             << to_string(now) << "\nbecame\n"
             << to_string(next);
    if (after.data != before.data)
      return ::testing::AssertionFailure()
             << "seed " << seed << ", " << pass->name << " changes the result of\n"
             << to_string(now) << "\nwhich became\n"
             << to_string(next);
    now = next;
  }
  return ::testing::AssertionSuccess();
}

const std::vector<const Pass*> kAll = {
    &passes::lower_guards, &passes::simplify, &passes::peel_tails, &passes::simplify, &passes::interleave,
    &passes::vectorize,    &passes::unroll,   &passes::simplify,   &passes::flatten,  &passes::simplify};

int64_t runs() {
  const char* text = std::getenv("TC_PROPERTY_RUNS");
  return text ? std::atoll(text) : 300;
}

TEST(PassProperty, RandomProgramsKeepTheirMeaning) {
  RandomOptions options;
  options.transcendentals = false;
  for (int64_t seed = 0; seed < runs(); ++seed) {
    const FuncRef f = RandomIr(static_cast<uint64_t>(seed), options).func();
    ASSERT_TRUE(keeps_meaning(f, kAll, static_cast<uint64_t>(seed)));
    for (const Pass* pass : kAll) ASSERT_TRUE(keeps_meaning(f, {pass}, static_cast<uint64_t>(seed)));
  }
}

// A loop nest over one or two axes, each split up to three deep by factors that need
// not divide, in random order, with guards, padding and a reduction.
class Nest {
 public:
  explicit Nest(uint64_t seed) : random_(seed) {}

  FuncRef make() {
    const int64_t rank = pick(1, 2);
    std::vector<Expr> shape, wide, at, read;
    for (int64_t d = 0; d < rank; ++d) {
      const int64_t n = pick(1, 20);
      extents_.push_back(n);
      shape.push_back(int_imm(n));
      wide.push_back(int_imm(n + 2));
    }
    if (rank == 2 && pick(0, 3) == 0) {
      const Expr fused = axis(extents_[0] * extents_[1]);
      at = {fused / extents_[1], fused % extents_[1]};
    } else {
      for (const int64_t n : extents_) at.push_back(axis(n));
    }
    const BufferRef in = buffer("A", kF32, shape), weights = buffer("W", kF32, {int_imm(3)}),
                    out = buffer("B", kF32, shape);
    const BufferRef padded = buffer("P", kF32, wide);
    Stmt body = pick(0, 1) ? convolution(in, weights, out, at) : elementwise(in, out, at);
    for (const Expr& g : guards_) condition_ = condition_ ? logical_and(condition_, g) : g;
    if (condition_) body = if_(condition_, body);
    std::vector<size_t> order(loops_.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    if (pick(0, 2) == 0)
      for (size_t i = order.size(); i-- > 1;)
        std::swap(order[i], order[static_cast<size_t>(pick(0, static_cast<int64_t>(i)))]);
    static const LoopMode modes[] = {LoopMode::serial,     LoopMode::serial,  LoopMode::unrolled,
                                     LoopMode::vectorized, LoopMode::vthread, LoopMode::parallel};
    for (size_t i = order.size(); i-- > 0;) {
      const auto& [v, n] = loops_[order[i]];
      const LoopMode mode = modes[pick(0, i == 0 ? 5 : 4)];
      body = for_(v, int_imm(0), int_imm(n), mode, body);
    }
    return func("nest", {in, weights, out, padded}, body);
  }

 private:
  int64_t pick(int64_t least, int64_t greatest) { return least + random_.below(greatest - least + 1); }

  // The value of an axis of extent n in terms of new loops; guarded where they overshoot.
  Expr axis(int64_t n) {
    const Expr sum = split(n, pick(0, 2));
    if (reach_ > n) guards_.push_back(sum < n);
    return sum;
  }
  Expr split(int64_t n, int64_t depth) {
    if (depth == 0) {
      const VarRef v = var("x");
      loops_.emplace_back(v, n);
      reach_ = n;
      return v;
    }
    const int64_t factor = pick(1, 9);
    const Expr outer = split((n + factor - 1) / factor, depth - 1);
    const int64_t blocks = reach_;
    const VarRef inner = var("i");
    loops_.emplace_back(inner, factor);
    reach_ = blocks * factor;
    return outer * factor + Expr(inner);
  }

  Stmt elementwise(const BufferRef& in, const BufferRef& out, const std::vector<Expr>& at) {
    const Expr x = load(in, at);
    Expr value = x * 2.0;
    if (pick(0, 1)) value = if_then_else(at[0] >= 1, load(in, shifted(at, -1)), float_imm(0)) + value;
    if (pick(0, 1))
      value =
          value + if_then_else(logical_and(at.back() < extents_.back() / 2, at.back() >= 1), x, float_imm(1));
    return store(out, at, value);
  }
  static std::vector<Expr> shifted(std::vector<Expr> at, int64_t by) { return at[0] = at[0] + by, at; }

  // B[..] = sum over k of A[.. + k - 1] W[k], A padded by zeros
  Stmt convolution(const BufferRef& in, const BufferRef& weights, const BufferRef& out,
                   const std::vector<Expr>& at) {
    const VarRef k = var("k");
    std::vector<Expr> from = at;
    from[0] = at[0] + Expr(k) - 1;
    const Expr inside = logical_and(from[0] >= 0, from[0] < extents_[0]);
    const Expr x = if_then_else(inside, load(in, from), float_imm(0));
    const Stmt update = store(out, at, load(out, at) + x * load(weights, {k}));
    return seq({store(out, at, float_imm(0)),
                for_(k, int_imm(0), int_imm(3), pick(0, 1) ? LoopMode::serial : LoopMode::unrolled, update)});
  }

  RandomIr random_;
  std::vector<int64_t> extents_;
  std::vector<std::pair<VarRef, int64_t>> loops_;
  std::vector<Expr> guards_;
  Expr condition_;
  int64_t reach_ = 0;
};

TEST(PassProperty, SplitNestsKeepTheirMeaning) {
  for (int64_t seed = 0; seed < 4 * runs(); ++seed)
    ASSERT_TRUE(keeps_meaning(Nest(static_cast<uint64_t>(seed)).make(), kAll, static_cast<uint64_t>(seed)));
}

// Reductions of lanes, which may be reassociated: whole numbers, so the sums stay exact.
TEST(PassProperty, LaneReductionsAddUp) {
  for (int64_t n = 1; n < 140; n += 3) {
    const BufferRef a = buffer("A", kF32, {int_imm(n)}), s = buffer("s", kF32, {int_imm(4)});
    const VarRef i = var("i");
    std::vector<Stmt> stmts;
    const BinaryOp ops[] = {BinaryOp::add, BinaryOp::max, BinaryOp::min};
    for (int64_t k = 0; k < 3; ++k)
      stmts.push_back(store(s, {int_imm(k)}, binary(ops[k], load(a, {i}), load(s, {int_imm(k)}))));
    for (const Stmt& one : stmts) {
      const FuncRef f = func("f", {a, s}, for_(i, int_imm(0), int_imm(n), LoopMode::vectorized, one));
      ASSERT_TRUE(keeps_meaning(f, {&passes::vectorize, &passes::unroll, &passes::simplify},
                                static_cast<uint64_t>(n), false));
      bool reduced = n < 2;
      walk<VectorReduce>(run_pass(passes::vectorize, f)->body, [&](const VectorReduce&) { reduced = true; });
      EXPECT_TRUE(reduced) << n;
    }
  }
}

// Bodies whose lanes may depend on one another, some through a buffer that each lane has for
// itself: vectors only where that is harmless. The interpreter runs a vectorized loop lane by
// lane, which is the meaning to keep.
class LaneBody {
 public:
  explicit LaneBody(uint64_t seed) : random_(seed), has_own_(random_.below(3) == 0) {}

  FuncRef func() {
    std::vector<Stmt> body;
    if (has_own_) {
      const Expr row = Expr(lane_) + random_.below(3);
      body.push_back(loop(store(own_, {inner_}, load(buffers_[0], {row, inner_}))));
    }
    for (int64_t i = 0, n = random_.below(3) + 1; i < n; ++i) {
      nested_ = random_.below(3) == 0;
      const Stmt s = statement();
      body.push_back(nested_ ? loop(s) : s);
    }
    Stmt all = seq(std::move(body));
    if (has_own_) all = alloc(own_, all);
    all = for_(lane_, int_imm(0), int_imm(random_.below(14) + 1), LoopMode::vectorized, all);
    return ir::func("f", buffers_, all);
  }

 private:
  [[nodiscard]] Stmt loop(const Stmt& s) const {
    return for_(inner_, int_imm(0), int_imm(3), LoopMode::serial, s);
  }
  BufferRef pick() {
    return has_own_ && random_.below(2) ? own_ : buffers_[static_cast<size_t>(random_.below(2))];
  }
  std::vector<Expr> place(const BufferRef& b) {
    const Expr k = nested_ ? Expr(inner_) : int_imm(random_.below(3));
    if (b.same(own_)) return {k};
    const Expr row = Expr(lane_) * random_.below(3) + (random_.below(3) == 0 ? k : int_imm(random_.below(4)));
    return {row, random_.below(2) ? k : int_imm(random_.below(3))};
  }
  Stmt statement() {
    const BufferRef to = pick(), from = pick();
    const std::vector<Expr> at = place(to);
    const Expr value = random_.below(3) ? load(from, place(from)) : cast(kF32, lane_);
    return store(to, at, random_.below(2) ? value : load(to, random_.below(2) ? at : place(to)) + value);
  }

  RandomIr random_;
  bool has_own_, nested_ = false;
  std::vector<BufferRef> buffers_ = {buffer("A", kF32, {int_imm(40), int_imm(3)}),
                                     buffer("B", kF32, {int_imm(40), int_imm(3)})};
  BufferRef own_ = buffer("T", kF32, {int_imm(3)}, Scope::stack);
  VarRef lane_ = var("l"), inner_ = var("k");
};

TEST(PassProperty, DependentLanesStayInOrder) {
  int vectors = 0, own = 0;
  for (int64_t seed = 0; seed < 10 * runs(); ++seed) {
    const FuncRef f = LaneBody(static_cast<uint64_t>(seed)).func();
    ASSERT_TRUE(keeps_meaning(f, {&passes::vectorize}, static_cast<uint64_t>(seed), false));
    const FuncRef after = run_pass(passes::vectorize, f);
    walk<Ramp>(after->body, [&](const Ramp&) { ++vectors; });
    walk<Alloc>(after->body, [&](const Alloc& a) { own += a.buffer->shape.size() == 2 ? 1 : 0; });
  }
  EXPECT_GT(vectors, 0);
  EXPECT_GT(own, 0);
}

// Statements under conditions on the variable of one loop: segments that do nothing in the
// middle too, which a parallel loop has to step over.
FuncRef segments(uint64_t seed) {
  RandomIr random(seed);
  const auto pick = [&](int64_t lo, int64_t hi) { return lo + random.below(hi - lo + 1); };
  const VarRef v = var("v"), inner = var("j");
  const int64_t first = pick(0, 3), extent = pick(1, 12);
  const BufferRef a = buffer("A", kF32, {int_imm(16)}), b = buffer("B", kF32, {int_imm(16), int_imm(3)});
  const auto comparison = [&] {
    Expr x = v;
    if (random.below(4) == 0) x = x + inner;
    if (random.below(4) == 0) x = random.below(2) ? x / pick(2, 4) : x % pick(2, 4);
    const Expr c = int_imm(pick(first - 1, first + extent));
    const int64_t kind = random.below(5);
    return kind < 2 ? x < c : kind < 4 ? x >= c : eq(x, c);
  };
  std::vector<Stmt> body;
  for (int64_t i = 0, n = pick(1, 3); i < n; ++i) {
    const auto update = [&](int64_t by) {
      return store(b, {v, inner}, load(b, {v, inner}) * 2.0 + load(a, {v}) + static_cast<double>(by));
    };
    Expr condition = comparison();
    if (random.below(3) == 0) condition = logical_and(condition, comparison());
    const Stmt one = if_(condition, update(i), random.below(5) == 0 ? update(7) : nullptr);
    body.push_back(for_(inner, int_imm(0), int_imm(3), LoopMode::serial, one));
  }
  const LoopMode mode = random.below(3) == 0 ? LoopMode::serial : LoopMode::parallel;
  return func("segments", {a, b}, for_(v, int_imm(first), int_imm(extent), mode, seq(std::move(body))));
}

TEST(PassProperty, SegmentsKeepTheirMeaning) {
  int cut = 0;
  for (int64_t seed = 0; seed < 2 * runs(); ++seed) {
    const FuncRef f = segments(static_cast<uint64_t>(seed));
    ASSERT_TRUE(keeps_meaning(f, {&passes::simplify, &passes::peel_tails, &passes::simplify},
                              static_cast<uint64_t>(seed)));
    cut += run_pass(passes::peel_tails, f).same(f) ? 0 : 1;
  }
  EXPECT_GT(cut, 0);
}

}  // namespace
}  // namespace tc::ir
