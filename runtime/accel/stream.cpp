#include "tc/runtime/accel/stream.h"

#include <fmt/format.h>

#include <algorithm>

#include "recording.h"
#include "tc/isa/assembler.h"
#include "uop_cache.h"

namespace tc::accel {

using isa::MemId;

namespace {

constexpr size_t kMaxPool = size_t{1} << 28;  // micro-ops: 1 GiB

// Numbers on their way into fields of 32 bits; the encoder then checks the field's own range.
class Narrowed {
 public:
  uint32_t operator()(const char* name, int64_t value) {
    if ((value < 0 || value > UINT32_MAX) && !error_)
      error_ = Error("isa.encode.range", fmt::format("{} is {}; no field holds that", name, value))
                   .fact("field", name)
                   .fact("got", std::to_string(value));
    return static_cast<uint32_t>(value);
  }
  [[nodiscard]] const Check& error() const { return error_; }

 private:
  Check error_;
};

// A byte address as a number of elements.
Expected<int64_t> element_at(int64_t address, int64_t bytes, MemId mem) {
  if (address % bytes == 0) return address / bytes;
  return Error("runtime.accel.align",
               fmt::format("address {:#x} is no multiple of the {} bytes of an element of {}", address, bytes,
                           to_string(mem)))
      .fix(fmt::format("allocate with alignment {}", bytes));
}

// The fields that GEMM and ALU share, but for the micro-ops.
template <class Insn>
Insn looped(const Kernel& kernel, Narrowed& narrow) {
  Insn insn;
  insn.iter_out = narrow("iter_out", kernel.outer.iterations);
  insn.iter_in = narrow("iter_in", kernel.inner.iterations);
  insn.dst_out = narrow("dst_out", kernel.outer.dst);
  insn.dst_in = narrow("dst_in", kernel.inner.dst);
  insn.src_out = narrow("src_out", kernel.outer.src);
  insn.src_in = narrow("src_in", kernel.inner.src);
  return insn;
}

}  // namespace

struct CommandStream::State {
  isa::MachineConfig config;
  isa::Layout layout;
  size_t max_insns;
  Recording recording = {};
  UopCache cache{config.uop_depth};
  KernelCounts counts = {};

  // Whether this and `more` other instructions may follow.
  [[nodiscard]] Check room(size_t more = 0) const {
    // A token may need an instruction, and finish some more.
    if (recording.insns().size() + more + 10 <= max_insns) return std::nullopt;
    return Error("runtime.accel.limit", fmt::format("the stream may hold {} instructions", max_insns))
        .fix("synchronize earlier, or let the stream hold more");
  }

  [[nodiscard]] Check append(const isa::Insn& insn) {
    if (Check error = layout.check(insn)) return std::move(*error).fact("insn", isa::disassemble(insn));
    if (Check error = room()) return error;
    recording.append(insn);
    return std::nullopt;
  }

  [[nodiscard]] Expected<std::vector<uint32_t>> encode(std::span<const isa::Uop> uops) const {
    std::vector<uint32_t> words;
    words.reserve(uops.size());
    for (const isa::Uop& uop : uops) {
      const Expected<uint32_t> word = layout.encode(uop);
      if (!word) return Error(word.error()).fact("uop", isa::disassemble(uop));
      words.push_back(word.value());
    }
    return words;
  }

