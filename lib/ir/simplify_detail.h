// The simplifier's one class, over several files by what is simplified. Private
// to lib/ir.
#pragma once
#include <unordered_map>

#include "affine_detail.h"
#include "tc/ir/simplify.h"
#include "tc/ir/traverse.h"

namespace tc::ir::detail {

/// Simplifies bottom up. `expr` and `stmt` take anything; the `make_` functions
/// take operands that are simplified already and may be given the node they come
/// from, which they return where it stays as it is.
class Simplifier {
 public:
  explicit Simplifier(const Bounds& bounds) : bounds_(bounds) {}

  Expr expr(const Expr& e);
  Stmt stmt(const Stmt& s);
  void assume(const Expr& condition) { bounds_.assume(condition); }

  Expr make_binary(BinaryOp op, const Expr& a, const Expr& b, const Expr& from = nullptr);
  Expr make_call(CallOp op, const Expr& a, const Expr& from = nullptr);
  Expr make_select(const Expr& c, const Expr& a, const Expr& b, const Expr& from = nullptr);
  Expr make_cast(DType type, const Expr& value, const Expr& from = nullptr);
  Expr make_ramp(const Expr& base, const Expr& stride, int lanes, const Expr& from = nullptr);
  Expr make_broadcast(const Expr& value, int lanes, const Expr& from = nullptr);

 private:
  // simplify_expr.cpp
  Expr visit(const Expr& e);
  Expr variable(const Expr& e);
  Expr load_(const Expr& e, const Load& l);
  Expr reduce_(const Expr& e, const Reduce& r);
  Expr vector_reduce_(const Expr& e, const VectorReduce& r);
  Expr vector_divide(BinaryOp op, const Expr& a, int64_t c);
  std::vector<Expr> exprs(const std::vector<Expr>& list, bool& changed);

  // simplify_sum.cpp
  Expr sum(const Expr& e);
  Expr simple_sum(const Expr& e);
  bool collect(const Expr& e, int64_t scale, Affine& out);
  bool collect_product(const Binary& m, int64_t scale, Affine& out);
  Expr finish_sum(Affine& sum, const Expr& from = nullptr);
  void cancel(Affine& sum);
  bool join_quotient(Affine& sum);
  bool join_multiple(Affine& sum);
  bool push_into_min(Affine& sum);
  void sort(Affine& sum) const;
  bool before(const AffineTerm& a, const AffineTerm& b) const;
  Interval interval(const Affine& sum) const;

  // simplify_divide.cpp
  Expr make_divide(BinaryOp op, const Expr& a, const Expr& b, const Expr& from);
  Expr divide_symbolic(BinaryOp op, const Expr& a, const Expr& b, const Expr& from);
  bool quotient(Affine a, int64_t c, Affine& out, const Expr& from = nullptr);
  bool remainder(Affine a, int64_t c, Affine& out, const Expr& from = nullptr);
  bool merge_quotients(const Affine& rest, int64_t c, Affine& out, bool& done);
  Expr division(BinaryOp op, Affine& a, int64_t c, const Expr& from);
  struct Split {
    Affine multiple;  // a = g * multiple + rest, rest in [0, g)
    Affine rest;
    int64_t g = 0;
  };
  std::optional<Split> split(const Affine& a, int64_t c) const;

  // simplify_compare.cpp
  Expr make_compare(BinaryOp op, const Expr& a, const Expr& b, const Expr& from);
  Expr compare_less(Affine d, const Expr& from);
  Expr compare_equal(BinaryOp op, Affine d, const Expr& from);
  Expr equal_extremum(BinaryOp op, const Affine& d);
  Expr equation(BinaryOp op, Affine d, const Expr& from);
  bool solve(Affine& d) const;
  bool drop_operand(Affine& d) const;
  Expr make_min(BinaryOp op, const Expr& a, const Expr& b, const Expr& from);
  Expr make_logic(BinaryOp op, const Expr& a, const Expr& b, const Expr& from);

  // simplify_prove.cpp
  bool negative(const Affine& sum);
  bool negative(const Affine& sum, int depth);
  bool negative_by_fact(const Affine& sum, int depth);
  bool negative_by_range(const Affine& sum, int depth);
  bool negative_by_atom(const Affine& sum, const AffineTerm& t, int depth);
  std::optional<Affine> replaced(const Affine& sum, const AffineTerm& t, const Expr& by,
                                 int64_t scale = 1) const;

  // simplify.cpp
  Stmt for_loop(const Stmt& s, const For& f);
  Stmt let_(const Stmt& s, const Let& l);
  Stmt branch(const Stmt& s, const If& i);
  Stmt store_(const Stmt& s, const Store& st);
  Stmt prefetch_(const Stmt& s, const Prefetch& p);
  Stmt alloc_(const Stmt& s, const Alloc& a);
  Stmt sequence(const Stmt& s, const Seq& q);
  Stmt compute_(const Stmt& s, const Compute& c);
  Stmt with(VarRef var, Expr value, const Stmt& body);
  BufferRef map(const BufferRef& b) const;

  Bounds bounds_;
  std::vector<std::pair<VarRef, Expr>> replaced_;  // variables that lets and loops of extent 1 gave up
  BufferMap buffers_;                              // allocations whose shape changed
  std::unordered_map<const Node*, std::pair<Expr, Expr>> memo_;  // shared nodes, in the present scope
  int failures_ = 0;                                             // sums that could not be collected
  int budget_ = 0;                                               // steps left of a proof
};

/// Whether `e` is a number, or a broadcast of one.
[[nodiscard]] bool is_constant(const Expr& e);

/// For map_children of an expression, whose children are expressions all.
struct ExprsOnly {
  Simplifier& simplifier;
  Expr operator()(const Expr& e) const { return simplifier.expr(e); }
  Stmt operator()(const Stmt& s) const { return s; }
};

/// The node that some rule of rules.h makes of `e`, whose operands are simplified;
/// null where none matches.
[[nodiscard]] Expr apply_rules(const Expr& e, Simplifier& s);

}  // namespace tc::ir::detail
