#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "tc/codegen/accel.h"
#include "tc/ir/passes.h"
#include "tc/ir/verify.h"
#include "tc/isa/layout.h"
#include "tc/runtime/accel/stream.h"
#include "tokens.h"

namespace tc::accel {
namespace {

using isa::Unit;

void check(const Check& error) {
  if (error) throw Error(*error);
}

// Where the parameters are in DRAM: one after the other, at multiples of the elements that
// transfers count in.
class Memory {
 public:
  Memory(const std::vector<Planned>& ops, const Tree& tree) : tree_(tree) {
    const isa::MachineConfig& c = tree.buffers.config();
    std::vector<int64_t> alignment(tree.params.size(), 64);
    stored_.assign(tree.params.size(), false);
    for (const Planned& p : ops) {
      if (p.op.buffer < 0) continue;
      const auto i = static_cast<size_t>(p.op.buffer);
      alignment[i] = std::lcm(alignment[i], isa::element_bytes(c, p.op.mem));
      if (p.op.kind == Op::Kind::store) stored_[i] = true;
    }
    std::set<std::string> names;
    for (size_t i = 0; i < tree.params.size(); ++i) {
      const BufferInfo& b = tree.buffers[static_cast<int>(i)];
      if (!names.insert(b.ref->name).second)
        throw Error("codegen.accel.param", fmt::format("two parameters are named {}", b.ref->name))
            .fix("name tensors apart");
      end_ = (end_ + alignment[i] - 1) / alignment[i] * alignment[i];
      address_.push_back(end_);
      end_ += b.elements * b.ref->type.bytes();
    }
  }

  [[nodiscard]] int64_t address(int buffer) const { return address_[static_cast<size_t>(buffer)]; }
  [[nodiscard]] int64_t end() const { return end_; }

  [[nodiscard]] std::vector<isa::Region> regions() const {
    std::vector<isa::Region> out;
    for (size_t i = 0; i < tree_.params.size(); ++i) {
      const BufferInfo& b = tree_.buffers[static_cast<int>(i)];
      isa::Region r{.name = b.ref->name,
                    .kind = stored_[i] ? isa::RegionKind::output : isa::RegionKind::input,
                    .address = static_cast<uint64_t>(address_[i]),
                    .bytes = static_cast<uint64_t>(b.elements * b.ref->type.bytes())};
      if (b.ref->type.is_int() && b.ref->type.bits <= 32) {
        r.dtype = ir::to_string(b.ref->type);
        for (const ir::Expr& e : b.ref->shape) r.shape.push_back(*ir::as_int(e));
      }
      out.push_back(std::move(r));
    }
    return out;
  }

 private:
  const Tree& tree_;
  std::vector<bool> stored_;
  std::vector<int64_t> address_;
  int64_t end_ = 0;
};

class Emitter {
 public:
  Emitter(const std::vector<Planned>& ops, const Tree& tree)
      : ops_(ops), tree_(tree), memory_(ops, tree), stream_(stream_of(tree)) {}

  isa::Program run() {
    preload();
    for (const Planned& p : ops_) {
      const Unit unit = unit_of(p.op);
      if (p.tokens.pop_prev) check(stream_.pop(prev(unit), unit));
      if (p.tokens.pop_next) check(stream_.pop(next(unit), unit));
      emit(p.op);
      if (p.tokens.push_prev) check(stream_.push(unit, prev(unit)));
      if (p.tokens.push_next) check(stream_.push(unit, next(unit)));
    }
    const int64_t uops = (memory_.end() + 63) / 64 * 64;
    isa::Program program = stream_.finish(uops, uops + stream_.uop_bytes()).value();
    program.regions = memory_.regions();
    check(isa::validate(program));
    return program;
  }

