// Statements and functions.
#pragma once
#include "tc/ir/expr.h"

namespace tc::ir {

/// serial: in order. parallel: any order, any number at once; iterations must
/// not touch what another one writes. vectorized: all at once, lane by lane.
/// unrolled: in order, replicated before code generation. vthread: virtual threads,
/// whose statements take turns, with storage of each one's own for what is allocated
/// inside; as with parallel, they must not touch what another one writes.
enum class LoopMode : uint8_t { serial, parallel, vectorized, unrolled, vthread };
[[nodiscard]] std::string_view to_string(LoopMode mode);

/// Runs `body` once per value of `var` in [min, min + extent), in an order that
/// `mode` constrains; not at all where extent <= 0.
struct For : StmtOf<Kind::For> {
  VarRef var;
  Expr min, extent;
  LoopMode mode = LoopMode::serial;
  Stmt body;
  static constexpr std::string_view syntax = "for {var} in [{min}, +{extent}) {mode} {{body}}";
  static constexpr auto fields() {
    return std::tuple{use("min", &For::min), use("extent", &For::extent), attr("mode", &For::mode),
                      def("var", &For::var), use("body", &For::body)};
  }
};

/// Writes an element, or with a vector index as many as it has lanes (lanes in
/// order, so that of equal addresses the last one stays).
struct Store : StmtOf<Kind::Store> {
  BufferRef buffer;
  std::vector<Expr> indices;
  Expr value;
  static constexpr std::string_view syntax = "{buffer}[{indices}] = {value}";
  static constexpr auto fields() {
    return std::tuple{use("buffer", &Store::buffer), use("indices", &Store::indices),
                      use("value", &Store::value)};
  }
};

/// A hint that the element will be read soon. It computes nothing, and its index, of
/// scalars, may lie outside of the buffer.
struct Prefetch : StmtOf<Kind::Prefetch> {
  BufferRef buffer;
  std::vector<Expr> indices;
  static constexpr std::string_view syntax = "prefetch {buffer}[{indices}]";
  static constexpr auto fields() {
    return std::tuple{use("buffer", &Prefetch::buffer), use("indices", &Prefetch::indices)};
  }
};

/// Storage for `buffer` while `body` runs, uninitialised at its start. With
/// `double_buffer` there are two places, and each run of this statement takes the other
/// one than the run before, so that filling one may overlap with reading the other:
/// where loads run beside arithmetic it matters, to values it does not.
struct Alloc : StmtOf<Kind::Alloc> {
  BufferRef buffer;
  bool double_buffer = false;
  Stmt body;
  static constexpr std::string_view syntax = "alloc {buffer} {double_buffer}\n{body}";
  static constexpr auto fields() {
    return std::tuple{attr("double_buffer", &Alloc::double_buffer), def("buffer", &Alloc::buffer),
                      use("body", &Alloc::body)};
  }
};

/// One after the other; never nested in another Seq. Empty: does nothing.
struct Seq : StmtOf<Kind::Seq> {
  std::vector<Stmt> stmts;
  static constexpr std::string_view syntax = "{stmts}";
  static constexpr auto fields() { return std::tuple{use("stmts", &Seq::stmts)}; }
};

/// Runs one branch; `if_false` may be null.
struct If : StmtOf<Kind::If> {
  Expr condition;
  Stmt if_true, if_false;
  static constexpr std::string_view syntax = "if {condition} {{if_true}} else {{if_false}}";
  static constexpr auto fields() {
    return std::tuple{use("condition", &If::condition), use("if_true", &If::if_true),
                      use("if_false", &If::if_false)};
  }
};

/// Names a value in `body`.
struct Let : StmtOf<Kind::Let> {
  VarRef var;
  Expr value;
  Stmt body;
  static constexpr std::string_view syntax = "let {var}: {type} = {value}\n{body}";
  static constexpr auto fields() {
    return std::tuple{use("value", &Let::value), def("var", &Let::var), use("body", &Let::body)};
  }
};

/// te form only: for every index of buffers[0]'s shape (all buffers have the
/// same shape), buffers[i][vars] = values[i]. Several buffers: either every
/// value is a component of one Reduce, or none is a Reduce.
struct Compute : StmtOf<Kind::Compute> {
  std::vector<BufferRef> buffers;
  std::vector<VarRef> vars;
  std::vector<Expr> values;
  static constexpr std::string_view syntax = "compute {buffers}[{vars}] = {values}";
  static constexpr auto fields() {
    return std::tuple{use("buffers", &Compute::buffers), def("vars", &Compute::vars),
                      use("values", &Compute::values)};
  }
};

/// te form only: a recurrence over time. `body` is one compute or a sequence of
/// them, whose first axes have one extent. For each time from 0 up, each compute in
/// turn computes its elements of that time. It reads the computes of its scan at
/// earlier times, and those before it at its own.
struct Scan : StmtOf<Kind::Scan> {
  Stmt body;
  static constexpr std::string_view syntax = "scan {{body}}";
  static constexpr auto fields() { return std::tuple{use("body", &Scan::body)}; }
};

/// te form only: `writes`, computed from `reads` by statements in nested form, which
/// touch nothing else but what they allocate.
struct Extern : StmtOf<Kind::Extern> {
  std::vector<BufferRef> writes, reads;
  Stmt body;
  static constexpr std::string_view syntax = "extern {writes} of ({reads}) {{body}}";
  static constexpr auto fields() {
    return std::tuple{use("writes", &Extern::writes), use("reads", &Extern::reads),
                      use("body", &Extern::body)};
  }
};

/// A function of buffers. Those it stores to are its outputs.
struct Func : NodeOf<Kind::Func> {
  std::string name;
  std::vector<BufferRef> params;
  Stmt body;
  static constexpr std::string_view syntax = "func {name}({params}) {{body}}";
  static constexpr auto fields() {
    return std::tuple{attr("name", &Func::name), def("params", &Func::params), use("body", &Func::body)};
  }
};
using FuncRef = Ref<Func>;

// ---- making statements; errors as in expr.h.
[[nodiscard]] Stmt for_(VarRef var, Expr min, Expr extent, LoopMode mode, Stmt body);
[[nodiscard]] Stmt store(BufferRef buffer, std::vector<Expr> indices, Expr value);
[[nodiscard]] Stmt prefetch(BufferRef buffer, std::vector<Expr> indices);
[[nodiscard]] Stmt alloc(BufferRef buffer, Stmt body, bool double_buffer = false);
/// Flattens nested sequences and drops empty ones; a single statement is itself.
[[nodiscard]] Stmt seq(std::vector<Stmt> stmts);
[[nodiscard]] Stmt if_(Expr condition, Stmt if_true, Stmt if_false = nullptr);
[[nodiscard]] Stmt let(VarRef var, Expr value, Stmt body);
[[nodiscard]] Stmt compute(std::vector<BufferRef> buffers, std::vector<VarRef> vars,
                           std::vector<Expr> values);
/// Errors ir.scan (not computes over time) and ir.extern (no writes, or a buffer twice).
[[nodiscard]] Stmt scan(Stmt body);
[[nodiscard]] Stmt extern_(std::vector<BufferRef> writes, std::vector<BufferRef> reads, Stmt body);
[[nodiscard]] FuncRef func(std::string name, std::vector<BufferRef> params, Stmt body);
[[nodiscard]] bool is_empty(const Stmt& stmt);  // null or an empty Seq

}  // namespace tc::ir
