// Operations are taken in program order. Each one must wait for the last operation of a
// neighbouring unit that wrote what it touches or read what it writes. Units run in order, so
// that to have waited for one operation is to have waited for all before it, and for all that
// these had waited for: a clock for each operation says how far every unit is known to be when
// it runs, and an edge is made only where the clock says less than is needed.
//
// Tokens carry no names: the n-th that is given is the n-th that is taken. The edges from one
// unit to another have increasing senders, since an edge is made only beyond the clock, which
// never falls; and increasing takers, one edge each. So each token reaches its taker. Every
// edge goes forward in program order, so that no operations wait for each other in a circle.
#include "tokens.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "tc/isa/layout.h"

namespace tc::accel {
namespace {

using isa::Unit;

constexpr size_t at(Unit u) { return static_cast<size_t>(u); }
// How many operations of each unit are known to be done.
using Clock = std::array<int32_t, isa::kUnits>;

// For each place the number of the last operation of a unit that touched it; 0: none.
using Last = std::vector<int32_t>;

class Planner {
 public:
  explicit Planner(const Tree& tree) : tree_(tree) {
    const isa::MachineConfig& c = tree.buffers.config();
    inp_.resize(depth_of(c, Pad::inp));
    wgt_.resize(depth_of(c, Pad::wgt));
    acc_.resize(depth_of(c, Pad::acc));
  }

  std::vector<Planned> run(std::vector<Op> ops) {
    find_shared(ops);
    out_.reserve(ops.size());
    for (Op& op : ops) {
      const Unit unit = unit_of(op);
      Clock needed{};
      look(op, needed);
      relay(unit, needed);
      const int32_t number = append(std::move(op), needed);
      mark(out_.back().op, number);
    }
    return std::move(out_);
  }

 private:
  // Of a scratchpad: the last writer (load, or compute for ACC) and reader of another unit.
  struct Tiles {
    Last written, read;
    void resize(int64_t n) {
      written.assign(static_cast<size_t>(n), 0);
      read.assign(static_cast<size_t>(n), 0);
    }
  };
  // Of a buffer in memory that is both stored to and loaded from: cells of `grain` bytes.
  struct Shared {
    int64_t grain = 0;
    std::array<Last, isa::kUnits> last;  // by unit: stores write, the others read
  };

  static void raise(int32_t& needed, int32_t number) { needed = std::max(needed, number); }

  // ---- memory

  int64_t element_bytes(const Op& op) const { return isa::element_bytes(tree_.buffers.config(), op.mem); }

  void find_shared(const std::vector<Op>& ops) {
    std::vector<bool> loaded(tree_.buffers.size()), stored(tree_.buffers.size());
    for (const Op& op : ops) {
      if (op.kind == Op::Kind::load) loaded[static_cast<size_t>(op.buffer)] = true;
      if (op.kind == Op::Kind::store) stored[static_cast<size_t>(op.buffer)] = true;
    }
    shared_.resize(tree_.buffers.size());
    for (const Op& op : ops)
      if (op.buffer >= 0 && loaded[static_cast<size_t>(op.buffer)] &&
          stored[static_cast<size_t>(op.buffer)]) {
        int64_t& grain = shared_[static_cast<size_t>(op.buffer)].grain;
        grain = std::gcd(grain, element_bytes(op));
      }
    for (size_t i = 0; i < shared_.size(); ++i) {
      if (shared_[i].grain == 0) continue;
      const BufferInfo& b = tree_.buffers[static_cast<int>(i)];
      const int64_t cells = b.elements * b.ref->type.bytes() / shared_[i].grain + 1;
      for (Last& last : shared_[i].last) last.assign(static_cast<size_t>(cells), 0);
    }
  }

  // Calls f(cell) for what a transfer touches of a shared buffer.
  template <class F>
  void for_each_cell(const Op& op, F&& f) {
    if (op.buffer < 0) return;
    const int64_t grain = shared_[static_cast<size_t>(op.buffer)].grain;
    if (grain == 0) return;
    const int64_t cells = element_bytes(op) / grain;
    for (int64_t y = 0; y < op.block.rows; ++y)
      for (int64_t x = 0; x < op.block.cols * cells; ++x)
        f(static_cast<size_t>((op.block.dram + y * op.block.stride) * cells + x));
  }

