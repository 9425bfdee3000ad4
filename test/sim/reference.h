// The instructions once more, as slowly and plainly as possible: numbers are read
// from and written to bytes one by one, in unbounded-looking arithmetic, and cut off
// at the end. Shares no code with the machine.
#pragma once
#include <cstdint>
#include <vector>

#include "tc/isa/layout.h"
#include "tc/isa/program.h"

namespace tc::sim::test {

struct Reference {
  isa::MachineConfig c;
  std::vector<uint8_t> dram;
  std::vector<std::vector<int64_t>> inp, wgt, acc;  // [element][number]
  std::vector<isa::Uop> uop;

  explicit Reference(const isa::Program& p) : c(p.config), dram(p.dram_bytes) {
    for (const isa::Segment& s : p.segments)
      for (size_t i = 0; i < s.bytes.size(); ++i) dram[s.address + i] = s.bytes[i];
    inp.assign(c.inp_depth, std::vector<int64_t>(c.batch * c.block_in));
    wgt.assign(c.wgt_depth, std::vector<int64_t>(c.block_out * c.block_in));
    acc.assign(c.acc_depth, std::vector<int64_t>(c.batch * c.block_out));
    uop.resize(c.uop_depth);
  }

  static int64_t cut(int64_t value, int64_t bits) {
    const int64_t modulus = int64_t{1} << bits;
    int64_t rest = value % modulus;
    if (rest < 0) rest += modulus;
    return rest >= modulus / 2 ? rest - modulus : rest;
  }
  int64_t number(uint64_t address, int64_t bits) const {
    int64_t value = 0;
    for (int64_t i = bits / 8 - 1; i >= 0; --i) value = value * 256 + dram.at(address + i);
    return cut(value, bits);
  }

  void load(const isa::Load& m) {
    if (m.x_size == 0) return;
    uint64_t at = m.sram_base;
    for (uint32_t y = 0; y < m.y_pad0 + m.y_size + m.y_pad1; ++y)
      for (uint32_t x = 0; x < m.x_pad0 + m.x_size + m.x_pad1; ++x, ++at) {
        const bool inside =
            y >= m.y_pad0 && y < m.y_pad0 + m.y_size && x >= m.x_pad0 && x < m.x_pad0 + m.x_size;
        const uint64_t element = uint64_t{m.dram_base} + uint64_t{y - m.y_pad0} * m.x_stride + (x - m.x_pad0);
        if (m.mem_id == isa::MemId::uop) {
          uint32_t word = 0;
          if (inside) word = static_cast<uint32_t>(number(element * 4, 32));
          const isa::FieldWidths w = isa::field_widths(c);
          uop.at(at) = {word % (1u << w.acc), (word >> w.acc) % (1u << w.acc),
                        (word >> (2 * w.acc)) % (1u << w.wgt)};
          continue;
        }
        std::vector<int64_t>& to = m.mem_id == isa::MemId::inp   ? inp.at(at)
                                   : m.mem_id == isa::MemId::wgt ? wgt.at(at)
                                                                 : acc.at(at);
        const int64_t bits = m.mem_id == isa::MemId::inp   ? c.inp_bits
                             : m.mem_id == isa::MemId::wgt ? c.wgt_bits
                             : m.mem_id == isa::MemId::acc ? c.acc_bits
                                                           : 8;
        for (size_t i = 0; i < to.size(); ++i)
          to[i] = inside ? number((element * to.size() + i) * bits / 8, bits) : 0;
      }
  }

  void store(const isa::Store& m) {
    for (uint32_t y = 0; y < m.y_size; ++y)
      for (uint32_t x = 0; x < m.x_size; ++x) {
        const std::vector<int64_t>& from = acc.at(m.sram_base + y * m.x_size + x);
        for (size_t i = 0; i < from.size(); ++i)
          for (int64_t b = 0; b < c.out_bits / 8; ++b)
            dram.at(((m.dram_base + uint64_t{y} * m.x_stride + x) * from.size() + i) * c.out_bits / 8 + b) =
                static_cast<uint8_t>(from[i] >> (8 * b));
      }
  }

  void gemm(const isa::Gemm& g) {
    for (uint32_t i = 0; i < g.iter_out; ++i)
      for (uint32_t j = 0; j < g.iter_in; ++j)
        for (uint32_t u = g.uop_bgn; u < g.uop_end; ++u) {
          std::vector<int64_t>& to = acc.at(uop.at(u).dst + i * g.dst_out + j * g.dst_in);
          for (int64_t b = 0; b < c.batch; ++b)
            for (int64_t o = 0; o < c.block_out; ++o) {
              int64_t sum = to[b * c.block_out + o];
              for (int64_t k = 0; k < c.block_in && !g.reset; ++k)
                sum += inp.at(uop[u].src + i * g.src_out + j * g.src_in)[b * c.block_in + k] *
                       wgt.at(uop[u].wgt + i * g.wgt_out + j * g.wgt_in)[o * c.block_in + k];
              to[b * c.block_out + o] = g.reset ? 0 : cut(sum, c.acc_bits);
            }
        }
  }

  int64_t apply(isa::AluOp op, int64_t a, int64_t b) const {
    if (op == isa::AluOp::min) return a < b ? a : b;
    if (op == isa::AluOp::max) return a < b ? b : a;
    if (op == isa::AluOp::add) return cut(a + b, c.acc_bits);
    if (op == isa::AluOp::mul) return cut(a * b, c.acc_bits);
    for (int64_t n = b; n > 0 && n > b - 64; --n) a = (a - (a % 2 != 0 && a < 0)) / 2;  // rounds down
    for (int64_t n = b; n < 0 && n < b + 64; ++n) a = cut(a * 2, c.acc_bits);
    return a;
  }

  void alu(const isa::Alu& g) {
    for (uint32_t i = 0; i < g.iter_out; ++i)
      for (uint32_t j = 0; j < g.iter_in; ++j)
        for (uint32_t u = g.uop_bgn; u < g.uop_end; ++u) {
          std::vector<int64_t>& to = acc.at(uop.at(u).dst + i * g.dst_out + j * g.dst_in);
          for (size_t n = 0; n < to.size(); ++n) {
            const int64_t operand = g.use_imm ? g.imm : acc.at(uop[u].src + i * g.src_out + j * g.src_in)[n];
            to[n] = apply(g.alu_op, to[n], operand);
          }
        }
  }

  void run(const isa::Insn& insn) {
    if (const auto* m = std::get_if<isa::Load>(&insn.body)) load(*m);
    if (const auto* m = std::get_if<isa::Store>(&insn.body)) store(*m);
    if (const auto* g = std::get_if<isa::Gemm>(&insn.body)) gemm(*g);
    if (const auto* g = std::get_if<isa::Alu>(&insn.body)) alu(*g);
  }
};

}  // namespace tc::sim::test
