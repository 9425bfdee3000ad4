#include <cmath>

#include "interpret_machine.h"
#include "tc/ir/numeric.h"
#include "tc/ir/print.h"
#include "wrap.h"

namespace tc::ir::interp {

// One flat switch: each case is one operation on `n` lanes.
void Machine::run(int64_t start) {
  const Instr* const code = p_.code.data();
  Slot* const r = regs_.data();
  for (const Instr* pc = code + start;; ++pc) {
    const Instr& i = *pc;
    Slot* const d = r + i.dst;
    const Slot* const a = r + i.a;
    const Slot* const b = r + i.b;
    const Slot* const c = r + i.c;
    const uint32_t n = i.lanes;
#define TC_LANES(expression)                   \
  for (uint32_t l = 0; l < n; ++l) expression; \
  break
#define TC_ARITHMETIC(field)                                                                                \
  case Op::add_##field:                                                                                     \
    TC_LANES(d[l].field = a[l].field + b[l].field);                                                         \
  case Op::sub_##field:                                                                                     \
    TC_LANES(d[l].field = a[l].field - b[l].field);                                                         \
  case Op::mul_##field:                                                                                     \
    TC_LANES(d[l].field = a[l].field * b[l].field);                                                         \
  case Op::div_##field:                                                                                     \
    TC_LANES(d[l].field = a[l].field / b[l].field);                                                         \
  case Op::neg_##field:                                                                                     \
    TC_LANES(d[l].field = -a[l].field);                                                                     \
  case Op::abs_##field:                                                                                     \
    TC_LANES(d[l].field = std::fabs(a[l].field));                                                           \
  case Op::fma_##field:                                                                                     \
    TC_LANES(d[l].field = std::fma(a[l].field, b[l].field, c[l].field));                                    \
  case Op::isnan_##field:                                                                                   \
    TC_LANES(d[l].i = std::isnan(a[l].field));                                                              \
  case Op::math_##field:                                                                                    \
    TC_LANES(d[l].field = static_cast<decltype(d[l].field)>(math(static_cast<CallOp>(i.aux), a[l].field))); \
  case Op::pow_##field:                                                                                     \
    TC_LANES(d[l].field = static_cast<decltype(d[l].field)>(                                                \
                 std::pow(static_cast<double>(a[l].field), static_cast<double>(b[l].field))));              \
  case Op::mod_##field:                                                                                     \
    TC_LANES(d[l].field = static_cast<decltype(d[l].field)>(                                                \
                 fold_float(BinaryOp::mod, i.type, a[l].field, b[l].field)));
#define TC_COMPARE(field)                                                     \
  case Op::min_##field:                                                       \
    TC_LANES(d[l].field = b[l].field < a[l].field ? b[l].field : a[l].field); \
  case Op::max_##field:                                                       \
    TC_LANES(d[l].field = b[l].field > a[l].field ? b[l].field : a[l].field); \
  case Op::eq_##field:                                                        \
    TC_LANES(d[l].i = a[l].field == b[l].field);                              \
  case Op::ne_##field:                                                        \
    TC_LANES(d[l].i = a[l].field != b[l].field);                              \
  case Op::lt_##field:                                                        \
    TC_LANES(d[l].i = a[l].field < b[l].field);                               \
  case Op::le_##field:                                                        \
    TC_LANES(d[l].i = a[l].field <= b[l].field);                              \
  case Op::gt_##field:                                                        \
    TC_LANES(d[l].i = a[l].field > b[l].field);                               \
  case Op::ge_##field:                                                        \
    TC_LANES(d[l].i = a[l].field >= b[l].field);
    switch (i.op) {
      case Op::mov:
        TC_LANES(d[l] = a[l]);
      case Op::spread:
        TC_LANES(d[l] = a[0]);
      case Op::ramp:
        TC_LANES(d[l].i = add_wrap(a[0].i, mul_wrap(static_cast<int64_t>(l), b[0].i)));
        TC_ARITHMETIC(f)
        TC_ARITHMETIC(d)
        TC_COMPARE(i)
        TC_COMPARE(f)
        TC_COMPARE(d)
      case Op::add_i:
        TC_LANES(d[l].i = add_wrap(a[l].i, b[l].i));
      case Op::sub_i:
        TC_LANES(d[l].i = sub_wrap(a[l].i, b[l].i));
      case Op::mul_i:
        TC_LANES(d[l].i = mul_wrap(a[l].i, b[l].i));
      case Op::div_i:
      case Op::mod_i:
        for (uint32_t l = 0; l < n; ++l) {
          const int64_t x = a[l].i, y = b[l].i;
          if (y == 0)
            fail(i, "ir.interpret.div_by_zero", "an integer is divided by zero",
                 "guard the division with if or if_then_else");
          if (y == -1)
            d[l].i = i.op == Op::div_i ? sub_wrap(0, x) : 0;  // INT64_MIN / -1 wraps
          else
            d[l].i = i.op == Op::div_i ? floor_div(x, y) : floor_mod(x, y);
        }
        break;
      case Op::and_i:
        TC_LANES(d[l].i = a[l].i & b[l].i);
      case Op::or_i:
        TC_LANES(d[l].i = a[l].i | b[l].i);
      case Op::xor_i:
        TC_LANES(d[l].i = a[l].i ^ b[l].i);
      case Op::shl_i:
      case Op::shr_i:
        for (uint32_t l = 0; l < n; ++l) {
          const int64_t by = b[l].i;
          if (by < 0 || by >= i.type.bits)
            fail(i, "ir.interpret.shift", "a shift of " + to_string(i.type) + " by " + std::to_string(by),
                 "shift by 0 to " + std::to_string(i.type.bits - 1) +
                     ": clamp the amount, or guard the statement");
          d[l].i =
              i.op == Op::shl_i ? static_cast<int64_t>(static_cast<uint64_t>(a[l].i) << by) : a[l].i >> by;
        }
        break;
      case Op::other_i:
        for (uint32_t l = 0; l < n; ++l) {
          const auto op = static_cast<BinaryOp>(i.aux);
          const auto v = fold_int(op, i.type, a[l].i, b[l].i);
          if (!v && (op == BinaryOp::div || op == BinaryOp::mod))
            fail(i, "ir.interpret.div_by_zero", "an integer is divided by zero",
                 "guard the division with if or if_then_else");
          if (!v)
            fail(i, "ir.interpret.shift",
                 "a shift of " + to_string(i.type) + " by " + std::to_string(static_cast<uint64_t>(b[l].i)),
                 "shift by 0 to " + std::to_string(i.type.bits - 1) +
                     ": clamp the amount, or guard the statement");
          d[l].i = *v;
        }
        break;
      case Op::wrap:
        TC_LANES(d[l].i = wrap(i.type, a[l].i));
      case Op::round:
        TC_LANES(d[l].f = static_cast<float>(round_to(i.type, a[l].f)));
      case Op::neg_i:
        TC_LANES(d[l].i = sub_wrap(0, a[l].i));
      case Op::abs_i:
        TC_LANES(d[l].i = a[l].i < 0 ? sub_wrap(0, a[l].i) : a[l].i);
      case Op::not_b:
        TC_LANES(d[l].i = !a[l].i);
      case Op::not_i:
        TC_LANES(d[l].i = ~a[l].i);
      case Op::fma_i:
        TC_LANES(d[l].i = add_wrap(mul_wrap(a[l].i, b[l].i), c[l].i));
      case Op::dot: {
        const auto all = static_cast<uint32_t>(i.imm), of_b = static_cast<uint32_t>(i.imm >> 32),
                   group = all / n;
        for (uint32_t l = 0; l < n; ++l) {
          int64_t sum = a[l].i;  // products of 16 bits: no overflow
          for (uint32_t j = l * group; j < (l + 1) * group; ++j) sum += b[j % of_b].i * c[j].i;
          d[l].i = sum;
        }
        break;
      }
      case Op::bits: {
        const DType from{static_cast<TypeCode>(i.imm >> 8), static_cast<uint8_t>(i.imm),
                         1};  // as the compiler packed it
        TC_LANES(d[l] = reinterpreted(from, i.type, a[l]));
      }
      case Op::select: {
        const uint32_t step = i.aux;
        TC_LANES(d[l] = c[l * step].i ? a[l] : b[l]);
      }
      case Op::int_to_bool:
        TC_LANES(d[l].i = a[l].i != 0);
      case Op::int_to_f:
        TC_LANES(d[l].f = static_cast<float>(int_to_float(i.type, i.aux ? kU64 : kI64, a[l].i)));
      case Op::int_to_d:
        TC_LANES(d[l].d = int_to_float(i.type, i.aux ? kU64 : kI64, a[l].i));
      case Op::f_to_int:
        TC_LANES(d[l].i = float_to_int(i.type, a[l].f));
      case Op::d_to_int:
        TC_LANES(d[l].i = float_to_int(i.type, a[l].d));
      case Op::f_to_d:
        TC_LANES(d[l].d = a[l].f);
      case Op::d_to_f:
        TC_LANES(d[l].f = static_cast<float>(round_to(i.type, a[l].d)));
      case Op::load:
        load(i, d);
        break;
      case Op::store:
        store(i, a);
        break;
      case Op::demand:
        demand(i, d);
        break;
      case Op::alloc:
        alloc(i);
        break;
      case Op::check_extent: {
        const Storage& s = buffers_[i.b];
        const auto dim = static_cast<size_t>(i.imm);
        if (s.extents[dim] != a->i)
          fail(i, "ir.interpret.args",
               "dimension " + std::to_string(i.imm) + " of " + p_.buffers[i.b]->name + " is " +
                   std::to_string(s.extents[dim]) + " in the argument and " + std::to_string(a->i) +
                   " in the function");
        break;
      }
      case Op::assume:
        if (!a->i)
          fail(i, "ir.interpret.assume",
               "what is asserted does not hold: " + to_string(p_.assertions[static_cast<size_t>(i.imm)]),
               "give inputs for which it holds, or guard the value: if_then_else(condition, value, other)");
        break;
      case Op::jump:
        pc = code + i.imm - 1;
        break;
      case Op::jump_if_not:
        if (!a->i) pc = code + i.imm - 1;
        break;
      case Op::for_begin:
        if (b->i <= 0)
          pc = code + i.imm - 1;
        else
          for_begin(i, p_.loops[static_cast<size_t>(pc - code)]);
        break;
      case Op::for_next:
        if (for_next(i)) pc = code + (i.imm & INT32_MAX) - 1;
        break;
      case Op::end:
        return;
    }
#undef TC_LANES
#undef TC_ARITHMETIC
#undef TC_COMPARE
  }
}

Value value_of(DType type, Slot s) {
  if (!type.is_float()) return {type, s.i, 0};
  return {type, 0, type.bits == 64 ? s.d : static_cast<double>(s.f)};
}

double math(CallOp op, double x) {
  switch (op) {
    case CallOp::exp:
      return std::exp(x);
    case CallOp::log:
      return std::log(x);
    case CallOp::sqrt:
      return std::sqrt(x);
    case CallOp::rsqrt:
      return 1.0 / std::sqrt(x);
    case CallOp::tanh:
      return std::tanh(x);
    case CallOp::erf:
      return std::erf(x);
    case CallOp::sigmoid:
      return 1.0 / (1.0 + std::exp(-x));
    case CallOp::sin:
      return std::sin(x);
    case CallOp::cos:
      return std::cos(x);
    case CallOp::floor:
      return std::floor(x);
    case CallOp::ceil:
      return std::ceil(x);
    case CallOp::round:
      return std::nearbyint(x);
    case CallOp::trunc:
      return std::trunc(x);
    default:
      return x;
  }
}

Slot reinterpreted(DType from, DType to, Slot s) {
  uint64_t u = static_cast<uint64_t>(s.i);
  if (from == kF64)
    u = std::bit_cast<uint64_t>(s.d);
  else if (from == kF32)
    u = std::bit_cast<uint32_t>(s.f);
  else if (from == kF16)
    u = to_f16_bits(s.f);
  else if (from == kBF16)
    u = to_bf16_bits(s.f);
  Slot out;
  if (to == kF64)
    out.d = std::bit_cast<double>(u);
  else if (to == kF32)
    out.f = std::bit_cast<float>(static_cast<uint32_t>(u));
  else if (to == kF16)
    out.f = from_f16_bits(static_cast<uint16_t>(u));
  else if (to == kBF16)
    out.f = from_bf16_bits(static_cast<uint16_t>(u));
  else
    out.i = wrap(to, static_cast<int64_t>(u));
  return out;
}

}  // namespace tc::ir::interp
