// Index arithmetic. A scalar index is taken apart into a linear form; each term
// is added to the address at the level of its variable, so that the innermost
// loop sees [pointer + induction * scale + displacement] and no arithmetic.
#include <algorithm>

#include "emitter.h"

namespace tc::codegen {

using namespace ir;
using llvm::Instruction;
using llvm::Value;

namespace {
int64_t wrapping_mul(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}
int64_t wrapping_add(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
}  // namespace

Linear FunctionEmitter::scaled(Linear a, int64_t factor) {
  if (factor == 0) return {};
  for (auto& t : a.terms) t.coeff = wrapping_mul(t.coeff, factor);
  a.constant = wrapping_mul(a.constant, factor);
  return a;
}

Linear FunctionEmitter::sum(const Linear& a, const Linear& b, int64_t factor_of_b) {
  Linear out = a;
  out.constant = wrapping_add(a.constant, wrapping_mul(b.constant, factor_of_b));
  for (const auto& t : b.terms) {
    const int64_t coeff = wrapping_mul(t.coeff, factor_of_b);
    const auto same =
        std::find_if(out.terms.begin(), out.terms.end(), [&](const auto& o) { return o.value == t.value; });
    if (same != out.terms.end()) {
      same->coeff = wrapping_add(same->coeff, coeff);
      if (same->coeff == 0) out.terms.erase(same);
      continue;
    }
    const auto after =
        std::find_if(out.terms.begin(), out.terms.end(), [&](const auto& o) { return o.level > t.level; });
    out.terms.insert(after, {t.value, t.level, coeff});
  }
  return out;
}

Linear FunctionEmitter::linearize(const Expr& e) {
  Linear out;
  if (const auto* imm = e.as<IntImm>()) {
    out.constant = imm->value;
    return out;
  }
  if (const auto* v = e.as<Var>()) {
    const Bound& b = bound(*v);
    if (b.linear) return *b.linear;
  }
  if (const auto* bin = e.as<Binary>()) {
    if (bin->op == BinaryOp::add || bin->op == BinaryOp::sub)
      return sum(linearize(bin->a), linearize(bin->b), bin->op == BinaryOp::add ? 1 : -1);
    if (bin->op == BinaryOp::mul) {
      Linear a = linearize(bin->a), b = linearize(bin->b);
      if (b.is_constant()) return scaled(std::move(a), b.constant);
      if (a.is_constant()) return scaled(std::move(b), a.constant);
      const Leveled product = pure(Instruction::Mul, materialize(a), materialize(b));
      out.terms.push_back({product.value, product.level, 1});
      return out;
    }
  }
  const Leveled v = index_value(e);
  if (const auto* c = llvm::dyn_cast<llvm::ConstantInt>(v.value))
    out.constant = c->getSExtValue();
  else
    out.terms.push_back({v.value, v.level, 1});
  return out;
}

FunctionEmitter::Leveled FunctionEmitter::materialize(const Linear& a) {
  Leveled acc{nullptr, 0};
  for (const auto& t : a.terms) {
    const Leveled v{t.value, t.level};
    if (acc.value && t.coeff == -1) {
      acc = pure(Instruction::Sub, acc, v);
      continue;
    }
    const Leveled scaled = t.coeff == 1 ? v : pure(Instruction::Mul, v, {i64(t.coeff), 0});
    acc = acc.value ? pure(Instruction::Add, acc, scaled) : scaled;
  }
  if (!acc.value) return {i64(a.constant), 0};
  return a.constant != 0 ? pure(Instruction::Add, acc, {i64(a.constant), 0}) : acc;
}

// An access that strides by more than a cache line in an innermost loop gets a
// pointer that is stepped; nearer ones share the stepped index of their loop.
bool FunctionEmitter::stepped_address(Leveled& pointer, const Linear& group, int level, int bytes) {
  if (level == kHere || pointer.level >= level || group.terms.size() != 1) return false;
  Level& l = levels_[static_cast<size_t>(level)];
  const int64_t step = wrapping_mul(group.terms[0].coeff, bytes);
  if (!l.induction || group.terms[0].value != l.induction || (step >= -64 && step <= 64)) return false;
  Value* base = pointer.value;
  pointer = placed(kStepped, {base, level}, {i64(step), 0}, nullptr,
                   [&](llvm::IRBuilder<>&) { return step_along(l, base, step); });
  return true;
}

// The variable part of an address; the constant is left to the caller, who puts
// it next to the access so that it becomes a displacement.
Value* FunctionEmitter::address(const Place& place, DType element, const Linear& index) {
  Leveled pointer{place.base, place.level};
  for (size_t i = 0; i < index.terms.size();) {
    Linear group;
    const int level = index.terms[i].level;
    for (; i < index.terms.size() && index.terms[i].level == level; ++i)
      group.terms.push_back(index.terms[i]);
    if (!stepped_address(pointer, group, level, element.bytes()))
      pointer = pure_gep(memory_type(element), pointer, materialize(group));
  }
  return pointer.value;
}

FunctionEmitter::Leveled FunctionEmitter::index_value(const Expr& e) {
  if (const auto* v = e.as<Var>()) {
    const Bound& b = bound(*v);
    return b.linear ? materialize(*b.linear) : b.value;
  }
  if (e.as<IntImm>()) return {i64(e.as<IntImm>()->value), 0};
  if (const auto* bin = e.as<Binary>()) {
    if (bin->op == BinaryOp::add || bin->op == BinaryOp::sub || bin->op == BinaryOp::mul)
      return materialize(linearize(e));
    return index_binary(*bin);
  }
  Value* v = eval_new(e);
  return {v, level_of(v)};
}

bool FunctionEmitter::is_nonnegative(const Expr& e) {
  if (const auto* imm = e.as<IntImm>()) return imm->value >= 0;
  if (const auto* v = e.as<Var>()) return bound(*v).nonnegative;
  const auto* bin = e.as<Binary>();
  if (!bin) return false;
  switch (bin->op) {
    case BinaryOp::add:
    case BinaryOp::mul:
      return is_nonnegative(bin->a) && is_nonnegative(bin->b) && !is_data(e);
    case BinaryOp::div:
    case BinaryOp::min:
      return is_nonnegative(bin->a) && is_nonnegative(bin->b);
    case BinaryOp::max:
      return is_nonnegative(bin->a) || is_nonnegative(bin->b);
    case BinaryOp::mod:
      return is_nonnegative(bin->b);
    default:
      return false;
  }
}

bool FunctionEmitter::is_data(const Expr& e) {
  bool found = false;
  walk_all(*e, [&](const Node& n) {
    found |= n.kind == Kind::Load || (n.kind == Kind::Var && bound(static_cast<const Var&>(n)).data);
    return !found;
  });
  return found;
}

std::optional<LinearRamp> FunctionEmitter::linearize_ramp(const Expr& e) {
  const int lanes = e->type.lanes;
  if (const auto* r = e.as<Ramp>()) return LinearRamp{linearize(r->base), linearize(r->stride), lanes};
  if (const auto* b = e.as<Broadcast>()) return LinearRamp{linearize(b->value), {}, lanes};
  const auto* bin = e.as<Binary>();
  if (!bin || (bin->op != BinaryOp::add && bin->op != BinaryOp::sub && bin->op != BinaryOp::mul))
    return std::nullopt;
  auto a = linearize_ramp(bin->a);
  if (!a) return std::nullopt;
  auto b = linearize_ramp(bin->b);
  if (!b) return std::nullopt;
  if (bin->op != BinaryOp::mul) {
    const int64_t sign = bin->op == BinaryOp::add ? 1 : -1;
    return LinearRamp{sum(a->base, b->base, sign), sum(a->stride, b->stride, sign), lanes};
  }
  const auto constant = [](const LinearRamp& r) {
    return r.base.is_constant() && r.stride.is_constant() && r.stride.constant == 0;
  };
  if (constant(*a)) std::swap(a, b);
  if (!constant(*b)) return std::nullopt;
  return LinearRamp{scaled(a->base, b->base.constant), scaled(a->stride, b->base.constant), lanes};
}

Linear FunctionEmitter::lane_index(const LinearRamp& ramp, int lane) {
  return sum(ramp.base, ramp.stride, lane);
}

}  // namespace tc::codegen
