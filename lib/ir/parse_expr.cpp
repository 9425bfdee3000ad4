#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cmath>

#include "exact.h"
#include "parser.h"
#include "tc/ir/numeric.h"

namespace tc::ir::text {
namespace {

std::optional<BinaryOp> infix_op(const Token& token) {
  if (token.kind != Token::Kind::punct) return std::nullopt;
  for (int i = 0; i < kNumBinaryOps; ++i) {
    const auto op = static_cast<BinaryOp>(i);
    if (precedence(op) && to_string(op) == token.text) return op;
  }
  return std::nullopt;
}

bool is_number(const Token& t) { return t.kind == Token::Kind::number || t.text == "inf" || t.text == "nan"; }

// The value of digits as the type has it, rounded once; nothing where it overflows.
template <class T>
std::optional<double> read_float(std::string_view digits) {
  T value{};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc::result_out_of_range) {
    // too small rounds to zero; too large is refused
    double exponent = 0;
    if (const size_t e = digits.find_first_of("eE"); e != std::string_view::npos)
      exponent = digits[e + 1] == '-' ? -1 : 1;
    if (exponent < 0) return 0.0;
    return std::nullopt;
  }
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return static_cast<double>(value);
}

}  // namespace

Expr Parser::expr(int at_least) {
  const Nested nested(*this);
  Expr left = unary();
  int no_chain = 0;
  for (;;) {
    const Token& token = peek();
    const auto op = infix_op(token);
    if (!op || precedence(*op) < std::max(at_least, 1)) return left;
    const int p = precedence(*op);
    if (p == no_chain) chained(token);
    next();
    Expr right = expr(p + 1);
    left = infix(token, *op, std::move(left), std::move(right));
    no_chain = is_compare(*op) ? p : 0;
  }
}

Expr Parser::infix(const Token& token, BinaryOp op, Expr left, Expr right) const {
  return make_at(token, [&] { return exact::binary(op, std::move(left), std::move(right)); });
}

void Parser::chained(const Token& token) const {
  fail(token, "comparisons do not chain", "write a < b && b < c");
}

Expr Parser::unary() {
  const Token& token = peek();
  if (token.kind != Token::Kind::punct || !(at("-") || at("!") || at("~"))) return primary();
  if (at("-") && is_number(peek(1))) return literal(kI64, false);
  return prefixed(token);
}

Expr Parser::prefixed(const Token& token) {
  const Nested nested(*this);
  next();
  Expr value = unary();
  if (token.text == "-") return make_at(token, [&] { return exact::call(CallOp::neg, {std::move(value)}); });
  if ((token.text == "!") != value->type.is_bool()) wrong_not(token, value->type);
  return make_at(token, [&] { return exact::call(CallOp::not_, {std::move(value)}); });
}

void Parser::wrong_not(const Token& token, DType type) const {
  fail(token, fmt::format("'{}' does not apply to {}", token.text, to_string(type)),
       token.text == "!" ? "compare: x == 0, or ~x for the bits" : "!x negates a bool", "ir.type");
}

Expr Parser::primary() {
  const Token& token = peek();
  if (token.kind == Token::Kind::number) return literal(kI64, false);
  if (accept("(")) {
    Expr inside = expr();
    expect(")", "the expression");
    return inside;
  }
  if (token.kind == Token::Kind::word) return named(token);
  expected("an expression");
}

// Whatever starts with a word. Each kind in a function of its own: their frames
// would add up in deep recursion.
Expr Parser::named(const Token& token) {
  const std::string_view word = token.text;
  if (is_number(token)) return literal(kI64, false);
  if (starts_reduction()) return whole_reduction(token);
  if (!at("(", 1) && !is_reserved(word)) return variable_or_element(next());
  next();
  if (word == "true" || word == "false") return bool_imm(word == "true");
  if (word == "min" || word == "max") return binary_call(word == "min" ? BinaryOp::min : BinaryOp::max);
  if (const auto op = call_op(word)) return call(*op);
  if (const auto type = parse_dtype(word)) return typed_number(token, *type);
  if (Expr e = spelled_by_syntax(token)) return e;
  unknown_function(token);
}

Expr Parser::whole_reduction(const Token& token) {
  const Reduction r = reduction();
  return component_of(r, component(r), token);
}

Expr Parser::variable_or_element(const Token& token) {
  const Entry& entry = lookup(token);
  if (!at("[")) {
    if (entry.buffer)
      fail(token, fmt::format("{} is a buffer", token.text),
           fmt::format("read an element: {}[...]", token.text));
    return entry.var;
  }
  const BufferRef buffer = known_buffer(token);
  std::vector<Expr> at = indices();
  return make_at(token, [&] { return load(buffer, std::move(at)); });
}

