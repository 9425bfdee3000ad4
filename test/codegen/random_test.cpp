// Random programs in target form: machine code against the interpreter. Inputs
// are small integers, in floats too, so that every sum is exact.
#include <random>

#include "run.h"
#include "tc/ir/interpret.h"

namespace tc::codegen {
namespace {

using namespace testing;

constexpr int64_t kSize = 64;

// A program over input buffers In (of several types), an output and scratch
// buffers. Indices are clamped into range by `% kSize` where they are not
// plainly inside it.
class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {
    for (const DType t : {kF32, kF64, kI32, kI64, kU8, kI16, kF16, kBF16})
      inputs_.push_back(buffer("in", t, {int_imm(kSize)}));
    for (const DType t : {kF32, kI32, kF16}) outputs_.push_back(buffer("out", t, {int_imm(kSize)}));
  }
  FuncRef program() {
    std::vector<BufferRef> params = inputs_;
    params.insert(params.end(), outputs_.begin(), outputs_.end());
    std::vector<Stmt> body;
    for (const BufferRef& o : outputs_) {  // every element is written
      const VarRef i = var("i");
      body.push_back(for_(i, int_imm(0), int_imm(kSize), LoopMode::serial, store(o, {i}, cast(o->type, i))));
    }
    for (int n = 0; n < 3; ++n) body.push_back(statement(3));
    return func("random", params, seq(body));
  }

 private:
  int pick(int n) { return static_cast<int>(random_() % static_cast<uint64_t>(n)); }
  const BufferRef& output() { return outputs_[static_cast<size_t>(pick(static_cast<int>(outputs_.size())))]; }

  Expr index(int depth) {
    if (depth == 0 || vars_.empty() || pick(4) == 0) return int_imm(pick(kSize));
    Expr e = vars_[static_cast<size_t>(pick(static_cast<int>(vars_.size())))];
    switch (pick(6)) {
      case 0:
        e = e * int_imm(pick(9) - 4) + index(depth - 1);
        break;
      case 1:
        e = e - index(depth - 1);
        break;
      case 2:
        e = e / int_imm(1 + pick(7));
        break;
      case 3:
        e = e % int_imm(1 + pick(7));
        break;
      case 4:
        e = min(e, index(depth - 1)) * e;
        break;
      default:
        break;
    }
    return e;
  }
  Expr in_range(int lanes) {
    const Expr base = index(3);
    if (lanes == 1) return base % int_imm(kSize);
    const int stride = pick(4) == 0 ? pick(5) - 2 : 1;
    if (pick(5) == 0) return ramp(base, int_imm(stride), lanes) % int_imm(kSize, kI64.with_lanes(lanes));
    const int64_t reach = std::abs(stride) * (lanes - 1);
    const Expr first = base % int_imm(kSize - reach) + (stride < 0 ? reach : 0);
    return ramp(first, int_imm(stride), lanes);
  }
  Expr value(DType t, int depth) {
    const DType e = t.element();
    if (depth == 0 || pick(5) == 0) {
      for (const auto& b : inputs_)
        if (b->type == e && pick(2) == 0) return load(b, {in_range(t.lanes)});
      if (e == kI64 && t.lanes == 1) return index(2);
      return const_of(t, pick(9));
    }
    const auto next = [&] { return value(t, depth - 1); };
    switch (pick(9)) {
      case 0:
        return next() + next();
      case 1:
        return next() - next();
      case 2:
        return min(next(), next());
      case 3:
        return max(next(), next());
      case 4:
        return select(next() < next(), next(), next());
      case 5: {
        const DType from = inputs_[static_cast<size_t>(pick(static_cast<int>(inputs_.size())))]->type;
        return cast(e, value(from.with_lanes(t.lanes), depth - 1));
      }
      case 6:
        if (t.lanes == 1)
          return vector_reduce(pick(2) ? BinaryOp::add : BinaryOp::max,
                               value(t.with_lanes(2 + pick(7)), depth - 1));
        return broadcast(value(e, depth - 1), t.lanes);
      case 7:
        return t.is_int() ? next() / const_of(t, 1 + pick(5)) : call(CallOp::floor, {next()});
      default:
        return t.is_int() ? next() * const_of(t, pick(4)) : next() * const_of(t, pick(3));
    }
  }
  Stmt statement(int depth) {
    if (depth == 0 || pick(4) == 0) {
      const BufferRef& o = output();
      const int lanes = std::vector<int>{1, 1, 4, 8, 5}[static_cast<size_t>(pick(5))];
      return store(o, {in_range(lanes)}, value(o->type.with_lanes(lanes), 3));
    }
    switch (pick(5)) {
      case 0:
        return seq({statement(depth - 1), statement(depth - 1)});
      case 1:
        return if_(index(2) < index(2), statement(depth - 1), pick(2) ? statement(depth - 1) : nullptr);
      case 2: {
        const VarRef v = var("v");
        const Expr bound = index(3);
        vars_.push_back(v);
        Stmt s = let(v, pick(2) ? bound : load(inputs_[3], {bound % int_imm(kSize)}), statement(depth - 1));
        vars_.pop_back();
        return s;
      }
      case 3: {  // an accumulator in register slots
        const BufferRef acc = buffer("acc", kF32, {int_imm(12)}, Scope::register_);
        const Expr slot = ramp(int_imm(4), int_imm(1), 8);
        const VarRef k = var("k");
        vars_.push_back(k);
        const Stmt step = store(acc, {slot}, load(acc, {slot}) + value(kF32.with_lanes(8), 2));
        vars_.pop_back();
        return alloc(acc,
                     seq({store(acc, {slot}, float_imm(1, kF32.with_lanes(8))),
                          for_(k, int_imm(0), int_imm(pick(4)), LoopMode::serial, step),
                          store(outputs_[0], {ramp(int_imm(pick(56)), int_imm(1), 8)}, load(acc, {slot}))}));
      }
      default: {
        const VarRef v = var("i");
        const Expr first = pick(2) ? int_imm(pick(5)) : index(1),
                   extent = pick(3) ? int_imm(pick(6)) : index(2) % int_imm(6);
        vars_.push_back(v);
        Stmt s = for_(v, first, extent, LoopMode::serial, statement(depth - 1));
        vars_.pop_back();
        return s;
      }
    }
  }

