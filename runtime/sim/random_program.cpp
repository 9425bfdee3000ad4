#include "tc/sim/random_program.h"

#include <algorithm>
#include <array>

#include "dma.h"
#include "tc/isa/random.h"
#include "tc/sim/machine.h"

namespace tc::sim {

using isa::MemId;
using isa::Unit;

namespace {

size_t index(Unit unit) { return static_cast<size_t>(unit); }

// What an instruction touches, a bit an element of INP, WGT, ACC (and OUT), UOP, and a
// bit a byte of DRAM.
using Bits = std::vector<uint64_t>;
struct Access {
  std::array<Bits, 5> read, written;
};
enum Space : size_t { kInp, kWgt, kAcc, kUop, kDram };

bool meet(const Bits& a, const Bits& b) {
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    if ((a[i] & b[i]) != 0) return true;
  return false;
}

bool conflict(const Access& a, const Access& b) {
  for (size_t s = 0; s < a.read.size(); ++s)
    if (meet(a.written[s], b.written[s]) || meet(a.written[s], b.read[s]) || meet(a.read[s], b.written[s]))
      return true;
  return false;
}

void mark(Bits& bits, uint64_t begin, uint64_t count) {
  if (bits.size() < (begin + count + 63) / 64) bits.resize((begin + count + 63) / 64);
  for (uint64_t i = begin; i < begin + count; ++i) bits[i / 64] |= uint64_t{1} << (i % 64);
}

class Generator {
 public:
  Generator(Rng& rng, const isa::MachineConfig& config)
      : rng_(rng), c_(config), layout_(isa::Layout::make(config).value()) {
    program_.config = config;
    uops_ = below(3 * c_.uop_depth) + c_.uop_depth;
    data_begin_ = static_cast<uint64_t>(4 * uops_);
    // Room for a few times the largest scratchpad.
    const int64_t largest = std::max(
        {c_.inp_depth * c_.inp_bytes(), c_.wgt_depth * c_.wgt_bytes(), c_.acc_depth * c_.acc_bytes()});
    program_.dram_bytes = data_begin_ + static_cast<uint64_t>(largest + below(largest)) + 65536;
    fill_dram();
    uop_.resize(static_cast<size_t>(c_.uop_depth));
  }

  isa::Program run(int operations) {
    for (const MemId id : {MemId::inp, MemId::wgt, MemId::acc, MemId::uop}) add(fill(id));
    for (int i = 0; i < operations; ++i) add(operation());
    // Finish must know all DMA to be done.
    std::array<uint32_t, isa::kUnits> all{};
    for (size_t u = 0; u < all.size(); ++u) all[u] = static_cast<uint32_t>(order_[u].size());
    add({isa::Load{.mem_id = MemId::uop}, {}}, all);
    add({isa::Finish{}, {}});
    return std::move(program_);
  }

 private:
  int64_t below(int64_t n) { return static_cast<int64_t>(rng_.below(static_cast<uint64_t>(n))); }
  uint32_t below32(int64_t n) { return static_cast<uint32_t>(below(n)); }

  void fill_dram() {
    isa::Segment uops{0, isa::SegmentKind::uop, {}};
    for (int64_t i = 0; i < uops_; ++i) {
      const isa::Uop uop{below32(c_.acc_depth), below32(std::min(c_.inp_depth, c_.acc_depth)),
                         below32(c_.wgt_depth)};
      const uint32_t word = layout_.encode(uop).value();
      words_.push_back(uop);
      for (int b = 0; b < 4; ++b) uops.bytes.push_back(static_cast<uint8_t>(word >> (8 * b)));
    }
    program_.segments.push_back(std::move(uops));
    isa::Segment data{data_begin_, isa::SegmentKind::i8, {}};
    for (uint64_t i = data_begin_; i < program_.dram_bytes; ++i)
      data.bytes.push_back(static_cast<uint8_t>(rng_.next()));
    program_.segments.push_back(std::move(data));
  }

