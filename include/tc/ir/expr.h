// Expressions.
//
// Semantics, on which every pass, the interpreter and the code generators agree:
// - Index arithmetic (i64) is assumed not to overflow; other integers wrap.
// - `/` and `%` on integers floor (-7 / 2 = -4, -7 % 2 = 1); division by zero
//   is an error of the program, which the interpreter reports. `/` on floats
//   is IEEE division. Floats are never reassociated except where a loop was
//   marked for it; `a * b + c` may be contracted to fma(a, b, c).
// - min(a, b) is (b < a) ? b : a and max(a, b) is (b > a) ? b : a, so that with a NaN
//   operand, or zeros of both signs, the first is the result: max(x, 0) lets a NaN pass,
//   and a minimum or maximum over an axis, which starts from an infinity, passes over
//   NaN, in any order. Comparisons with NaN are false, but != true.
// - select(c, a, b) evaluates a and b; if_then_else(c, a, b) and the statement `if` evaluate
//   only the side chosen, so that they alone protect a load. if_then_else is for te and nested
//   form; a pass turns it into statements.
// - Casts: float to int truncates and saturates at the target's range (NaN gives 0);
//   int to int wraps; to bool is != 0; to a narrower float rounds to nearest even.
// - f16 and bf16 arithmetic is done in f32 and rounded after each operation.
// - Shifts take amounts in [0, bits); >> of a signed type is arithmetic.
// - `and` and `or` on bool evaluate both sides; there is no short circuit.
// - A vector operation works lane by lane; operands have equal lanes.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tc/ir/dtype.h"
#include "tc/ir/node.h"
#include "tc/support/error.h"