  // ---- what an operation must wait for, by unit

  void look(const Op& op, Clock& needed) {
    const auto after = [](const Last& last, int32_t& n) {
      return [&last, &n](int64_t t) { raise(n, last[static_cast<size_t>(t)]); };
    };
    int32_t &load = needed[at(Unit::load)], &compute = needed[at(Unit::compute)],
            &store = needed[at(Unit::store)];
    switch (op.kind) {
      case Op::Kind::load: {
        const Tiles& pad = op.pad == Pad::inp ? inp_ : op.pad == Pad::wgt ? wgt_ : acc_;
        // Readers of ACC in another unit are stores.
        for (int64_t t = 0; t < tiles_of(op.block); ++t)
          after(pad.read, op.pad == Pad::acc ? store : compute)(op.block.sram + t);
        for_each_cell(op, [&](size_t c) {
          raise(store, shared_[static_cast<size_t>(op.buffer)].last[at(Unit::store)][c]);
        });
        break;
      }
      case Op::Kind::store:
        for (int64_t t = 0; t < tiles_of(op.block); ++t) after(acc_.written, compute)(op.block.sram + t);
        for_each_cell(op, [&](size_t c) {
          const auto& last = shared_[static_cast<size_t>(op.buffer)].last;
          raise(load, last[at(Unit::load)][c]);
          raise(compute, last[at(Unit::compute)][c]);
        });
        break;
      case Op::Kind::gemm:
        for_each_src(op.kernel, after(inp_.written, load));
        for_each_wgt(op.kernel, after(wgt_.written, load));
        for_each_dst(op.kernel, after(acc_.read, store));
        break;
      case Op::Kind::reset:
      case Op::Kind::alu:
      case Op::Kind::alu_imm:
        for_each_dst(op.kernel, after(acc_.read, store));
        break;
      default:
        break;
    }
  }

  void mark(const Op& op, int32_t number) {
    const auto set = [number](Last& last) {
      return [&last, number](int64_t t) { last[static_cast<size_t>(t)] = number; };
    };
    switch (op.kind) {
      case Op::Kind::load:
        for (int64_t t = 0; t < tiles_of(op.block); ++t)
          set(op.pad == Pad::inp   ? inp_.written
              : op.pad == Pad::wgt ? wgt_.written
                                   : acc_.written)(op.block.sram + t);
        break;
      case Op::Kind::store:
        for (int64_t t = 0; t < tiles_of(op.block); ++t) set(acc_.read)(op.block.sram + t);
        break;
      case Op::Kind::gemm:
        for_each_src(op.kernel, set(inp_.read));
        for_each_wgt(op.kernel, set(wgt_.read));
        for_each_dst(op.kernel, set(acc_.written));
        break;
      case Op::Kind::reset:
      case Op::Kind::alu:
      case Op::Kind::alu_imm:
        for_each_dst(op.kernel, set(acc_.written));
        break;
      default:
        break;
    }
    for_each_cell(
        op, [&](size_t c) { shared_[static_cast<size_t>(op.buffer)].last[at(unit_of(op))][c] = number; });
  }

  // ---- edges

  // Load and store pass no tokens to each other: compute stands between.
  void relay(Unit unit, const Clock& needed) {
    if (unit == Unit::compute) return;
    const Unit other = unit == Unit::load ? Unit::store : Unit::load;
    if (needed[at(other)] <= clock_[at(unit)][at(other)]) return;
    Clock first{};
    first[at(other)] = needed[at(other)];
    Op pass;
    pass.kind = Op::Kind::pass;
    relayed_ = append(std::move(pass), first);
  }

  // Adds an operation and the edges that it needs; gives its number.
  int32_t append(Op op, Clock needed) {
    const Unit unit = unit_of(op);
    if (unit != Unit::compute && relayed_ > 0) raise(needed[at(Unit::compute)], relayed_);
    relayed_ = 0;
    Planned p{std::move(op), {}};
    Clock& clock = clock_[at(unit)];
    for (const Unit from : {Unit::load, Unit::compute, Unit::store}) {
      const int distance = static_cast<int>(from) - static_cast<int>(unit);
      if (distance != 1 && distance != -1) continue;
      const int32_t number = needed[at(from)];
      if (number <= clock[at(from)]) continue;
      const size_t sender = numbers_[at(from)][static_cast<size_t>(number) - 1];
      (distance < 0 ? p.tokens.pop_prev : p.tokens.pop_next) = true;
      (distance < 0 ? out_[sender].tokens.push_next : out_[sender].tokens.push_prev) = true;
      for (size_t i = 0; i < clock.size(); ++i) clock[i] = std::max(clock[i], done_[sender][i]);
    }
    const auto number = static_cast<int32_t>(numbers_[at(unit)].size()) + 1;
    numbers_[at(unit)].push_back(out_.size());
    // When it is done, so are all before it in its unit.
    Clock done = clock;
    done[at(unit)] = number;
    done_.push_back(done);
    out_.push_back(std::move(p));
    return number;
  }

