// An expression is evaluated on all tiles of a box at once, one instruction an operation, in
// registers: grids of tiles. The ALU overwrites its first operand, so a result takes the place of
// an operand that is not needed any more, else of a copy (reset, add), which goes where
// the result is to be, or to tiles that no stage has.
#include "alu.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>

#include "tc/ir/print.h"

namespace tc::accel {
namespace {

using Node = AluNode::Op;

// The tiles of a grid, sorted, each once.
std::vector<int64_t> tiles_of(const Grid& grid, const std::vector<int64_t>& counts) {
  std::vector<int64_t> out;
  for_each_tile(grid, counts, [&](int64_t t) { out.push_back(t); });
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

bool disjoint(const std::vector<int64_t>& a, const std::vector<int64_t>& b) {
  if (a.back() < b.front() || b.back() < a.front()) return true;
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a[i] == b[j]) return false;
    a[i] < b[j] ? ++i : ++j;
  }
  return true;
}

// Equal tiles in every iteration.
bool same(const Grid& a, const Grid& b, const std::vector<int64_t>& counts) {
  if (a.first != b.first) return false;
  for (size_t i = 0; i < counts.size(); ++i)
    if (counts[i] > 1 && a.steps[i] != b.steps[i]) return false;
  return true;
}

class AluLowering {
 public:
  AluLowering(const AluTask& task, const Dead& dead, const Tree& tree, const std::vector<Places::Gap>& free)
      : task_(task), leaf_(*task.leaf), config_(tree.buffers.config()), tree_(tree), free_(free) {
    size_ = 1;
    for (const int64_t n : task.counts) size_ *= n;
    const bool stores = leaf_.kind == Leaf::Kind::store;
    const std::vector<int64_t> dst = tiles_of(task.dst, task.counts);
    repeats_ = static_cast<int64_t>(dst.size()) != size_;
    std::vector<std::vector<int64_t>> sets;
    for (const Grid& g : task.operands) sets.push_back(tiles_of(g, task.counts));
    own_.assign(sets.size(), false);
    for (size_t i = 0; i < sets.size(); ++i) {
      const bool self = !stores && same(task.operands[i], task.dst, task.counts);
      has_self_ = has_self_ || self;
      if (!stores && !self && !disjoint(sets[i], dst)) order_error(task.leaf->operands[i].buffer);
      bool alone = static_cast<int64_t>(sets[i].size()) == size_;
      for (size_t j = 0; j < sets.size(); ++j) alone = alone && (i == j || disjoint(sets[i], sets[j]));
      own_[i] = alone && (self || dead[i]);
    }
  }

  std::vector<Op> run() {
    if (repeats_ && leaf_.kind == Leaf::Kind::store) order_error(leaf_.dst.buffer);
    if (repeats_)
      reduce();
    else
      in_pieces(task_.counts, std::vector<int64_t>(task_.counts.size(), 0),
                [&](const auto& counts, const auto& first) { piece(counts, first); });
    return std::move(ops_);
  }

 private:
  // Tiles by iteration of the current piece of the box.
  struct Reg {
    Grid grid;
    bool owned = false;  // may be overwritten
  };
  struct Value {
    std::optional<int64_t> number;
    Reg reg;
  };
  struct NoRoom {};  // for intermediate results of the piece

  [[noreturn]] void order_error(int buffer) const {
    throw Error("codegen.accel.order",
                fmt::format("iterations of one statement depend on each other through {}",
                            tree_.buffers[buffer].ref->name))
        .fact("statement", ir::to_string(ir::Stmt(leaf_.statement)))
        .fix("write to another stage than is read, or let the loop run outside the statement");
  }

  static Grid moved(const Grid& g, const std::vector<int64_t>& first) {
    Grid out = g;
    for (size_t i = 0; i < first.size(); ++i) out.first += g.steps[i] * first[i];
    return out;
  }

  // Calls f(counts, first) for the whole box at once, or where intermediate results find no
  // room for its halves.
  template <class F>
  void in_pieces(const std::vector<int64_t>& counts, const std::vector<int64_t>& first, const F& f) {
    const size_t before = ops_.size();
    try {
      f(counts, first);
      return;
    } catch (const NoRoom&) {
      ops_.resize(before);
    }
    size_t longest = 0;
    for (size_t i = 0; i < counts.size(); ++i)
      if (counts[i] > counts[longest]) longest = i;
    if (counts.empty() || counts[longest] == 1) no_room([&] { f(counts, first); });
    std::vector<int64_t> half = counts, rest = counts, behind = first;
    half[longest] /= 2, rest[longest] -= half[longest], behind[longest] += half[longest];
    in_pieces(half, first, f);
    in_pieces(rest, behind, f);
  }

