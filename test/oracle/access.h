// What a stage reads, as little programs over the values of its axes: the part of an
// expression that decides which elements are touched. Nothing is computed from the
// elements themselves.
#pragma once
#include <stdexcept>
#include <vector>

#include "tc/te/tensor.h"

namespace tc::test::oracle {

/// The program has something of which the oracle knows no meaning, e.g. an index that
/// is read from memory.
struct Unjudged : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// An integer expression over slots.
class Index {
 public:
  /// `vars[i]` is slot i. Throws Unjudged where the expression reads memory.
  Index(const Expr& e, const std::vector<VarRef>& vars);
  [[nodiscard]] int64_t at(const std::vector<int64_t>& slots) const;

 private:
  struct Node {
    enum Op { imm, slot, binary, negate, invert, choose } op;
    ir::BinaryOp binary_op = ir::BinaryOp::add;
    int64_t value = 0;
    int a = -1, b = -1, c = -1;
  };
  int add(const Expr& e, const std::vector<VarRef>& vars);
  [[nodiscard]] int64_t eval(int node, const std::vector<int64_t>& slots) const;
  std::vector<Node> nodes_;
  int root_ = -1;
};

/// One read: where, and under which conditions of if_then_else.
struct Access {
  BufferRef buffer;
  std::vector<Index> index;
  std::vector<std::pair<Index, bool>> when;
  [[nodiscard]] bool happens(const std::vector<int64_t>& slots) const {
    for (const auto& [condition, wanted] : when)
      if ((condition.at(slots) != 0) != wanted) return false;
    return true;
  }
};

/// The reads of an expression, which is no reduction.
void collect_accesses(const Expr& e, const std::vector<VarRef>& vars, std::vector<Access>& out);

}  // namespace tc::test::oracle