  [[nodiscard]] int64_t depth(MemId id) const {
    return id == MemId::inp   ? c_.inp_depth
           : id == MemId::wgt ? c_.wgt_depth
           : id == MemId::uop ? c_.uop_depth
                              : c_.acc_depth;
  }

  // ---- instructions

  isa::Insn fill(MemId id) {
    const auto n = static_cast<uint32_t>(depth(id));
    const uint64_t bytes = static_cast<uint64_t>(isa::element_bytes(c_, id));
    const uint64_t base = id == MemId::uop ? 0 : (data_begin_ + bytes - 1) / bytes;
    return {isa::Load{id, 0, static_cast<uint32_t>(base), 1, n, n}, {}};
  }

  isa::Insn operation() {
    switch (rng_.below(12)) {
      case 0:
      case 1:
        return load(MemId::inp);
      case 2:
        return load(MemId::wgt);
      case 3:
        return load(rng_.below(2) ? MemId::acc : MemId::acc8);
      case 4:
        return load(MemId::uop);
      case 5:
      case 6:
        return store();
      case 7:
      case 8:
        return alu();
      default:
        return gemm();
    }
  }

  // A block of rows that fits the scratchpad and DRAM; DRAM has room for a row at least.
  template <class Mem>
  Mem block(MemId id, bool pads) {
    Mem m;
    m.mem_id = id;
    const int64_t n = depth(id);
    m.x_size = 1 + below32(std::min<int64_t>(n, 12));
    if (pads && rng_.below(2)) {
      m.x_pad0 = below32(std::min<int64_t>(16, n - m.x_size + 1));
      m.x_pad1 = below32(std::min<int64_t>(16, n - m.x_size - m.x_pad0 + 1));
    }
    const int64_t width = m.x_pad0 + m.x_size + m.x_pad1;
    m.y_size = below32(std::min<int64_t>(n / width, 6) + 1);
    if (!pads) m.y_size = std::max(1U, m.y_size);
    if (pads && rng_.below(2)) {
      m.y_pad0 = below32(std::min<int64_t>(16, n / width - m.y_size + 1));
      m.y_pad1 = below32(std::min<int64_t>(16, n / width - m.y_size - m.y_pad0 + 1));
    }
    m.sram_base = below32(n - width * (m.y_pad0 + m.y_size + m.y_pad1) + 1);
    const int64_t bytes = isa::element_bytes(c_, id);
    const auto begin = id == MemId::uop ? 0 : (static_cast<int64_t>(data_begin_) + bytes - 1) / bytes;
    const auto end = id == MemId::uop ? uops_ : static_cast<int64_t>(program_.dram_bytes) / bytes;
    if (m.y_size > 1) m.x_stride = below32((end - begin - m.x_size) / (m.y_size - 1) + 1);
    if (rng_.below(3) == 0) m.x_stride = std::min(m.x_stride, m.x_size);
    const int64_t extent = m.y_size == 0 ? 0 : (int64_t{m.y_size} - 1) * m.x_stride + m.x_size;
    m.dram_base = static_cast<uint32_t>(begin + below(end - begin - extent + 1));
    return m;
  }

  isa::Insn load(MemId id) {
    auto m = block<isa::Load>(id, id != MemId::uop);
    m.x_stride = std::min(m.x_stride, 65535U);
    return {m, {}};
  }
  isa::Insn store() {
    auto m = block<isa::Store>(MemId::out, false);
    m.x_stride = std::min(m.x_stride, 65535U);
    return {m, {}};
  }

