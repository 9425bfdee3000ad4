// The machine that runs the interpreter's bytecode. Private to lib/ir.
#pragma once
#include "interpret_code.h"

namespace tc::ir::interp {

/// When an element was last written and read, on the clock of Clock; 0: never.
struct Shadow {
  uint32_t written = 0, read = 0;
};

/// A buffer while it lives.
struct Storage {
  void* data = nullptr;
  std::vector<int64_t> extents;
  int64_t size = 0;
  std::vector<Shadow> shadow;  // empty where nothing is checked
  uint32_t birth = 0;          // what was written before belongs to an earlier life; 0: initialised
  int64_t watched = -1;        // the element whose writes are noted
  std::vector<std::byte> own;
};

class Machine {
 public:
  Machine(Program program, std::span<const TensorView> args, const InterpretOptions& options, bool lazy);

  /// Runs from `pc` to the next `end`. Throws ir.interpret.*.
  void run(int64_t pc);
  /// The value of component `component` of a fragment at these indices.
  Slot element(uint32_t fragment, uint32_t component, const int64_t* index);
  [[nodiscard]] const Program& program() const { return p_; }
  [[nodiscard]] const Storage& storage(uint32_t buffer) const { return buffers_[buffer]; }
  /// Forgets what an error left behind.
  void reset() {
    frames_.clear();
    levels_.clear();
    nesting_ = 0;
  }

 private:
  struct Frame {
    const Var* var;
    uint32_t reg;
    int64_t min, extent, done;
    int64_t step, offset;  // permuted: this iteration is `offset`, the next one (offset + step) % extent
    bool concurrent, permuted;
  };
  // An instance of a parallel loop and the iteration that it is in, as the
  // times at which they began. Time is preorder: an access at time x was made
  // in this instance where x >= instance, and in this iteration where x >= iteration.
  struct Level {
    uint32_t instance, iteration;
  };

  void bind_args(std::span<const TensorView> args);
  int64_t given_size(const Var& v) const;
  void alloc(const Instr& i);
  void own_memory(Storage& s, const Buffer& b);
  void run_whole(size_t which);
  void for_begin(const Instr& i, const Var* var);
  bool for_next(const Instr& i);
  void set_variable(const Frame& f, DType type);
  uint32_t tick();
  void demand(const Instr& i, Slot* dst);
  void charge(int64_t cost);

  void watch();
  void find_watched(const Buffer& b, Storage& s) const;
  void note_watched(const Instr& i, uint32_t lane, Slot value);
  int64_t offset(const Instr& i, const Storage& s, uint32_t lane);
  void note_read(const Instr& i, Storage& s, int64_t at, uint32_t lane);
  void note_write(const Instr& i, Storage& s, int64_t at, uint32_t lane);
  // The loop in another iteration of which time x lies, or -1.
  [[nodiscard]] int conflict(uint32_t x) const {
    for (int l = static_cast<int>(levels_.size()) - 1; l >= 0; --l)
      if (levels_[static_cast<size_t>(l)].instance <= x)
        return x < levels_[static_cast<size_t>(l)].iteration ? l : -1;
    return -1;
  }
  template <class T, class F>
  void load_as(const Instr& i, Slot* dst, F&& convert);
  template <class T, class F>
  void store_as(const Instr& i, const Slot* src, F&& convert);
  void load(const Instr& i, Slot* dst);
  void store(const Instr& i, const Slot* src);

  [[noreturn]] void fail(const Instr& i, std::string_view code, std::string message,
                         std::string fix = "") const;
  [[noreturn]] void fail_access(const Instr& i, std::string_view code, std::string message, uint32_t lane,
                                std::string fix = "") const;
  [[nodiscard]] std::string index_text(const Instr& i, uint32_t lane) const;
  [[nodiscard]] Error located(Error e, const Instr& i) const;

  Program p_;
  InterpretOptions options_;
  bool lazy_;
  bool checked_;  // whether shadows are kept
  std::vector<Slot> regs_;
  std::vector<Storage> buffers_;
  std::vector<Frame> frames_;
  std::vector<Level> levels_;
  uint32_t now_ = 1;
  int64_t steps_left_, bytes_left_;
  int nesting_ = 0;
  std::vector<std::unordered_map<int64_t, std::vector<Slot>>> memo_;  // by fragment
  std::vector<bool> whole_ran_;
};

/// What a slot holds of a value of this type.
[[nodiscard]] Value value_of(DType type, Slot s);
/// Operations too rare to stand in the main loop; they throw nothing.
[[nodiscard]] double math(CallOp op, double x);
[[nodiscard]] Slot reinterpreted(DType from, DType to, Slot s);

}  // namespace tc::ir::interp
