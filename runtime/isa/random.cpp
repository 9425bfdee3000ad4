#include "tc/isa/random.h"

#include "fields.h"

namespace tc::isa {
namespace {

int64_t random_value(Rng& rng, const Field& f) {
  switch (rng.below(6)) {
    case 0:
      return f.min();
    case 1:
      return f.max();
    default:
      return f.min() + static_cast<int64_t>(rng.below(uint64_t{1} << f.width));
  }
}

template <class T>
T pick(Rng& rng, std::initializer_list<T> from) {
  return from.begin()[rng.below(from.size())];
}

}  // namespace

Insn random_insn(Rng& rng, const Layout& layout) {
  const auto opcode = static_cast<Opcode>(rng.below(5));
  const auto fields = layout.fields(opcode);
  detail::Values values{};
  values[0] = static_cast<int64_t>(opcode);
  for (size_t i = 1; i < fields.size(); ++i) values[i] = random_value(rng, fields[i]);
  Insn insn = detail::from_values(values);
  if (auto* load = std::get_if<Load>(&insn.body)) {
    load->mem_id = pick(rng, {MemId::uop, MemId::wgt, MemId::inp, MemId::acc, MemId::acc8});
  } else if (auto* store = std::get_if<Store>(&insn.body)) {
    store->mem_id = MemId::out;
    store->y_pad0 = store->y_pad1 = store->x_pad0 = store->x_pad1 = 0;
  } else if (auto* alu = std::get_if<Alu>(&insn.body)) {
    alu->alu_op = static_cast<AluOp>(rng.below(5));
  } else if (opcode == Opcode::finish) {
    insn.tokens.pop_prev = insn.tokens.pop_next = false;
  }
  return insn;
}

Uop random_uop(Rng& rng, const Layout& layout) {
  const auto fields = layout.uop_fields();
  const auto value = [&](size_t i) { return static_cast<uint32_t>(random_value(rng, fields[i])); };
  return {value(0), value(1), value(2)};
}

MachineConfig random_config(Rng& rng) {
  while (true) {
    MachineConfig c;
    c.name = "random";
    c.batch = pick<int64_t>(rng, {1, 1, 2, 3, 4});
    c.block_in = pick<int64_t>(rng, {4, 8, 12, 16, 32, 64});
    c.block_out = pick<int64_t>(rng, {4, 8, 16, 20, 32, 64});
    c.inp_bits = pick<int64_t>(rng, {8, 8, 8, 16});
    c.wgt_bits = pick<int64_t>(rng, {8, 8, 8, 16});
    c.acc_bits = pick<int64_t>(rng, {32, 32, 32, 16});
    c.out_bits = pick<int64_t>(rng, {8, 8, 16, c.acc_bits});
    c.uop_depth = 2 + static_cast<int64_t>(rng.below(127));
    c.inp_depth = 2 + static_cast<int64_t>(rng.below(63));
    c.wgt_depth = 2 + static_cast<int64_t>(rng.below(31));
    c.acc_depth = 2 + static_cast<int64_t>(rng.below(63));
    c.alu_lanes = pick<int64_t>(rng, {1, 3, 16, c.tile_out()});
    c.alu_interval = 1 + static_cast<int64_t>(rng.below(3));
    c.gemm_latency = static_cast<int64_t>(rng.below(8));
    c.alu_latency = static_cast<int64_t>(rng.below(8));
    c.dram_bytes_per_cycle = pick<int64_t>(rng, {1, 3, 8, 16, 64});
    c.dram_latency = static_cast<int64_t>(rng.below(100));
    c.dram_burst_bytes = pick<int64_t>(rng, {16, 64, 100, 2048});
    c.fetch_depth = 1 + static_cast<int64_t>(rng.below(64));
    c.queue_depth = 1 + static_cast<int64_t>(rng.below(16));
    if (!validate(c)) return c;
  }
}

}  // namespace tc::isa