Expr Parser::typed_number(const Token& token, DType type) {
  if (!type.is_scalar()) fail(token, "a number is a scalar", "broadcast(x, lanes) repeats it");
  expect("(", "the type of a number");
  Expr value = literal(type, true);
  expect(")", "the number");
  return value;
}

// Nodes that are written like calls; null where it is none of them.
Expr Parser::spelled_by_syntax(const Token& token) {
  Fields f;
  const auto& x = f.children;
  const auto make = [&](auto&& maker) { return make_at(token, maker); };
  if (spelled<Select>(token, f)) return make([&] { return exact::select(x[0], x[1], x[2]); });
  if (spelled<Cast>(token, f)) return make([&] { return exact::cast(f.type, x[0]); });
  if (spelled<Ramp>(token, f)) return make([&] { return exact::ramp(x[0], x[1], f.lanes); });
  if (spelled<Broadcast>(token, f)) return make([&] { return exact::broadcast(x[0], f.lanes); });
  if (spelled<VectorReduce>(token, f)) return make([&] { return exact::vector_reduce(f.op, x[0]); });
  return nullptr;
}

void Parser::unknown_function(const Token& token) const {
  if (is_reserved(token.text)) fail(token, fmt::format("expected an expression, found '{}'", token.text));
  std::vector<std::string> known = {"select", "cast", "ramp", "broadcast", "vreduce", "min", "max", "sum"};
#define TC_X(name, n) known.push_back(#name);
  TC_IR_CALLS(TC_X)
#undef TC_X
  const std::string near = nearest(token.text, known);
  fail(token, fmt::format("unknown function '{}'", token.text),
       near.empty() ? "" : fmt::format("did you mean '{}'?", near));
}

// The fields between the parentheses, in the order of the node's syntax string.
template <class T>
bool Parser::spelled(const Token& word, Fields& fields) {
  std::string_view rest = T::syntax;
  const size_t open = rest.find('(');
  if (rest.substr(0, open) != word.text) return false;
  rest.remove_prefix(open);
  while (!rest.empty()) {
    if (rest[0] == ' ') {
      rest.remove_prefix(1);
    } else if (rest[0] != '{') {
      expect(rest.substr(0, 1), word.text);
      rest.remove_prefix(1);
    } else {
      const std::string_view name = rest.substr(1, rest.find('}') - 1);
      rest.remove_prefix(name.size() + 2);
      if (name == "type")
        fields.type = dtype();
      else if (name == "lanes")
        fields.lanes = lanes();
      else if (name == "op")
        fields.op = reduce_op();
      else
        fields.children.push_back(expr());
    }
  }
  return true;
}

DType Parser::dtype() {
  const Token& token = word("a type");
  const auto type = parse_dtype(token.text);
  if (type && type->is_scalar()) return *type;
  if (type)
    fail(token, "expected the type of one element", fmt::format("write {}", to_string(type->element())));
  std::vector<std::string> known;
  for (const DType t : {kF64, kF32, kF16, kBF16, kI64, kI32, kI16, kI8, kU64, kU32, kU16, kU8, kBool})
    known.push_back(to_string(t));
  const std::string near = nearest(token.text, known);
  fail(token, fmt::format("unknown type '{}'", token.text),
       near.empty() ? "the types are f64 f32 f16 bf16 i64 ... i8 u64 ... u8 bool"
                    : fmt::format("did you mean '{}'?", near));
}

int Parser::lanes() {
  const Token& token = peek();
  int value = 0;
  const auto [end, error] = std::from_chars(token.text.data(), token.text.data() + token.text.size(), value);
  if (token.kind != Token::Kind::number || error == std::errc::invalid_argument ||
      end != token.text.data() + token.text.size())
    expected("a number of lanes");
  if (error != std::errc() || value < 1 || value > kMaxLanes)
    fail(token, fmt::format("a vector has 1 to {} lanes", kMaxLanes));
  next();
  return value;
}

BinaryOp Parser::reduce_op() {
  for (const auto& [name, op] : kSimpleCombiners)
    if (accept(to_string(op))) return op;
  expected("+, *, min, max, && or ||");
}

