// Compiling for the interpreter: the part that expressions need. What compiles
// statements derives from it. Private to the interpreter.
#pragma once
#include <string>
#include <vector>

#include "interpret_code.h"
#include "tc/ir/traverse.h"

namespace tc::ir::interp {

/// A loop whose body is being compiled.
struct LoopCode {
  const Var* var;
  uint32_t reg;
  int64_t begin, cost_before;
};

class ExprCompiler {
 protected:
  ExprCompiler(const FuncRef& f, bool lazy) : lazy_(lazy) { p.func = f; }
  ~ExprCompiler() = default;

  Program p;
  bool lazy_;
  uint32_t next_ = 0, most_ = 0;
  int64_t cost_ = 0;
  const StmtNode* at_ = nullptr;
  std::unordered_map<const Node*, uint32_t> regs_, buffers_;
  std::unordered_map<int64_t, uint32_t> constants_;
  std::unordered_map<const Node*, bool> stored_;
  std::vector<BufferRef> inside_;  // lazy: the buffers of the statement that runs as a whole

  // ---- registers and code
  /// The first of registers for so many lanes.
  uint32_t fresh(int lanes);
  /// The place of the instruction.
  int64_t emit(Instr i);
  [[nodiscard]] int64_t here() const { return static_cast<int64_t>(p.code.size()); }
  static uint16_t lanes(DType t) { return t.lanes; }
  uint32_t constant(Slot s);
  uint32_t integer(int64_t v) { return constant({.i = v}); }
  uint32_t number(DType t, double v);
  uint32_t copy(uint32_t r, DType t);

  // ---- names
  [[nodiscard]] uint32_t buffer(const Buffer& b) const;
  [[nodiscard]] uint32_t variable(const Var& v) const;
  /// The first line of the statement that is compiled.
  [[nodiscard]] std::string where() const;

  // ---- loops
  /// A loop costs, for each iteration, the code inside it but not that of inner loops.
  template <class F>
  void loop(const Var& v, uint32_t min, uint32_t extent, LoopMode mode, F&& body) {
    const LoopCode l = begin_loop(v, min, extent, mode);
    body();
    end_loop(l);
  }
  /// The registers of all components.
  std::vector<uint32_t> reduction(const Reduce& r);

  // ---- expressions
  /// The result's register: a new one, or that of a variable or constant.
  uint32_t expr(const Expr& e);
  /// The place of the operands.
  int64_t indices(const std::vector<Expr>& at);

 private:
  LoopCode begin_loop(const Var& v, uint32_t min, uint32_t extent, LoopMode mode);
  void end_loop(const LoopCode& l);
  void fold(const Reduce& r, size_t d, const std::vector<uint32_t>& mins,
            const std::vector<uint32_t>& extents, const std::vector<uint32_t>& acc);
  void operation(const Expr& e, uint32_t dst);
  void wrapped(DType t, uint16_t n, uint32_t r);
  void rounded(DType t, uint16_t n, uint32_t r);
  void binary(BinaryOp op, DType t, uint16_t n, uint32_t dst, uint32_t x, uint32_t y);
  void vector_reduce(const VectorReduce& r, uint32_t dst);
  void load(const Load& l, uint32_t dst);
  void convert(DType from, DType to, uint32_t dst, uint32_t x);
  void call(const Call& c, uint32_t dst);
  void choose(const Call& c, uint32_t dst);
};

}  // namespace tc::ir::interp