namespace tc::ir {

struct ExprNode : Node {
  DType type;
  ExprNode(Kind k, DType t) : Node(k), type(t) {}
};
struct StmtNode : Node {
  using Node::Node;
};
using Expr = Ref<ExprNode>;
using Stmt = Ref<StmtNode>;

template <Kind K>
struct ExprOf : ExprNode {
  static constexpr Kind kKind = K;
  explicit ExprOf(DType t) : ExprNode(K, t) {}
};
template <Kind K>
struct StmtOf : StmtNode {
  static constexpr Kind kKind = K;
  StmtOf() : StmtNode(K) {}
};
template <Kind K>
struct NodeOf : Node {
  static constexpr Kind kKind = K;
  NodeOf() : Node(K) {}
};

/// A variable: its identity is the node; the name is a hint for people. One with a `least`
/// value is a size: an extent that the shapes of a function's parameters give when it is
/// called, the same throughout and never below `least`. No statement binds it.
struct Var : ExprOf<Kind::Var> {
  std::string name;
  std::optional<int64_t> least = std::nullopt;
  explicit Var(std::string n, DType t = kIndex) : ExprOf(t), name(std::move(n)) {}
  static constexpr std::string_view syntax = "{name}";
  static constexpr auto fields() { return std::tuple{attr("name", &Var::name)}; }
};
using VarRef = Ref<Var>;

/// An integer or bool constant; u64 values are kept as their 64 bits.
struct IntImm : ExprOf<Kind::IntImm> {
  int64_t value;
  IntImm(DType t, int64_t v) : ExprOf(t), value(v) {}
  static constexpr std::string_view syntax = "{value}";
  static constexpr auto fields() { return std::tuple{attr("value", &IntImm::value)}; }
};

/// A float constant, exact in its type.
struct FloatImm : ExprOf<Kind::FloatImm> {
  double value;
  FloatImm(DType t, double v) : ExprOf(t), value(v) {}
  static constexpr std::string_view syntax = "{value}";
  static constexpr auto fields() { return std::tuple{attr("value", &FloatImm::value)}; }
};

enum class BinaryOp : uint8_t {
  add,
  sub,
  mul,
  div,
  mod,
  min,
  max,  // result: the operands' type
  eq,
  ne,
  lt,
  le,
  gt,
  ge,  // result: bool
  and_,
  or_,  // bool
  bit_and,
  bit_or,
  bit_xor,
  shl,
  shr,  // integers
};
inline constexpr int kNumBinaryOps = 20;
/// "+", "min", "==" ...
[[nodiscard]] std::string_view to_string(BinaryOp op);
[[nodiscard]] constexpr bool is_compare(BinaryOp op) { return op >= BinaryOp::eq && op <= BinaryOp::ge; }

struct Binary : ExprOf<Kind::Binary> {
  BinaryOp op;
  Expr a, b;
  Binary(DType t, BinaryOp o, Expr x, Expr y) : ExprOf(t), op(o), a(std::move(x)), b(std::move(y)) {}
  static constexpr std::string_view syntax = "{a} {op} {b}";
  static constexpr auto fields() {
    return std::tuple{attr("op", &Binary::op), use("a", &Binary::a), use("b", &Binary::b)};
  }
};

/// Pure functions of their arguments. X(name, number of arguments).
// clang-format off
#define TC_IR_CALLS(X)                                                                           \
  X(neg, 1) X(not_, 1) X(abs, 1) X(exp, 1) X(log, 1) X(sqrt, 1) X(rsqrt, 1) X(tanh, 1) X(erf, 1) \
  X(sigmoid, 1) X(pow, 2) X(sin, 1) X(cos, 1) X(floor, 1) X(ceil, 1) X(round, 1) X(trunc, 1)     \
  X(isnan, 1) X(fma, 3) X(bits, 1) X(if_then_else, 3) X(assume, 2) X(dot, 3)
// clang-format on
enum class CallOp : uint8_t {
#define TC_X(name, n) name,
  TC_IR_CALLS(TC_X)
#undef TC_X
};
[[nodiscard]] std::string_view to_string(CallOp op);
[[nodiscard]] int num_args(CallOp op);

/// `if_then_else` takes a scalar bool and two values of one type.
/// `assume(c, v)` is v: who wrote it asserts that the scalar bool c holds wherever v is needed. In te form
/// only; the interpreter checks it, and schedules, which rely on it, leave it out.
/// `round` rounds half to even; `bits` reinterprets the bits of its argument as
/// the node's type, which has the same width; `isnan` gives bool.
/// `dot(c, a, b)` adds to each of the n lanes of c, of i32, the products of a group of g lanes:
/// lane i is c[i] + a[i * g] * b[i * g] + ... + a[i * g + g - 1] * b[i * g + g - 1], in i32 that
/// wraps. b has n * g lanes and a as many, or g that all groups use; both i8, u8 or i16.
struct Call : ExprOf<Kind::Call> {
  CallOp op;
  std::vector<Expr> args;
  Call(DType t, CallOp o, std::vector<Expr> a) : ExprOf(t), op(o), args(std::move(a)) {}
  static constexpr std::string_view syntax = "{op}({args})";
  static constexpr auto fields() { return std::tuple{attr("op", &Call::op), use("args", &Call::args)}; }
};

struct Select : ExprOf<Kind::Select> {
  Expr condition, if_true, if_false;
  Select(DType t, Expr c, Expr a, Expr b)
      : ExprOf(t), condition(std::move(c)), if_true(std::move(a)), if_false(std::move(b)) {}
  static constexpr std::string_view syntax = "select({condition}, {if_true}, {if_false})";
  static constexpr auto fields() {
    return std::tuple{use("condition", &Select::condition), use("if_true", &Select::if_true),
                      use("if_false", &Select::if_false)};
  }
};

struct Cast : ExprOf<Kind::Cast> {
  Expr value;
  Cast(DType t, Expr v) : ExprOf(t), value(std::move(v)) {}
  static constexpr std::string_view syntax = "cast({type}, {value})";
  static constexpr auto fields() { return std::tuple{use("value", &Cast::value)}; }
};

/// Where a buffer lives. `param`s of a function are `global`.
enum class Scope : uint8_t { global, stack, register_, inp, wgt, acc, out, uop };
[[nodiscard]] std::string_view to_string(Scope scope);

/// A tensor in memory, row-major; identity is the node. A 0-d buffer holds one
/// element. `source` ties a te tensor to the operation that computes it and is
/// no part of the IR: it is neither printed, compared nor hashed.
struct Buffer : NodeOf<Kind::Buffer> {
  std::string name;
  DType type;
  std::vector<Expr> shape;
  Scope scope = Scope::global;
  std::shared_ptr<const void> source;
  static constexpr std::string_view syntax = "{name}: {type}[{shape}] {scope}";
  static constexpr auto fields() {
    return std::tuple{attr("name", &Buffer::name), attr("type", &Buffer::type), use("shape", &Buffer::shape),
                      attr("scope", &Buffer::scope)};
  }
};
using BufferRef = Ref<Buffer>;

/// An element, or with a vector as index the elements at its lanes.
struct Load : ExprOf<Kind::Load> {
  BufferRef buffer;
  std::vector<Expr> indices;
  Load(DType t, BufferRef b, std::vector<Expr> i) : ExprOf(t), buffer(std::move(b)), indices(std::move(i)) {}
  static constexpr std::string_view syntax = "{buffer}[{indices}]";
  static constexpr auto fields() {
    return std::tuple{use("buffer", &Load::buffer), use("indices", &Load::indices)};
  }
};

/// base, base + stride, ...: an index vector of `lanes` lanes.
struct Ramp : ExprOf<Kind::Ramp> {
  Expr base, stride;
  Ramp(Expr b, Expr s, int lanes)
      : ExprOf(b->type.with_lanes(lanes)), base(std::move(b)), stride(std::move(s)) {}
  static constexpr std::string_view syntax = "ramp({base}, {stride}, {lanes})";
  static constexpr auto fields() {
    return std::tuple{use("base", &Ramp::base), use("stride", &Ramp::stride)};
  }
};

struct Broadcast : ExprOf<Kind::Broadcast> {
  Expr value;
  Broadcast(Expr v, int lanes) : ExprOf(v->type.with_lanes(lanes)), value(std::move(v)) {}
  static constexpr std::string_view syntax = "broadcast({value}, {lanes})";
  static constexpr auto fields() { return std::tuple{use("value", &Broadcast::value)}; }
};

/// The lanes of `value` combined into one by op (add, mul, min, max, and, or):
/// upper half with lower half, lane by lane, until one is left. An odd number
/// of lanes n combines lane i with lane i + ceil(n/2), the middle one alone.
struct VectorReduce : ExprOf<Kind::VectorReduce> {
  BinaryOp op;
  Expr value;
  VectorReduce(BinaryOp o, Expr v) : ExprOf(v->type.element()), op(o), value(std::move(v)) {}
  static constexpr std::string_view syntax = "vreduce({op}, {value})";
  static constexpr auto fields() {
    return std::tuple{attr("op", &VectorReduce::op), use("value", &VectorReduce::value)};
  }
};

/// How two partial results become one: results[i] in terms of lhs and rhs, with
/// the identity elements. Associative and commutative by contract, for the states
/// of which `where` (in terms of lhs) holds and for the identity; te checks it.
struct Combiner : NodeOf<Kind::Combiner> {
  std::string name;  // sum, prod, min, max, argmax, argmin or a user's
  std::vector<VarRef> lhs, rhs;
  std::vector<Expr> results, identity;
  Expr where;  // true: every state
  // followed by ` where {where}` if that is not true
  static constexpr std::string_view syntax = "{name}({lhs}; {rhs}) -> ({results}) from ({identity})";
  static constexpr auto fields() {
    return std::tuple{attr("name", &Combiner::name),      use("identity", &Combiner::identity),
                      def("lhs", &Combiner::lhs),         def("rhs", &Combiner::rhs),
                      use("results", &Combiner::results), use("where", &Combiner::where)};
  }
};
using CombinerRef = Ref<Combiner>;

/// A reduction over a box of axes, in te form only: component `component` of
/// the fold of `source` under the combiner, in row-major order of the axes.
/// Stands at the top of a Compute's value. Empty domains give the identity.
struct Reduce : ExprOf<Kind::Reduce> {
  CombinerRef combiner;
  std::vector<Expr> mins, extents;
  std::vector<VarRef> vars;
  std::vector<Expr> source;
  int64_t component = 0;
  Reduce(DType t, CombinerRef c, std::vector<Expr> mn, std::vector<Expr> ex, std::vector<VarRef> v,
         std::vector<Expr> s, int64_t comp)
      : ExprOf(t),
        combiner(std::move(c)),
        mins(std::move(mn)),
        extents(std::move(ex)),
        vars(std::move(v)),
        source(std::move(s)),
        component(comp) {}
  static constexpr std::string_view syntax =
      "reduce {combiner} of ({source}, {vars} in [{mins}, +{extents})).{component}";
  static constexpr auto fields() {
    return std::tuple{use("combiner", &Reduce::combiner), use("mins", &Reduce::mins),
                      use("extents", &Reduce::extents),   def("vars", &Reduce::vars),
                      use("source", &Reduce::source),     attr("component", &Reduce::component)};
  }
};

// ---- making expressions. All check types (error ir.type) and depth (ir.depth),
// and fold constants and identities where that is exact.
[[nodiscard]] VarRef var(std::string name, DType type = kIndex);
[[nodiscard]] VarRef size_var(std::string name, int64_t least = 0);
/// Whether `e` uses no variables but sizes, and no memory; and each size that it uses, once.
[[nodiscard]] bool is_of_sizes(const Expr& e);
void collect_sizes(const Expr& e, std::vector<VarRef>& into);
[[nodiscard]] Expr int_imm(int64_t value, DType type = kIndex);  // wraps into the type; broadcast for vectors
[[nodiscard]] Expr float_imm(double value, DType type = kF32);   // rounds to the type
[[nodiscard]] Expr bool_imm(bool value);
[[nodiscard]] Expr const_of(DType type, double value);  // int or float, whatever `type` is
[[nodiscard]] Expr binary(BinaryOp op, Expr a, Expr b);
[[nodiscard]] Expr call(CallOp op, std::vector<Expr> args);
[[nodiscard]] Expr reinterpret(DType type, Expr value);  // CallOp::bits
[[nodiscard]] Expr select(Expr condition, Expr if_true, Expr if_false);
[[nodiscard]] Expr if_then_else(Expr condition, Expr if_true, Expr if_false);
[[nodiscard]] Expr assume(Expr condition, Expr value);
[[nodiscard]] Expr cast(DType type, Expr value);  // lanes follow the value
[[nodiscard]] Expr load(BufferRef buffer, std::vector<Expr> indices);
[[nodiscard]] Expr ramp(Expr base, Expr stride, int lanes);
[[nodiscard]] Expr broadcast(Expr value, int lanes);
[[nodiscard]] Expr vector_reduce(BinaryOp op, Expr value);
[[nodiscard]] Expr reduce(CombinerRef combiner, std::vector<Expr> mins, std::vector<Expr> extents,
                          std::vector<VarRef> vars, std::vector<Expr> source, int64_t component = 0);
[[nodiscard]] BufferRef buffer(std::string name, DType type, std::vector<Expr> shape,
                               Scope scope = Scope::global);
[[nodiscard]] CombinerRef combiner(std::string name, std::vector<VarRef> lhs, std::vector<VarRef> rhs,
                                   std::vector<Expr> results, std::vector<Expr> identity,
                                   Expr where = nullptr);  // null: true
/// sum, prod, min or max over one component of `type`.
[[nodiscard]] CombinerRef simple_combiner(BinaryOp op, DType type);

[[nodiscard]] Expr operator+(Expr a, Expr b);
[[nodiscard]] Expr operator-(Expr a, Expr b);
[[nodiscard]] Expr operator*(Expr a, Expr b);
[[nodiscard]] Expr operator/(Expr a, Expr b);
[[nodiscard]] Expr operator%(Expr a, Expr b);
[[nodiscard]] Expr operator-(Expr a);
[[nodiscard]] Expr operator<(Expr a, Expr b);
[[nodiscard]] Expr operator<=(Expr a, Expr b);
[[nodiscard]] Expr operator>(Expr a, Expr b);
[[nodiscard]] Expr operator>=(Expr a, Expr b);
[[nodiscard]] Expr logical_and(Expr a, Expr b);
[[nodiscard]] Expr logical_or(Expr a, Expr b);
/// Named, since these operators on handles in an `if` would ask for the handle, not the value.
[[nodiscard]] Expr eq(Expr a, Expr b);
[[nodiscard]] Expr ne(Expr a, Expr b);
[[nodiscard]] Expr logical_not(Expr a);
[[nodiscard]] Expr min(Expr a, Expr b);
[[nodiscard]] Expr max(Expr a, Expr b);
/// Mixed with plain numbers: the number takes the expression's type (error
/// ir.type where it is not exact in it).
[[nodiscard]] Expr imm_like(const Expr& like, double value);
#define TC_X(op)                                  \
  inline Expr operator op(Expr a, int b) {        \
    Expr c = imm_like(a, b);                      \
    return a op c;                                \
  }                                               \
  inline Expr operator op(int a, Expr b) {        \
    Expr c = imm_like(b, a);                      \
    return c op b;                                \
  }                                               \
  inline Expr operator op(Expr a, int64_t b) {    \
    Expr c = imm_like(a, static_cast<double>(b)); \
    return a op c;                                \
  }                                               \
  inline Expr operator op(int64_t a, Expr b) {    \
    Expr c = imm_like(b, static_cast<double>(a)); \
    return c op b;                                \
  }                                               \
  inline Expr operator op(Expr a, double b) {     \
    Expr c = imm_like(a, b);                      \
    return a op c;                                \
  }                                               \
  inline Expr operator op(double a, Expr b) {     \
    Expr c = imm_like(b, a);                      \
    return c op b;                                \
  }
// clang-format off
TC_X(+) TC_X(-) TC_X(*) TC_X(/) TC_X(%) TC_X(<) TC_X(<=) TC_X(>) TC_X(>=)
// clang-format on
#undef TC_X

/// The value of an integer constant (or of a broadcast of one), or nothing.
[[nodiscard]] std::optional<int64_t> as_int(const Expr& e);
[[nodiscard]] inline bool is_int(const Expr& e, int64_t value) {
  const auto v = as_int(e);
  return v && *v == value;
}
/// min, max, sum, product of two constants as the semantics above have it.
[[nodiscard]] int64_t floor_div(int64_t a, int64_t b);
[[nodiscard]] int64_t floor_mod(int64_t a, int64_t b);

}  // namespace tc::ir