Expr Parser::call(CallOp op) {
  const Token& name = tokens_[pos_ - 1];
  expect("(", name.text);
  if (op == CallOp::bits) {
    const DType type = dtype();
    expect(",", "the type");
    Expr value = expr();
    expect(")", "the value");
    return make_at(name, [&] { return exact::bits(type, std::move(value)); });
  }
  std::vector<Expr> args;
  list(")", [&] { args.push_back(expr()); });
  if (static_cast<int>(args.size()) != num_args(op))
    fail(name, fmt::format("{} takes {} argument{}, not {}", name.text, num_args(op),
                           num_args(op) == 1 ? "" : "s", args.size()));
  return make_at(name, [&] { return exact::call(op, std::move(args)); });
}

Expr Parser::binary_call(BinaryOp op) {
  const Token& name = tokens_[pos_ - 1];
  expect("(", name.text);
  Expr a = expr();
  if (!at(","))
    fail(peek(), fmt::format("{} takes two values, or a value and the axes of a reduction", name.text),
         fmt::format("{0}(a, b), or {0}(a, k in [0, +n))", name.text));
  next();
  Expr b = expr();
  expect(")", "the second value");
  return make_at(name, [&] { return exact::binary(op, std::move(a), std::move(b)); });
}

// ---- numbers

Expr Parser::literal(DType type, bool typed) {
  const bool negative = accept("-");
  const Token& token = peek();
  if (!is_number(token)) {
    if (!typed) expected("a number");
    fail(token, "expected a number", fmt::format("to convert a value write cast({}, ...)", to_string(type)));
  }
  next();
  if (token.kind == Token::Kind::number) return number(token, negative, type, typed);
  return not_a_number(token, negative, typed ? type : kF32);
}

Expr Parser::number(const Token& token, bool negative, DType type, bool typed) {
  std::string_view digits = token.text;
  const bool hex = digits.starts_with("0x") || digits.starts_with("0X");
  const bool fraction = !hex && digits.find_first_of(".eE") != std::string_view::npos;
  if (!typed && fraction) type = kF32;
  const auto refuse = [&] {
    fail(token,
         fmt::format("{}{} does not fit {}", negative ? "-" : "", digits.substr(0, 40), to_string(type)),
         type.is_float() ? "write inf for infinity" : "name a wider type");
  };
  if (type.is_bool()) fail(token, "a bool is true or false");
  if (fraction && !type.is_float())
    fail(token, fmt::format("{} is not an integer", digits.substr(0, 40)), "", "ir.type");
  if (type.is_float()) {
    if (hex)
      fail(token, "a hexadecimal number is an integer",
           "bits(f32, i32(0x...)) gives the float of these bits");
    const auto v = type == kF32 ? read_float<float>(digits) : read_float<double>(digits);
    if (!v || !std::isfinite(round_to(type, *v))) refuse();
    return float_imm(negative ? -*v : *v, type);
  }
  if (hex) digits.remove_prefix(2);
  uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, hex ? 16 : 10);
  if (error == std::errc::invalid_argument || end != digits.data() + digits.size())
    fail(token, "a malformed number");
  const bool u64 = type == kU64;
  const uint64_t limit = u64        ? UINT64_MAX
                         : negative ? static_cast<uint64_t>(0) - static_cast<uint64_t>(min_of(type))
                                    : static_cast<uint64_t>(max_of(type));
  if (error != std::errc() || value > limit || (u64 && negative && value)) refuse();
  return int_imm(static_cast<int64_t>(negative ? 0 - value : value), type);
}

Expr Parser::not_a_number(const Token& token, bool negative, DType type) {
  if (!type.is_float()) fail(token, fmt::format("{} has no {}", to_string(type), token.text), "", "ir.type");
  double v = token.text == "inf" ? HUGE_VAL : std::numeric_limits<double>::quiet_NaN();
  if (token.text == "nan" && accept("(")) {  // with its payload, the bits of the f64
    const Token& payload = peek();
    uint64_t u = 0;
    const bool hex = payload.text.starts_with("0x");
    if (hex) (void)std::from_chars(payload.text.data() + 2, payload.text.data() + payload.text.size(), u, 16);
    if (!hex || !std::isnan(std::bit_cast<double>(u)) || u >> 63)
      fail(payload, "not the bits of a NaN", "nan, or nan(0x7ff8000000000000)");
    next();
    expect(")", "the bits");
    v = std::bit_cast<double>(u);
  }
  v = std::copysign(v, negative ? -1.0 : 1.0);
  return Expr(new FloatImm(type, v));
}

// ---- reductions

bool Parser::starts_reduction() const {
  const std::string_view word = peek().text;
  if (word == "reduce") return true;
  if (!at("(", 1)) return false;
  if (word == "sum" || word == "prod" || word == "all" || word == "any") return true;
  if (word != "min" && word != "max") return false;
  return first_axis_[pos_ + 1] != 0;
}

