// The reference semantics: what a function of any form (te, nested, flat,
// vectors) computes, by running it. Everything else is tested against this.
// It is checked, not fast: 5 to 10 ns a scalar operation, 1 to 2 ns a lane.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tc/ir/stmt.h"

namespace tc::ir {

/// A row-major tensor in the caller's memory.
struct TensorView {
  DType type;
  std::vector<int64_t> shape;
  void* data = nullptr;
};

/// In which order the iterations of `parallel` and `vthread` loops run: no correct
/// program can tell them apart.
enum class LoopOrder : uint8_t { forward, reverse, shuffled };

/// One element: `f` of a float type, `i` of an integer or bool one (u64 as its bits).
struct Value {
  DType type;
  int64_t i = 0;
  double f = 0;
  [[nodiscard]] double as_double() const;
  friend bool operator==(const Value&, const Value&) = default;
};
/// 3, -7, true, 0.5: as in IR text, without the type.
[[nodiscard]] std::string to_string(const Value& value);

/// One write of an element, as it happened.
struct Write {
  Value value;
  std::string statement;                               // the first line of its text
  int lane = -1;                                       // of a vector: which one
  std::vector<std::pair<std::string, int64_t>> loops;  // around it, outermost first
};

/// Who wrote this element? Asked with `buffer` and `index`, answered in `writes`.
struct Watch {
  std::string buffer;           // every buffer of that name, whenever it lives
  std::vector<int64_t> index;   // as it is stored: in a stage that is computed at a loop, of its part
  int64_t max_writes = 10'000;  // that are kept; `count` goes on
  std::vector<Write> writes;    // in the order in which they happened
  int64_t count = 0;
};

struct InterpretOptions {
  /// Scalar operations until ir.interpret.steps.
  int64_t max_steps = 10'000'000'000;
  /// Bytes of all buffers that the function allocates, until ir.interpret.memory.
  int64_t max_bytes = int64_t{1} << 32;
  /// Within one parallel, vthread or vectorized loop, an element that an iteration
  /// writes must not be read or written by another one.
  bool detect_races = true;
  /// Elements must be written before they are read.
  bool detect_uninitialized = true;
  /// Whether the parameters that the function stores to hold values already.
  bool initialized_outputs = false;
  /// Values of sizes that no parameter's dimension gives by itself, as in flat functions; found
  /// by identity, else by name.
  std::vector<std::pair<VarRef, int64_t>> sizes;
  /// Notes the writes of one element; error ir.interpret.watch where there is no such buffer.
  Watch* watch = nullptr;
  LoopOrder order = LoopOrder::forward;
  uint64_t seed = 0;  // of LoopOrder::shuffled
};

/// Runs `f` on `args`, one a parameter. Errors: ir.interpret.bounds,
/// .uninitialized, .race, .div_by_zero, .shift, .steps, .memory, .args and
/// .unbound; they name the buffer, index and extents, the loop variables and
/// the statement.
[[nodiscard]] Check interpret(const FuncRef& f, std::span<const TensorView> args,
                              const InterpretOptions& options = {});

/// Single elements of a function in te form, computed from the inputs alone:
/// intermediate elements are computed as they are needed, and once. For
/// checking operators too large to interpret whole.
class ElementEvaluator {
 public:
  /// `args` one a parameter; those that the function computes need no data.
  [[nodiscard]] static Expected<ElementEvaluator> make(const FuncRef& te_form,
                                                       std::span<const TensorView> args,
                                                       const InterpretOptions& options = {});
  ~ElementEvaluator();
  ElementEvaluator(ElementEvaluator&&) noexcept;
  ElementEvaluator& operator=(ElementEvaluator&&) noexcept;

  /// The element of a computed buffer. Errors as for interpret(); the budget
  /// max_steps is for all calls together.
  [[nodiscard]] Expected<Value> at(const BufferRef& buffer, std::span<const int64_t> index);

 private:
  struct State;
  explicit ElementEvaluator(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Many elements of one buffer; they share intermediate results.
[[nodiscard]] Expected<std::vector<Value>> evaluate_at(const FuncRef& te_form, const BufferRef& buffer,
                                                       std::span<const std::vector<int64_t>> indices,
                                                       std::span<const TensorView> args,
                                                       const InterpretOptions& options = {});
[[nodiscard]] Expected<Value> evaluate_at(const FuncRef& te_form, const BufferRef& buffer,
                                          const std::vector<int64_t>& index, std::span<const TensorView> args,
                                          const InterpretOptions& options = {});

}  // namespace tc::ir
