// ALU work becomes instructions, and what the instructions touch is checked.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "alu.h"
#include "tc/ir/print.h"

namespace tc::accel {
namespace {

// Which operands of each task are not read again before they are written: one pass
// backwards over the tiles of ACC that are still needed.
std::vector<Dead> dead_operands(const std::vector<Entry>& trace, int64_t acc_depth) {
  std::vector<Dead> out(trace.size());
  std::vector<bool> needed(static_cast<size_t>(acc_depth));
  const auto set = [&](bool to) { return [&needed, to](int64_t t) { needed[static_cast<size_t>(t)] = to; }; };
  for (size_t i = trace.size(); i-- > 0;) {
    if (const auto* task = std::get_if<AluTask>(&trace[i])) {
      for (const Grid& g : task->operands) {
        bool any = false;
        for_each_tile(g, task->counts, [&](int64_t t) { any = any || needed[static_cast<size_t>(t)]; });
        out[i].push_back(!any);
      }
      if (task->leaf->kind == Leaf::Kind::alu) for_each_tile(task->dst, task->counts, set(false));
      for (const Grid& g : task->operands) for_each_tile(g, task->counts, set(true));
      continue;
    }
    const Op& op = std::get<Op>(trace[i]);
    if (op.kind == Op::Kind::gemm) for_each_dst(op.kernel, set(true));
    if (op.kind == Op::Kind::reset) for_each_dst(op.kernel, set(false));
    if ((op.kind == Op::Kind::load || op.kind == Op::Kind::renew) && op.pad == Pad::acc)
      for (int64_t t = 0; t < tiles_of(op.block); ++t) set(false)(op.block.sram + t);
  }
  return out;
}

}  // namespace

std::vector<Op> lower_alu(std::vector<Entry> trace, const Tree& tree, const Places& places) {
  const std::vector<Dead> dead = dead_operands(trace, depth_of(tree.buffers.config(), Pad::acc));
  std::vector<Op> out;
  out.reserve(trace.size());
  for (size_t i = 0; i < trace.size(); ++i) {
    if (auto* op = std::get_if<Op>(&trace[i])) {
      out.push_back(std::move(*op));
      continue;
    }
    const auto& task = std::get<AluTask>(trace[i]);
    for (Op& op : alu_ops(task, dead[i], tree, places.free_acc(task.leaf->position)))
      out.push_back(std::move(op));
  }
  return out;
}

void check_written(const std::vector<Op>& ops, const Tree& tree) {
  std::array<std::vector<bool>, kPads> written;
  for (const Pad pad : {Pad::inp, Pad::wgt, Pad::acc})
    written[static_cast<size_t>(pad)].assign(static_cast<size_t>(depth_of(tree.buffers.config(), pad)),
                                             false);
  for (const Op& op : ops) {
    const auto set = [&](Pad pad, bool to) {
      return [&all = written[static_cast<size_t>(pad)], to](int64_t t) { all[static_cast<size_t>(t)] = to; };
    };
    const auto check = [&](Pad pad) {
      return [&, pad](int64_t t) {
        if (written[static_cast<size_t>(pad)][static_cast<size_t>(t)]) return;
        throw Error("codegen.accel.unwritten",
                    fmt::format("tile {} of {} is read, and nothing has written it", t, to_string(pad)))
            .fact("statement", ir::to_string(ir::Stmt(op.leaf->statement)))
            .fix("let the stage that is read cover what its reader needs");
      };
    };
    switch (op.kind) {
      case Op::Kind::load:
      case Op::Kind::renew:
        for (int64_t t = 0; t < tiles_of(op.block); ++t)
          set(op.pad, op.kind == Op::Kind::load)(op.block.sram + t);
        break;
      case Op::Kind::store:
        for (int64_t t = 0; t < tiles_of(op.block); ++t) check(Pad::acc)(op.block.sram + t);
        break;
      case Op::Kind::gemm:
        for_each_src(op.kernel, check(Pad::inp));
        for_each_wgt(op.kernel, check(Pad::wgt));
        for_each_dst(op.kernel, check(Pad::acc));
        break;
      case Op::Kind::reset:
        for_each_dst(op.kernel, set(Pad::acc, true));
        break;
      case Op::Kind::alu:
        for_each_src(op.kernel, check(Pad::acc));
        for_each_dst(op.kernel, check(Pad::acc));
        break;
      case Op::Kind::alu_imm:
        for_each_dst(op.kernel, check(Pad::acc));
        break;
      case Op::Kind::pass:
        break;
    }
  }
}

}  // namespace tc::accel