Parser::Reduction Parser::reduction() {
  const Token& name = next();
  Reduction r;
  if (name.text == "reduce") {
    r.combiner = combiner();
    expect("of", "the combiner");
  }
  const size_t open = pos_, start = mark();
  expect("(", "the reduction");
  // the axes first: the source before them uses their variables
  const size_t axis = first_axis_[open];
  size_t close = 0;
  if (axis) {
    pos_ = axis;
    axes(r);
    close = pos_;
    pos_ = open + 1;
    for (size_t i = 0; i < r.vars.size(); ++i) declare(r.vars[i]->name, r.vars[i]);
  }
  for (;;) {
    r.source.push_back(expr());
    if (!axis && at(")")) break;
    expect(",", "the source of the reduction");
    if (axis && pos_ >= axis) break;
  }
  if (axis && pos_ != axis) fail(peek(), "malformed axes of a reduction", "sum(x, k in [0, +n), ...)");
  forget(start);
  if (axis) pos_ = close;
  expect(")", "the axes");
  if (!r.combiner)
    for (const auto& [word, op] : kSimpleCombiners)
      if (word == name.text)
        r.combiner = make_at(name, [&, op = op] {
          require_scalar("a reduction", r.source[0]);
          const DType t = r.source[0]->type;
          if ((op == BinaryOp::and_ || op == BinaryOp::or_) != t.is_bool())
            throw Error("ir.type", fmt::format("{} does not apply to {}", name.text, to_string(t)));
          return simple_combiner(op, t);
        });
  return r;
}

void Parser::axes(Reduction& r) {
  do {
    const Token& name = new_name("an axis");
    expect("in", "the axis");
    expect("[", "'in'");
    Expr min = expr();
    expect(",", "the start of the axis");
    expect("+", "the ','");
    Expr extent = expr();
    expect(")", "the extent of the axis");
    if (min->type != kIndex || extent->type != kIndex)
      fail(name, fmt::format("the bounds of the axis {} must be i64", name.text), "cast them: cast(i64, x)",
           "ir.type");
    if (r.vars.size() == kMaxRank) fail(name, fmt::format("a reduction has at most {} axes", kMaxRank));
    r.vars.push_back(var(std::string(name.text)));
    r.mins.push_back(std::move(min));
    r.extents.push_back(std::move(extent));
  } while (accept(","));
}

std::vector<VarRef> Parser::declarations(std::string_view close) {
  std::vector<VarRef> vars;
  list(close, [&] {
    const Token& name = new_name("a variable");
    expect(":", "the name");
    vars.push_back(var(std::string(name.text), dtype()));
    declare(name.text, vars.back());
  });
  return vars;
}

std::vector<Expr> Parser::parenthesized() {
  std::vector<Expr> items;
  expect("(", "it");
  list(")", [&] { items.push_back(expr()); });
  return items;
}

CombinerRef Parser::combiner() {
  const Token& name = word("the name of a combiner");
  const size_t start = mark();
  expect("(", "the combiner's name");
  std::vector<VarRef> lhs = declarations(";"), rhs = declarations(")");
  expect("->", "the combiner's variables");
  std::vector<Expr> results = parenthesized();
  forget(start);
  expect("from", "the combiner's results");
  std::vector<Expr> identity = parenthesized();
  Expr where;
  if (accept("where")) {
    for (const VarRef& v : lhs) declare(v->name, v);
    where = expr();
    forget(start);
  }
  return make_at(name, [&] {
    return ir::combiner(std::string(name.text), std::move(lhs), std::move(rhs), std::move(results),
                        std::move(identity), std::move(where));
  });
}

// `.1`, or 0 where the combiner has only one.
int64_t Parser::component(const Reduction& r) {
  if (!at(".")) {
    if (r.combiner->results.size() == 1) return 0;
    fail(peek(), "expected the component of the reduction", "reduce ... of (...).0");
  }
  next();
  return component_number(r);
}

int64_t Parser::component_number(const Reduction& r) {
  const Token& token = peek();
  int64_t value = -1;
  if (token.kind == Token::Kind::number)
    (void)std::from_chars(token.text.data(), token.text.data() + token.text.size(), value);
  if (value < 0 || value >= static_cast<int64_t>(r.combiner->results.size()))
    fail(token, fmt::format("expected a component from 0 to {}, found {}", r.combiner->results.size() - 1,
                            describe(token)));
  next();
  return value;
}

Expr Parser::component_of(const Reduction& r, int64_t component, const Token& at) const {
  return make_at(at, [&] { return reduce(r.combiner, r.mins, r.extents, r.vars, r.source, component); });
}

}  // namespace tc::ir::text