  std::mt19937_64 random_;
  std::vector<BufferRef> inputs_, outputs_;
  std::vector<Expr> vars_;
};

// Counts the programs that have no error of their own.
void compare(uint64_t seed, int& ran) {
  const FuncRef f = Generator(seed).program();
  std::vector<Tensor> ours, theirs;
  for (const BufferRef& b : f->params)
    for (auto* list : {&ours, &theirs}) {
      list->emplace_back(b->type, std::vector<int64_t>{kSize});
      for (int64_t i = 0; i < kSize; ++i)
        list->back().set(i, static_cast<double>((i * 7 + static_cast<int64_t>(seed)) % 13));
    }
  std::vector<TensorView> views;
  for (Tensor& t : theirs) views.push_back({t.type(), {kSize}, t.data()});
  const Check reference = interpret(f, views);
  if (reference) return;
  ++ran;
  const Kernel k = compile_or_fail(f);
  std::vector<void*> data;
  for (Tensor& t : ours) data.push_back(t.data());
  ASSERT_EQ(k.raw()(data.data()), 0);
  for (size_t b = 0; b < ours.size(); ++b)
    for (int64_t i = 0; i < kSize; ++i)
      ASSERT_TRUE(same(ours[b].imm(i), theirs[b].imm(i)))
          << "seed " << seed << ": parameter " << b << "[" << i << "] is " << to_string(ours[b].imm(i))
          << ", not " << to_string(theirs[b].imm(i)) << "\n"
          << to_string(f);
}

TEST(RandomPrograms, AgreeWithTheInterpreter) {
  const char* count = std::getenv("TC_TEST_COUNT");
  const uint64_t n = count ? std::strtoull(count, nullptr, 10) : 150;
  int ran = 0;
  for (uint64_t seed = 0; seed < n && !HasFatalFailure(); ++seed) compare(seed, ran);
  EXPECT_GT(ran, static_cast<int>(n) / 2);
}

}  // namespace
}  // namespace tc::codegen
