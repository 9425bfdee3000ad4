// The words and operators of the text form, shared by printer and parser.
// Private to lib/ir.
#pragma once
#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "tc/ir/stmt.h"

namespace tc::ir::text {

inline constexpr std::array<std::string_view, 27> kWords = {
    "func",      "alloc",   "for",  "in",    "let", "if",   "else",   "compute", "reduce",
    "from",      "of",      "true", "false", "inf", "nan",  "select", "cast",    "ramp",
    "broadcast", "vreduce", "min",  "max",   "sum", "prod", "all",    "any",     "prefetch"};

[[nodiscard]] inline std::optional<CallOp> call_op(std::string_view word) {
#define TC_X(name, n) \
  if (word == #name) return CallOp::name;
  TC_IR_CALLS(TC_X)
#undef TC_X
  return std::nullopt;
}

/// Whether no variable or buffer may have this name.
[[nodiscard]] inline bool is_reserved(std::string_view word) {
  return std::find(kWords.begin(), kWords.end(), word) != kWords.end() || call_op(word) || parse_dtype(word);
}

/// How tightly an infix operator binds; nothing for min and max.
[[nodiscard]] constexpr int precedence(BinaryOp op) {
  switch (op) {
    case BinaryOp::or_:
      return 1;
    case BinaryOp::and_:
      return 2;
    case BinaryOp::eq:
    case BinaryOp::ne:
    case BinaryOp::lt:
    case BinaryOp::le:
    case BinaryOp::gt:
    case BinaryOp::ge:
      return 3;
    case BinaryOp::bit_or:
      return 4;
    case BinaryOp::bit_xor:
      return 5;
    case BinaryOp::bit_and:
      return 6;
    case BinaryOp::shl:
    case BinaryOp::shr:
      return 7;
    case BinaryOp::add:
    case BinaryOp::sub:
      return 8;
    case BinaryOp::mul:
    case BinaryOp::div:
    case BinaryOp::mod:
      return 9;
    case BinaryOp::min:
    case BinaryOp::max:
      return 0;
  }
  return 0;
}
inline constexpr int kUnary = 10, kAtom = 11;

/// The combiners with names of their own: sum, prod, min, max, all, any.
inline constexpr std::array<std::pair<std::string_view, BinaryOp>, 6> kSimpleCombiners = {
    {{"sum", BinaryOp::add},
     {"prod", BinaryOp::mul},
     {"min", BinaryOp::min},
     {"max", BinaryOp::max},
     {"all", BinaryOp::and_},
     {"any", BinaryOp::or_}}};

}  // namespace tc::ir::text