  // Not even for single tiles; `again` computes them once more, to see what they would take.
  [[noreturn]] void no_room(const std::function<void()>& again) {
    constexpr int64_t kPlenty = int64_t{1} << 32;
    int64_t free = 0;
    for (const Places::Gap& g : free_) free += g.count;
    plenty_ = kPlenty;
    again();
    const int64_t needed = kPlenty - plenty_;
    throw Error("codegen.accel.capacity",
                fmt::format("acc, of {} tiles, has {} free for what {} computes on the way, which takes {}",
                            config_.acc_depth, free, leaf_.statement->buffer->name, needed))
        .fact("statement", ir::to_string(ir::Stmt(leaf_.statement)))
        .fix(fmt::format("leave {} tiles of acc free: split the stages in acc by smaller factors, use fewer "
                         "virtual threads, or a machine with an acc_depth of at least {}",
                         needed, config_.acc_depth - free + needed));
  }

  void begin(const std::vector<int64_t>& counts, const std::vector<int64_t>& first, const AluExpr& expr) {
    counts_ = counts;
    gaps_ = plenty_ == 0 ? free_ : std::vector<Places::Gap>();
    operands_.clear();
    for (const Grid& g : task_.operands) operands_.push_back(moved(g, first));
    uses_.assign(operands_.size(), 0);
    for (const AluNode& n : expr.nodes)
      if (n.op == Node::operand) ++uses_[static_cast<size_t>(n.number)];
    expr_ = &expr;
    target_.reset();
  }

  void piece(const std::vector<int64_t>& counts, const std::vector<int64_t>& first) {
    begin(counts, first, leaf_.expr);
    const Grid dst = moved(task_.dst, first);
    const bool stores = leaf_.kind == Leaf::Kind::store;
    if (!stores && !has_self_) target_ = dst;
    Value v = eval(leaf_.expr.root());
    if (stores) {
      store(v.number ? in_register(v).grid : v.reg.grid, dst);
    } else if (v.number) {
      fill(dst, *v.number);
    } else if (!same(v.reg.grid, dst, counts_)) {
      copy(dst, v.reg.grid);
    }
  }

  // dst = op(dst, expression), several times for one dst. Sums, products, minima and maxima
  // do not depend on the order.
  void reduce() {
    if (!leaf_.reduce_op) order_error(leaf_.dst.buffer);
    for (const AluNode& n : leaf_.reduced.nodes)
      if (n.op == Node::operand &&
          same(task_.operands[static_cast<size_t>(n.number)], task_.dst, task_.counts))
        order_error(leaf_.dst.buffer);
    const AluNode& root = leaf_.reduced.nodes.back();
    const std::vector<int64_t> origin(task_.counts.size(), 0);
    const bool direct =
        leaf_.reduced.nodes.size() == 1 && (root.op == Node::operand || fits_immediate(root.number));
    if (direct) {
      begin(task_.counts, origin, leaf_.reduced);
      if (root.op == Node::operand)
        emit(op_of(*leaf_.reduce_op), task_.dst, operands_[static_cast<size_t>(root.number)]);
      else
        emit(op_of(*leaf_.reduce_op), task_.dst, root.number);
      return;
    }
    // Each iteration of the loops that come to a tile again computes its part on its own.
    std::fill(own_.begin(), own_.end(), false);
    std::vector<int64_t> counts = task_.counts, first = origin;
    std::vector<size_t> again;
    for (size_t i = 0; i < counts.size(); ++i)
      if (task_.dst.steps[i] == 0 && counts[i] > 1) again.push_back(i), counts[i] = 1;
    if (tiles_of(task_.dst, counts).size() != static_cast<size_t>(size_of(counts)))
      order_error(leaf_.dst.buffer);
    while (true) {
      in_pieces(counts, first, [&](const auto& c, const auto& f) { reduce_piece(c, f); });
      size_t k = again.size();
      while (k > 0 && ++first[again[k - 1]] == task_.counts[again[k - 1]]) first[again[--k]] = 0;
      if (k == 0) return;
    }
  }