  void load_uops(const UopCache::Place& place, size_t count);
  template <class Insn>
  Check run(Insn insn, const Kernel& kernel, bool splits);
};

// DMA of micro-ops, whose addresses count from the start of the pool until finish. It
// need not wait for what the instruction waits for: compute alone uses UOP, in order.
void CommandStream::State::load_uops(const UopCache::Place& place, size_t count) {
  constexpr size_t kMaxRow = 0xffff;
  for (size_t done = 0; done < count; done += std::min(count - done, kMaxRow)) {
    const auto n = static_cast<uint32_t>(std::min(count - done, kMaxRow));
    const auto at = static_cast<uint32_t>(done);
    recording.append({isa::Load{.mem_id = MemId::uop,
                                .sram_base = place.sram + at,
                                .dram_base = place.pool + at,
                                .y_size = 1,
                                .x_size = n,
                                .x_stride = n},
                      {}},
                     false);
  }
}

template <class Insn>
Check CommandStream::State::run(Insn insn, const Kernel& kernel, bool splits) {
  const auto depth = static_cast<size_t>(config.uop_depth);
  const size_t count = kernel.uops.size();
  if (count > depth && !splits)
    return Error("runtime.accel.uops",
                 fmt::format("a kernel has {} micro-ops in loops; UOP holds {}", count, depth))
        .fix("record it without loops, or in several kernels");
  // All checks before anything is recorded.
  insn.uop_end = static_cast<uint32_t>(std::min(count, depth));
  if (Check error = layout.check({insn, {}}))
    return std::move(*error).fact("insn", isa::disassemble({insn, {}}));
  const Expected<std::vector<uint32_t>> encoded = encode(kernel.uops);
  if (!encoded) return encoded.error();
  const std::vector<uint32_t>& words = encoded.value();
  if (Check error = room(3 * (count / depth + 1))) return error;
  if (cache.pool().size() + count > kMaxPool)
    return Error("runtime.accel.limit", fmt::format("the stream may hold {} micro-ops", kMaxPool))
        .fix("synchronize earlier");

  for (size_t done = 0; done < count; done += depth) {
    const size_t n = std::min(count - done, depth);
    const auto begin = words.begin() + static_cast<ptrdiff_t>(done);
    const UopCache::Place place = cache.place({begin, begin + static_cast<ptrdiff_t>(n)});
    ++counts.used;
    counts.loaded += place.load ? 1 : 0;
    if (place.load) load_uops(place, n);
    insn.uop_bgn = place.sram;
    insn.uop_end = place.sram + static_cast<uint32_t>(n);
    recording.append({insn, {}});
  }
  return std::nullopt;
}

CommandStream::CommandStream(std::unique_ptr<State> state) : state_(std::move(state)) {}
CommandStream::CommandStream(CommandStream&&) noexcept = default;
CommandStream& CommandStream::operator=(CommandStream&&) noexcept = default;
CommandStream::~CommandStream() = default;

Expected<CommandStream> CommandStream::make(const isa::MachineConfig& config, size_t max_insns) {
  Expected<isa::Layout> layout = isa::Layout::make(config);
  if (!layout) return layout.error();
  return CommandStream(std::make_unique<State>(State{config, std::move(layout).value(), max_insns}));
}

void CommandStream::clear() {
  state_ = std::make_unique<State>(State{state_->config, state_->layout, state_->max_insns});
}

Check CommandStream::load(const Load2d& b) {
  if (b.mem == MemId::uop)
    return Error("runtime.accel.mem", "a stream fills UOP itself, with the kernels that gemm and alu run")
        .fix("leave the load out");
  Narrowed narrow;
  const Expected<int64_t> dram = element_at(b.dram, element_bytes(state_->config, b.mem), b.mem);
  if (!dram) return dram.error();
  const isa::Load load{.mem_id = b.mem,
                       .sram_base = narrow("sram", b.sram),
                       .dram_base = narrow("dram", dram.value()),
                       .y_size = narrow("rows", b.rows),
                       .x_size = narrow("cols", b.cols),
                       .x_stride = narrow("stride", b.stride),
                       .y_pad0 = narrow("pad_top", b.pad_top),
                       .y_pad1 = narrow("pad_bottom", b.pad_bottom),
                       .x_pad0 = narrow("pad_left", b.pad_left),
                       .x_pad1 = narrow("pad_right", b.pad_right)};
  if (narrow.error()) return narrow.error();
  const bool no_rows = b.rows + b.pad_top + b.pad_bottom == 0;
  if (b.cols == 0 && !no_rows && b.pad_left + b.pad_right != 0)
    return Error("runtime.accel.pad", "a load without columns of data cannot pad")
        .fix("load no rows, with the columns between pad_left and pad_right as cols");
  if (Check error = state_->layout.check({load, {}})) return error;
  if (b.cols == 0 || no_rows) return std::nullopt;
  return state_->append({load, {}});
}

Check CommandStream::store(const Store2d& b) {
  Narrowed narrow;
  const Expected<int64_t> dram = element_at(b.dram, state_->config.out_bytes(), MemId::out);
  if (!dram) return dram.error();
  const isa::Store store{.mem_id = MemId::out,
                         .sram_base = narrow("sram", b.sram),
                         .dram_base = narrow("dram", dram.value()),
                         .y_size = narrow("rows", b.rows),
                         .x_size = narrow("cols", b.cols),
                         .x_stride = narrow("stride", b.stride)};
  if (narrow.error()) return narrow.error();
  if (Check error = state_->layout.check({store, {}})) return error;
  if (b.cols == 0 || b.rows == 0) return std::nullopt;
  return state_->append({store, {}});
}

Check CommandStream::gemm(const Kernel& kernel, bool reset) {
  Narrowed narrow;
  auto gemm = looped<isa::Gemm>(kernel, narrow);
  gemm.reset = reset;
  gemm.wgt_out = narrow("wgt_out", kernel.outer.wgt);
  gemm.wgt_in = narrow("wgt_in", kernel.inner.wgt);
  if (narrow.error()) return narrow.error();
  if (kernel.empty()) return std::nullopt;
  return state_->run(gemm, kernel, true);  // sums do not depend on the order
}

Check CommandStream::alu(isa::AluOp op, const Kernel& kernel) {
  Narrowed narrow;
  auto alu = looped<isa::Alu>(kernel, narrow);
  alu.alu_op = op;
  if (narrow.error()) return narrow.error();
  if (kernel.empty()) return std::nullopt;
  return state_->run(alu, kernel, kernel.outer.iterations == 1 && kernel.inner.iterations == 1);
}

Check CommandStream::alu(isa::AluOp op, const Kernel& kernel, int64_t imm) {
  Narrowed narrow;
  auto alu = looped<isa::Alu>(kernel, narrow);
  alu.alu_op = op;
  alu.use_imm = true;
  alu.imm = static_cast<int32_t>(std::clamp<int64_t>(imm, INT32_MIN, INT32_MAX));  // the field is narrower
  if (narrow.error()) return narrow.error();
  if (kernel.empty()) return std::nullopt;
  // The same function of the same tile, as often: in any order.
  return state_->run(alu, kernel, true);
}

Check CommandStream::preload(std::span<const Kernel* const> kernels) {
  State& state = *state_;
  if (!state.cache.pool().empty())
    return Error("runtime.accel.kernel", "micro-ops are loaded ahead before the first kernel, not after it")
        .fix("call preload once, first");
  const auto depth = static_cast<size_t>(state.config.uop_depth);
  std::vector<std::vector<uint32_t>> all;
  size_t count = 0;
  for (const Kernel* kernel : kernels) {
    if (kernel->uops.size() > depth - count) break;
    Expected<std::vector<uint32_t>> words = state.encode(kernel->uops);
    if (!words) return words.error();
    count += words.value().size();
    if (!words.value().empty()) all.push_back(std::move(words).value());
  }
  if (Check error = state.room(count / 0xffff + 1)) return error;
  for (const std::vector<uint32_t>& words : all) state.counts.loaded += state.cache.place(words).load ? 1 : 0;
  // In an empty cache they stand one behind the other.
  state.load_uops({0, 0, true}, state.cache.pool().size());
  return std::nullopt;
}

Check CommandStream::push(isa::Unit from, isa::Unit to) {
  if (Check error = state_->room()) return error;
  return state_->recording.push(from, to);
}

Check CommandStream::pop(isa::Unit from, isa::Unit to) {
  if (Check error = state_->room()) return error;
  return state_->recording.pop(from, to);
}

Check CommandStream::pass(isa::Unit unit) {
  if (Check error = state_->room()) return error;
  state_->recording.pass(unit);
  return std::nullopt;
}

Expected<isa::Program> CommandStream::finish(int64_t uop_address, int64_t dram_bytes) const {
  Recording recording = state_->recording;
  if (Check error = recording.finish()) return *error;
  const Expected<int64_t> base = element_at(uop_address, isa::MachineConfig::uop_bytes(), MemId::uop);
  if (!base) return base.error();
  const auto& pool = state_->cache.pool();
  if (base.value() < 0 || base.value() + static_cast<int64_t>(pool.size()) > int64_t{1} << 32 ||
      dram_bytes < 0)
    return Error("isa.encode.range", "micro-ops lie beyond what a load reaches")
        .fact("uop_address", fmt::format("{:#x}", uop_address))
        .fact("DRAM", fmt::format("{} bytes", dram_bytes));
  for (isa::Insn& insn : recording.insns())
    if (auto* load = std::get_if<isa::Load>(&insn.body);
        load && load->mem_id == MemId::uop && load->x_size != 0)
      load->dram_base += static_cast<uint32_t>(base.value());
  isa::Program program;
  program.config = state_->config;
  program.dram_bytes = static_cast<uint64_t>(dram_bytes);
  program.insns = std::move(recording.insns());
  if (!pool.empty()) {
    isa::Segment uops{static_cast<uint64_t>(uop_address), isa::SegmentKind::uop, {}};
    uops.bytes.reserve(pool.size() * 4);
    for (const uint32_t word : pool)
      for (int shift = 0; shift < 32; shift += 8) uops.bytes.push_back(static_cast<uint8_t>(word >> shift));
    program.segments.push_back(std::move(uops));
  }
  if (Check error = isa::validate(program)) return *error;
  return program;
}

int64_t CommandStream::uop_bytes() const {
  return static_cast<int64_t>(state_->cache.pool().size()) * isa::MachineConfig::uop_bytes();
}
const isa::MachineConfig& CommandStream::config() const { return state_->config; }
std::span<const isa::Insn> CommandStream::insns() const { return state_->recording.insns(); }
const KernelCounts& CommandStream::kernels() const { return state_->counts; }

}  // namespace tc::accel