  [[nodiscard]] CompileStats stats(const isa::Program& program, const Places& places) const {
    CompileStats s;
    s.insns = static_cast<int64_t>(program.insns.size());
    for (const Planned& p : ops_) {
      s.loads += p.op.kind == Op::Kind::load;
      s.stores += p.op.kind == Op::Kind::store;
      s.gemms += p.op.kind == Op::Kind::gemm || p.op.kind == Op::Kind::reset;
      s.alus += p.op.kind == Op::Kind::alu || p.op.kind == Op::Kind::alu_imm;
    }
    for (const isa::Insn& insn : program.insns) s.tokens += insn.tokens.push_prev + insn.tokens.push_next;
    s.uop_kernels = kernels_;
    s.uops = stream_.uop_bytes() / isa::MachineConfig::uop_bytes();
    s.inp_tiles = places.used(Pad::inp), s.wgt_tiles = places.used(Pad::wgt);
    s.acc_tiles = places.used(Pad::acc);
    return s;
  }

 private:
  static CommandStream stream_of(const Tree& tree) {
    Expected<CommandStream> stream = CommandStream::make(tree.buffers.config());
    return std::move(stream).value();
  }
  static Unit prev(Unit u) { return u == Unit::store ? Unit::compute : Unit::load; }
  static Unit next(Unit u) { return u == Unit::load ? Unit::compute : Unit::store; }

  // Micro-ops of all kernels come in one transfer at the start, as far as there is room, so that
  // compute waits for memory once and not at every new kernel.
  void preload() {
    std::vector<const Kernel*> all;
    std::set<std::vector<uint32_t>> seen;
    for (const Planned& p : ops_) {
      if (p.op.kernel.empty()) continue;
      std::vector<uint32_t> key;
      for (const isa::Uop& u : p.op.kernel.uops) key.insert(key.end(), {u.dst, u.src, u.wgt});
      if (seen.insert(std::move(key)).second) all.push_back(&p.op.kernel);
    }
    kernels_ = static_cast<int64_t>(all.size());
    check(stream_.preload(all));
  }

  void emit(const Op& op) {
    const int64_t bytes = op.buffer >= 0 ? isa::element_bytes(stream_.config(), op.mem) : 0;
    const int64_t dram = op.buffer >= 0 ? memory_.address(op.buffer) + op.block.dram * bytes : 0;
    const TileBlock& b = op.block;
    switch (op.kind) {
      case Op::Kind::load:
        return check(stream_.load({.mem = op.mem,
                                   .sram = b.sram,
                                   .dram = dram,
                                   .rows = b.rows,
                                   .cols = b.cols,
                                   .stride = b.stride,
                                   .pad_top = b.top,
                                   .pad_bottom = b.bottom,
                                   .pad_left = b.left,
                                   .pad_right = b.right}));
      case Op::Kind::store:
        return check(stream_.store(
            {.sram = b.sram, .dram = dram, .rows = b.rows, .cols = b.cols, .stride = b.stride}));
      case Op::Kind::gemm:
        return check(stream_.gemm(op.kernel));
      case Op::Kind::reset:
        return check(stream_.gemm(op.kernel, true));
      case Op::Kind::alu:
        return check(stream_.alu(op.alu_op, op.kernel));
      case Op::Kind::alu_imm:
        return check(stream_.alu(op.alu_op, op.kernel, op.imm));
      case Op::Kind::pass:
        return check(stream_.pass(op.unit));
      case Op::Kind::renew:
        return;
    }
  }

  const std::vector<Planned>& ops_;
  const Tree& tree_;
  Memory memory_;
  CommandStream stream_;
  int64_t kernels_ = 0;
};

}  // namespace

Expected<DeviceCode> compile_device(const ir::FuncRef& func, const isa::MachineConfig& config) {
  try {
    check(isa::validate(config));
    check(ir::verify(func, ir::Form::nested));
    // copies of an unrolled loop have its variable as a number, which shifts may be by
    const ir::FuncRef unrolled = ir::passes::unroll.run(func, {});  // leaves point into it
    const Tree tree = make_tree(unrolled, config);
    const Places places = Places::make(tree).value();
    std::vector<Op> ops = lower_alu(walk(tree, places), tree, places);
    check_written(ops, tree);
    const std::vector<Planned> planned = plan_tokens(std::move(ops), tree);
    Emitter emitter(planned, tree);
    DeviceCode code{emitter.run(), {}};
    code.stats = emitter.stats(code.program, places);
    return code;
  } catch (const Error& e) {
    return e;
  }
}

}  // namespace tc::accel