  // Loops over a few micro-ops, with factors that keep every index inside.
  template <class Insn>
  Insn loops(int64_t src_depth) {
    Insn x;
    x.uop_bgn = below32(c_.uop_depth);
    x.uop_end = x.uop_bgn + below32(std::min<int64_t>(c_.uop_depth - x.uop_bgn, 5) + 1);
    x.iter_out = below32(5);
    x.iter_in = below32(5);
    int64_t dst = 0, src = 0, wgt = 0;
    for (uint32_t u = x.uop_bgn; u < x.uop_end; ++u) {
      dst = std::max<int64_t>(dst, uop_[u].dst);
      src = std::max<int64_t>(src, uop_[u].src);
      wgt = std::max<int64_t>(wgt, uop_[u].wgt);
    }
    const auto factors = [&](int64_t max, int64_t depth, uint32_t& out, uint32_t& in) {
      int64_t room = std::max<int64_t>(0, depth - 1 - max);
      if (x.iter_out > 1) room -= (out = below32(room / (x.iter_out - 1) + 1)) * (x.iter_out - 1);
      if (x.iter_in > 1) in = below32(room / (x.iter_in - 1) + 1);
    };
    factors(dst, c_.acc_depth, x.dst_out, x.dst_in);
    factors(src, src_depth, x.src_out, x.src_in);
    if constexpr (std::is_same_v<Insn, isa::Gemm>) factors(wgt, c_.wgt_depth, x.wgt_out, x.wgt_in);
    return x;
  }

  isa::Insn gemm() {
    auto x = loops<isa::Gemm>(c_.inp_depth);
    x.reset = rng_.below(4) == 0;
    return {x, {}};
  }

  isa::Insn alu() {
    auto x = loops<isa::Alu>(c_.acc_depth);
    x.alu_op = static_cast<isa::AluOp>(rng_.below(5));
    x.use_imm = rng_.below(2) != 0;
    x.imm = static_cast<int32_t>(rng_.below(65536)) - 32768;
    if (x.alu_op == isa::AluOp::shr && rng_.below(4)) x.imm = static_cast<int32_t>(rng_.below(80)) - 40;
    return {x, {}};
  }

  // ---- what instructions touch

  Access access_of(const isa::Insn& insn) {
    Access a;
    if (const auto dma = dma_of(insn, c_)) {
      const bool is_store = unit_of(insn) == Unit::store;
      for (uint64_t y = 0; y < dma->rows; ++y)
        mark((is_store ? a.written : a.read)[kDram], dma->address + y * dma->pitch, dma->row_bytes);
      const Space space = dma->mem_id == MemId::inp   ? kInp
                          : dma->mem_id == MemId::wgt ? kWgt
                          : dma->mem_id == MemId::uop ? kUop
                                                      : kAcc;
      mark((is_store ? a.read : a.written)[space], dma->sram_base, dma->elements);
    }
    if (const auto* gemm = std::get_if<isa::Gemm>(&insn.body)) loop_access(*gemm, a);
    if (const auto* alu = std::get_if<isa::Alu>(&insn.body)) loop_access(*alu, a);
    return a;
  }

  template <class Insn>
  void loop_access(const Insn& x, Access& a) {
    for (uint32_t i = 0; i < x.iter_out; ++i)
      for (uint32_t j = 0; j < x.iter_in; ++j)
        for (uint32_t u = x.uop_bgn; u < x.uop_end; ++u) {
          mark(a.written[kAcc], uop_[u].dst + i * x.dst_out + j * x.dst_in, 1);
          if constexpr (std::is_same_v<Insn, isa::Gemm>) {
            if (x.reset) continue;
            mark(a.read[kInp], uop_[u].src + i * x.src_out + j * x.src_in, 1);
            mark(a.read[kWgt], uop_[u].wgt + i * x.wgt_out + j * x.wgt_in, 1);
          }
        }
  }

  // The micro-op cache as it will be when the instruction runs: compute is in order.
  void follow_uops(const isa::Insn& insn) {
    const auto* load = std::get_if<isa::Load>(&insn.body);
    if (!load || load->mem_id != MemId::uop || load->x_size == 0) return;
    for (uint32_t y = 0; y < load->y_size; ++y)
      for (uint32_t x = 0; x < load->x_size; ++x)
        uop_[load->sram_base + y * load->x_size + x] = words_[load->dram_base + y * load->x_stride + x];
  }