  void reduce_piece(const std::vector<int64_t>& counts, const std::vector<int64_t>& first) {
    begin(counts, first, leaf_.reduced);
    const Value v = eval(leaf_.reduced.root());
    const Grid dst = moved(task_.dst, first);
    if (v.number && fits_immediate(*v.number))
      emit(op_of(*leaf_.reduce_op), dst, *v.number);
    else
      emit(op_of(*leaf_.reduce_op), dst, v.number ? constant(*v.number) : v.reg.grid);
  }

  // ---- instructions

  static bool fits_immediate(int64_t v) { return v >= -(1 << 15) && v < 1 << 15; }
  static isa::AluOp op_of(Node op) {
    switch (op) {
      case Node::min:
        return isa::AluOp::min;
      case Node::max:
        return isa::AluOp::max;
      case Node::mul:
        return isa::AluOp::mul;
      case Node::shr:
        return isa::AluOp::shr;
      default:
        return isa::AluOp::add;
    }
  }

  void emit(Op op, const Grid& dst, const Grid& src) {
    std::vector<Stride> loops;
    for (size_t i = 0; i < counts_.size(); ++i)
      loops.push_back({counts_[i], {dst.steps[i], src.steps[i], 0}});
    op.leaf = &leaf_;
    make_kernels({dst.first, src.first, 0}, std::move(loops), config_, [&](Kernel k) {
      Op one = op;
      one.kernel = op.kind == Op::Kind::reset ? without_source_steps(std::move(k)) : std::move(k);
      ops_.push_back(std::move(one));
    });
  }
  void emit(isa::AluOp alu, const Grid& dst, const Grid& src) {
    Op op;
    op.kind = Op::Kind::alu, op.alu_op = alu;
    emit(std::move(op), dst, src);
  }
  // Where the operand is an immediate, src names the tile too: VTA's Chisel design reads it there.
  void emit(isa::AluOp alu, const Grid& dst, int64_t imm) {
    Op op;
    op.kind = Op::Kind::alu_imm, op.alu_op = alu, op.imm = imm;
    emit(std::move(op), dst, dst);
  }
  void reset(const Grid& dst) {
    Op op;
    op.kind = Op::Kind::reset;
    emit(std::move(op), dst, dst);
  }
  void copy(const Grid& dst, const Grid& src) {
    reset(dst);
    emit(isa::AluOp::add, dst, src);
  }
  // Immediates have 16 bits: longer constants come in two parts.
  void fill(const Grid& dst, int64_t number) {
    reset(dst);
    if (fits_immediate(number)) {
      if (number != 0) emit(isa::AluOp::add, dst, number);
      return;
    }
    const auto low = static_cast<int64_t>(static_cast<int16_t>(number));
    emit(isa::AluOp::add, dst, static_cast<int64_t>(static_cast<int16_t>((number - low) >> 16)));
    emit(isa::AluOp::shr, dst, -16);
    if (low != 0) emit(isa::AluOp::add, dst, low);
  }

  // Results go to consecutive tiles of OUT; their places in memory may be any.
  void store(const Grid& from, const Grid& to) {
    std::vector<TileMove> moves;
    for_each_tile(from, counts_, [&](int64_t t) { moves.push_back({t, 0}); });
    size_t i = 0;
    for_each_tile(to, counts_, [&](int64_t t) { moves[i++].dram = t; });
    // One tile may go to several places, in as many stores.
    std::stable_sort(moves.begin(), moves.end(),
                     [](const TileMove& a, const TileMove& b) { return a.sram < b.sram; });
    while (!moves.empty()) {
      std::vector<TileMove> now, later;
      for (const TileMove& m : moves) (!now.empty() && now.back().sram == m.sram ? later : now).push_back(m);
      for (const TileBlock& b : make_blocks(std::move(now), 0)) {
        Op op;
        op.kind = Op::Kind::store;
        op.mem = isa::MemId::out;
        op.block = b;
        op.buffer = leaf_.dst.buffer;
        op.leaf = &leaf_;
        ops_.push_back(std::move(op));
      }
      moves = std::move(later);
    }
  }

  // ---- registers

  static int64_t size_of(const std::vector<int64_t>& counts) {
    int64_t n = 1;
    for (const int64_t c : counts) n *= c;
    return n;
  }

  int64_t take(int64_t tiles) {
    for (Places::Gap& g : gaps_)
      if (g.count >= tiles) {
        const int64_t at = g.first;
        g.first += tiles, g.count -= tiles;
        return at;
      }
    if (plenty_ == 0) throw NoRoom();
    plenty_ -= tiles;
    return 0;
  }

