#include "tc/sim/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "dma.h"
#include "tc/isa/assembler.h"
#include "uop_bounds.h"

namespace tc::sim {

using isa::MemId;

namespace {

int64_t depth_of(const isa::MachineConfig& c, MemId id) {
  switch (id) {
    case MemId::inp:
      return c.inp_depth;
    case MemId::wgt:
      return c.wgt_depth;
    case MemId::uop:
      return c.uop_depth;
    case MemId::acc:
    case MemId::acc8:
    case MemId::out:
      return c.acc_depth;
  }
  return 0;
}

Check check_sram(const Dma& dma, int64_t depth) {
  const uint64_t end = dma.sram_base + dma.elements;
  if (end <= static_cast<uint64_t>(depth)) return std::nullopt;
  return Error("sim.sram", fmt::format("the block ends at element {} of {}, which has {}", end,
                                       to_string(dma.mem_id), depth))
      .fact("elements", fmt::format("{} from {} on, padding included", dma.elements, dma.sram_base))
      .fix("lower sram_base, or transfer fewer elements at once");
}

Check check_dram(const Dma& dma, const Dram& dram) {
  if (dma.rows == 0 || (dma.end() <= dram.size() && dma.address <= dram.size())) return std::nullopt;
  return Error("sim.dram",
               fmt::format("the block ends at byte {:#x} of DRAM, which has {:#x}", dma.end(), dram.size()))
      .fact("block", fmt::format("{} rows of {} bytes, {} apart, from {:#x} on", dma.rows, dma.row_bytes,
                                 dma.pitch, dma.address))
      .fix("lower dram_base or the rows, or make DRAM larger: .dram");
}

template <class T>
int32_t extended(const uint8_t* from) {
  T value;
  std::memcpy(&value, from, sizeof value);  // the host is little-endian, as DRAM is
  return value;
}

// One element of ACC from DRAM, by its bytes there.
int32_t read_acc(const uint8_t* from, int64_t bytes) {
  return bytes == 1 ? extended<int8_t>(from) : bytes == 2 ? extended<int16_t>(from) : extended<int32_t>(from);
}

}  // namespace

int64_t micro_ops(const isa::Insn& insn) {
  const auto count = [](const auto& x) -> int64_t {
    return x.uop_end <= x.uop_bgn ? 0 : int64_t{x.iter_out} * x.iter_in * (x.uop_end - x.uop_bgn);
  };
  if (const auto* gemm = std::get_if<isa::Gemm>(&insn.body)) return count(*gemm);
  if (const auto* alu = std::get_if<isa::Alu>(&insn.body)) return count(*alu);
  return 0;
}

Machine::Machine(const isa::MachineConfig& config, isa::Layout layout)
    : config_(config), layout_(std::move(layout)) {
  inp_.resize(static_cast<size_t>(config.inp_depth * config.inp_bytes()));
  wgt_.resize(static_cast<size_t>(config.wgt_depth * config.wgt_bytes()));
  acc_.resize(static_cast<size_t>(config.acc_depth * config.tile_out()));
  uop_.resize(static_cast<size_t>(config.uop_depth));
}

Expected<Machine> Machine::make(const isa::MachineConfig& config) {
  Expected<isa::Layout> layout = isa::Layout::make(config);
  if (!layout) return layout.error();
  return Machine(config, std::move(layout).value());
}

Check Machine::check(const isa::Insn& insn, const Dram& dram) const {
  Check error = layout_.check(insn);
  if (const auto* gemm = std::get_if<isa::Gemm>(&insn.body); gemm && !error) {
    if (micro_ops(insn) > 0) error = check_uops(*gemm, *this);
  } else if (const auto* alu = std::get_if<isa::Alu>(&insn.body); alu && !error) {
    if (micro_ops(insn) > 0) error = check_uops(*alu, *this);
  } else if (const auto dma = error ? std::nullopt : dma_of(insn, config_)) {
    error = check_sram(*dma, depth_of(config_, dma->mem_id));
    if (!error) error = check_dram(*dma, dram);
  }
  if (error) return std::move(*error).fact("insn", disassemble(insn));
  return std::nullopt;
}

Check Machine::execute(const isa::Insn& insn, Dram& dram) {
  if (Check error = check(insn, dram)) return error;
  perform(insn, dram);
  return std::nullopt;
}

void Machine::perform(const isa::Insn& insn, Dram& dram) {
  std::visit(
      [&](const auto& body) {
        if constexpr (requires { run(body, dram); })
          run(body, dram);
        else
          run(body);
      },
      insn.body);
}

void Machine::run(const isa::Load& load, const Dram& dram) {
  const auto dma = dma_of({load, {}}, config_);
  if (!dma) return;
  const bool to_acc = load.mem_id == MemId::acc || load.mem_id == MemId::acc8;

  // Row by row of the padded block; `copy` and `zero` count elements of the scratchpad.
  const auto transfer = [&](auto copy, auto zero) {
    const uint64_t width = uint64_t{load.x_pad0} + load.x_size + load.x_pad1;
    uint64_t at = load.sram_base;
    zero(at, load.y_pad0 * width);
    at += load.y_pad0 * width;
    for (uint64_t y = 0; y < load.y_size; ++y) {
      zero(at, load.x_pad0);
      copy(at + load.x_pad0, dram.bytes().data() + dma->address + y * dma->pitch);
      zero(at + load.x_pad0 + load.x_size, load.x_pad1);
      at += width;
    }
    zero(at, load.y_pad1 * width);
  };
  if (to_acc) {
    const auto tile = static_cast<uint64_t>(config_.tile_out());
    const int64_t bytes = load.mem_id == MemId::acc8 ? 1 : config_.acc_bits / 8;
    transfer(
        [&](uint64_t at, const uint8_t* from) {
          for (uint64_t i = 0; i < load.x_size * tile; ++i)
            acc_[at * tile + i] = read_acc(from + i * static_cast<uint64_t>(bytes), bytes);
        },
        [&](uint64_t at, uint64_t n) {
          std::fill_n(acc_.begin() + static_cast<ptrdiff_t>(at * tile), n * tile, 0);
        });
  } else {
    const auto bytes = static_cast<uint64_t>(isa::element_bytes(config_, load.mem_id));
    uint8_t* to = load.mem_id == MemId::inp   ? inp_.data()
                  : load.mem_id == MemId::wgt ? wgt_.data()
                                              : reinterpret_cast<uint8_t*>(uop_.data());
    transfer([&](uint64_t at, const uint8_t* from) { std::memcpy(to + at * bytes, from, dma->row_bytes); },
             [&](uint64_t at, uint64_t n) { std::memset(to + at * bytes, 0, n * bytes); });
  }
}

void Machine::run(const isa::Store& store, Dram& dram) const {
  const auto dma = dma_of({store, {}}, config_);
  if (!dma) return;
  const auto tile = static_cast<uint64_t>(config_.tile_out()),
             bytes = static_cast<uint64_t>(config_.out_bits / 8);
  for (uint64_t y = 0; y < store.y_size; ++y) {
    uint8_t* to = dram.bytes().data() + dma->address + y * dma->pitch;
    const int32_t* from = acc_.data() + (store.sram_base + y * store.x_size) * tile;
    for (uint64_t i = 0; i < store.x_size * tile; ++i)
      std::memcpy(to + i * bytes, from + i, bytes);  // the low bytes
  }
}

namespace {

// Shifts in a type where they cannot overflow; bits above acc_bits are dropped after.
int64_t shifted(int64_t value, int64_t amount, int64_t bits) {
  if (amount >= 0) return value >> std::min(amount, bits);
  return static_cast<int64_t>(static_cast<uint64_t>(value) << std::min(-amount, bits));
}

template <bool kWide>
int32_t wrapped(int64_t value) {
  if constexpr (kWide) return static_cast<int32_t>(static_cast<uint32_t>(value));
  return static_cast<int16_t>(static_cast<uint16_t>(value));
}

// One tile: dst[i] = op(dst[i], operand(i)).
template <bool kWide>
void alu_tile(isa::AluOp op, int32_t* dst, auto operand, int64_t n) {
  const auto each = [&](auto f) {
    for (int64_t i = 0; i < n; ++i) dst[i] = f(dst[i], operand(i));
  };
  switch (op) {
    case isa::AluOp::min:
      return each([](int32_t a, int32_t b) { return std::min(a, b); });
    case isa::AluOp::max:
      return each([](int32_t a, int32_t b) { return std::max(a, b); });
    case isa::AluOp::add:
      return each([](int64_t a, int64_t b) { return wrapped<kWide>(a + b); });
    case isa::AluOp::shr:
      return each([](int64_t a, int64_t b) { return wrapped<kWide>(shifted(a, b, kWide ? 32 : 16)); });
    case isa::AluOp::mul:
      return each([](int64_t a, int64_t b) { return wrapped<kWide>(a * b); });
  }
}

}  // namespace

void Machine::run(const isa::Alu& alu) {
  const int64_t n = config_.tile_out();
  const bool wide = config_.acc_bits == 32;
  for_each_uop(alu, *this, [&](uint32_t d, uint32_t s, uint32_t) {
    int32_t* dst = acc_.data() + d * n;
    const int32_t* src = acc_.data() + s * n;
    const auto run_on = [&](auto operand) {
      wide ? alu_tile<true>(alu.alu_op, dst, operand, n) : alu_tile<false>(alu.alu_op, dst, operand, n);
    };
    if (alu.use_imm)
      run_on([imm = alu.imm](int64_t) { return imm; });
    else
      run_on([src](int64_t i) { return src[i]; });
  });
}

}  // namespace tc::sim