  // ---- tokens

  using Clock = std::array<uint32_t, isa::kUnits>;
  struct Placed {
    size_t number;  // in the program
    Access access;
    Clock done{};  // what is done when this is
    std::array<bool, isa::kUnits> pushes{};
  };

  void add(const isa::Insn& insn, Clock need = {}) {
    const Unit unit = unit_of(insn);
    Placed placed{0, access_of(insn), {}, {}};
    for (size_t v = 0; v < order_.size(); ++v)
      for (size_t i = order_[v].size(); v != index(unit) && i > clock_[index(unit)][v] && i > need[v]; --i)
        if (conflict(placed.access, order_[v][i - 1].access)) need[v] = static_cast<uint32_t>(i);
    // load and store are no neighbours: their tokens go through compute
    if (unit != Unit::compute) {
      const size_t far = index(unit == Unit::load ? Unit::store : Unit::load);
      if (need[far] > clock_[index(unit)][far]) {
        Clock first{};
        first[far] = need[far];
        add({isa::Load{.mem_id = MemId::uop}, {}}, first);
        need[index(Unit::compute)] = static_cast<uint32_t>(order_[index(Unit::compute)].size());
      }
    }
    isa::Insn out = insn;
    for (const Unit v : {Unit::load, Unit::compute, Unit::store}) {
      if (v == unit || (unit != Unit::compute && v != Unit::compute)) continue;
      const uint32_t wanted = need[index(v)];
      const bool needed = wanted > clock_[index(unit)][index(v)];
      const bool spurious = insn.opcode() != isa::Opcode::finish && rng_.below(10) == 0;
      if (needed || spurious) connect(v, unit, std::max(1U, wanted), out);
    }
    placed.number = program_.insns.size();
    Clock& clock = clock_[index(unit)];
    placed.done = clock;
    placed.done[index(unit)] = static_cast<uint32_t>(order_[index(unit)].size() + 1);
    clock = placed.done;
    follow_uops(out);
    program_.insns.push_back(std::move(out));
    order_[index(unit)].push_back(std::move(placed));
  }

  // Lets one of `from`, its instruction number `wanted` or a later one, push a token
  // that `insn` pops. Tokens stay in order: it is behind all that push to `to` already.
  void connect(Unit from, Unit to, uint32_t wanted, isa::Insn& insn) {
    auto& senders = order_[index(from)];
    size_t first = senders.size();
    while (first > 0 && !senders[first - 1].pushes[index(to)]) --first;
    first = std::max<size_t>(first, wanted - 1);
    if (first >= senders.size()) return;  // only where none is needed
    Placed& sender = senders[first + rng_.below(senders.size() - first)];
    sender.pushes[index(to)] = true;
    isa::Tokens& tokens = program_.insns[sender.number].tokens;
    (to > from ? tokens.push_next : tokens.push_prev) = true;
    (to > from ? insn.tokens.pop_prev : insn.tokens.pop_next) = true;
    Clock& clock = clock_[index(to)];
    for (size_t i = 0; i < clock.size(); ++i) clock[i] = std::max(clock[i], sender.done[i]);
  }

  Rng& rng_;
  isa::MachineConfig c_;
  isa::Layout layout_;
  isa::Program program_;
  int64_t uops_ = 0;
  uint64_t data_begin_ = 0;
  std::vector<isa::Uop> words_, uop_;  // in DRAM; in the cache
  std::array<std::vector<Placed>, isa::kUnits> order_;
  std::array<Clock, isa::kUnits> clock_{};
};

}  // namespace

isa::Program random_program(Rng& rng, const isa::MachineConfig& config, int operations) {
  return Generator(rng, config).run(operations);
}

}  // namespace tc::sim