  // A tile for every iteration: where the result is to be, the first time.
  Grid fresh() {
    if (target_) {
      const Grid g = *target_;
      target_.reset();
      return g;
    }
    Grid g{take(size_of(counts_)), std::vector<int64_t>(counts_.size())};
    int64_t step = 1;
    for (size_t i = counts_.size(); i-- > 0;) g.steps[i] = step, step *= counts_[i];
    return g;
  }
  Reg in_register(const Value& v) {
    if (!v.number && v.reg.owned) return v.reg;
    const Grid g = fresh();
    if (v.number)
      fill(g, *v.number);
    else
      copy(g, v.reg.grid);
    return {g, true};
  }
  // One tile of a constant, for all iterations.
  Grid constant(int64_t number) {
    Grid g{take(1), std::vector<int64_t>(counts_.size(), 0)};
    const std::vector<int64_t> counts = counts_;
    counts_.assign(counts.size(), 1);
    fill(g, number);
    counts_ = counts;
    return g;
  }

  // ---- expressions

  Value eval(int i) {
    const AluNode& n = expr_->nodes[static_cast<size_t>(i)];
    switch (n.op) {
      case Node::number:
        return {n.number, {}};
      case Node::operand: {
        const auto k = static_cast<size_t>(n.number);
        // One that is read again later must stay, also while another read of it waits.
        return {std::nullopt, {operands_[k], uses_[k] == 1 && own_[k]}};
      }
      case Node::wrap: {  // to the top and back, which extends the sign
        const Reg r = in_register(eval(n.a));
        emit(isa::AluOp::shr, r.grid, n.number - config_.acc_bits);
        emit(isa::AluOp::shr, r.grid, config_.acc_bits - n.number);
        return {std::nullopt, r};
      }
      case Node::shl: {
        const Reg r = in_register(eval(n.a));
        emit(isa::AluOp::shr, r.grid, -expr_->nodes[static_cast<size_t>(n.b)].number);
        return {std::nullopt, r};
      }
      case Node::sub:
        return subtract(eval(n.a), eval(n.b));
      case Node::shr: {
        const Value a = eval(n.a), b = eval(n.b);
        return with(n.op, in_register(a), b);
      }
      default: {
        Value a = eval(n.a), b = eval(n.b);
        // Commutative: the operand that may be overwritten comes first.
        if (a.number || (!b.number && !a.reg.owned && b.reg.owned)) std::swap(a, b);
        return with(n.op, in_register(a), b);
      }
    }
  }

  Value with(Node op, const Reg& a, const Value& b) {
    if (b.number && fits_immediate(*b.number))
      emit(op_of(op), a.grid, *b.number);
    else
      emit(op_of(op), a.grid, b.number ? constant(*b.number) : b.reg.grid);
    return {std::nullopt, a};
  }

  Value subtract(const Value& a, const Value& b) {
    if (b.number) return with(Node::add, in_register(a), Value{-*b.number, {}});
    if (!a.number && a.reg.owned && !b.reg.owned) {  // -(-a + b)
      emit(isa::AluOp::mul, a.reg.grid, -1);
      emit(isa::AluOp::add, a.reg.grid, b.reg.grid);
      emit(isa::AluOp::mul, a.reg.grid, -1);
      return a;
    }
    const Reg r = in_register(b);
    emit(isa::AluOp::mul, r.grid, -1);
    return with(Node::add, r, a);
  }

  const AluTask& task_;
  const Leaf& leaf_;
  const isa::MachineConfig& config_;
  const Tree& tree_;
  const std::vector<Places::Gap>& free_;
  int64_t size_ = 1;
  bool repeats_ = false, has_self_ = false;
  std::vector<bool> own_;  // operands that may be overwritten where they are read once
  std::vector<Op> ops_;
  int64_t plenty_ = 0;  // tiles beyond those that there are, counted for an error's sake

  // Of the piece at work.
  std::vector<int64_t> counts_;
  std::vector<Places::Gap> gaps_;
  std::vector<Grid> operands_;
  std::vector<int> uses_;
  const AluExpr* expr_ = nullptr;
  std::optional<Grid> target_;
};

}  // namespace

std::vector<Op> alu_ops(const AluTask& task, const Dead& dead, const Tree& tree,
                        const std::vector<Places::Gap>& free) {
  return AluLowering(task, dead, tree, free).run();
}

}  // namespace tc::accel