  const Tree& tree_;
  Tiles inp_, wgt_, acc_;
  std::vector<Shared> shared_;  // by buffer
  std::vector<Planned> out_;
  std::vector<Clock> done_;                               // by operation, what is done when it is
  std::array<Clock, isa::kUnits> clock_{};                // what is done when the next one starts
  std::array<std::vector<size_t>, isa::kUnits> numbers_;  // operations of a unit, by number
  int32_t relayed_ = 0;                                   // operation of compute to wait for
};

// Keeps the tokens that are on their way from one unit to another, between what gives and what
// takes them in program order, at no more than the machine has room for: the oldest is
// taken early. Then no unit waits for room for ever: all before the first operation that is not
// done are done, so the tokens on their way are at most those counted here.
class Limiter {
 public:
  Limiter(std::vector<Planned> planned, int64_t depth) : planned_(std::move(planned)), depth_(depth) {
    for (size_t i = 0; i < planned_.size(); ++i)
      for (const bool next : {false, true})
        if (pops(planned_[i], !next)) channel(unit_of(planned_[i].op), next).takers.push_back(i);
  }

  std::vector<Planned> run() {
    out_.reserve(planned_.size());
    for (Planned& p : planned_) {
      const Unit unit = unit_of(p.op);
      for (const bool next : {false, true}) {
        if (!pops(p, !next)) continue;
        ++channel(unit, next).taken;
      }
      for (const bool next : {false, true}) {
        if (!(next ? p.tokens.push_next : p.tokens.push_prev)) continue;
        const Unit to = static_cast<Unit>(static_cast<int>(unit) + (next ? 1 : -1));
        Channel& c = channel(to, !next);
        if (c.given - c.taken == depth_) take_early(c, to, !next);
        ++c.given;
      }
      out_.push_back(std::move(p));
    }
    return std::move(out_);
  }

 private:
  struct Channel {
    int64_t given = 0, taken = 0;
    std::vector<size_t> takers;  // in order
  };
  // The tokens that a unit takes of its next or previous one.
  Channel& channel(Unit to, bool of_next) { return channels_[at(to)][of_next ? 1 : 0]; }
  static bool pops(const Planned& p, bool prev) { return prev ? p.tokens.pop_prev : p.tokens.pop_next; }

  void take_early(Channel& c, Unit to, bool of_next) {
    Planned pass;
    pass.op.kind = Op::Kind::pass;
    pass.op.unit = to;
    (of_next ? pass.tokens.pop_next : pass.tokens.pop_prev) = true;
    isa::Tokens& later = planned_[c.takers[static_cast<size_t>(c.taken)]].tokens;
    (of_next ? later.pop_next : later.pop_prev) = false;
    ++c.taken;
    out_.push_back(std::move(pass));
  }

  std::vector<Planned> planned_;
  int64_t depth_;
  std::array<std::array<Channel, 2>, isa::kUnits> channels_;
  std::vector<Planned> out_;
};

}  // namespace

Unit unit_of(const Op& op) {
  if (op.kind == Op::Kind::pass) return op.unit;
  if (op.kind == Op::Kind::store) return Unit::store;
  if (op.kind == Op::Kind::load && op.pad != Pad::acc) return Unit::load;
  return Unit::compute;
}

std::vector<Planned> plan_tokens(std::vector<Op> ops, const Tree& tree) {
  std::erase_if(ops, [](const Op& op) { return op.kind == Op::Kind::renew; });
  std::vector<Planned> planned = Planner(tree).run(std::move(ops));
  return Limiter(std::move(planned), tree.buffers.config().token_depth).run();
}

}  // namespace tc::accel
