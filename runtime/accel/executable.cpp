#include "tc/runtime/accel/executable.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>

#include "dma_span.h"
#include "tc/isa/assembler.h"
#include "tc/support/source_text.h"

namespace tc::accel {
namespace {

using isa::RegionKind;

// Instructions count addresses in elements, so a program can move by a common multiple
// of those that it uses.
uint64_t alignment_of(const isa::Program& program) {
  uint64_t alignment = 1;
  const auto use = [&](const auto& m) {
    if (m.x_size == 0) return;
    const auto bytes = static_cast<uint64_t>(isa::element_bytes(program.config, m.mem_id));
    const uint64_t factor = bytes / std::gcd(alignment, bytes);
    if (__builtin_mul_overflow(alignment, factor, &alignment))
      alignment = std::numeric_limits<uint64_t>::max();
  };
  for (const isa::Insn& insn : program.insns) {
    if (const auto* load = std::get_if<isa::Load>(&insn.body)) use(*load);
    if (const auto* store = std::get_if<isa::Store>(&insn.body)) use(*store);
  }
  return alignment;
}

// No program may reach out of its block, at any place. So nothing overflows below either.
Check check_spans(const isa::Program& program) {
  for (size_t i = 0; i < program.insns.size(); ++i) {
    const auto span = dma_span(program.insns[i], program.config);
    if (span && span->end > program.dram_bytes)
      return Error("sim.dram", fmt::format("the block ends at byte {:#x} of DRAM, which has {:#x}", span->end,
                                           program.dram_bytes))
          .fact("at", fmt::format("instruction {}", i))
          .fact("insn", isa::disassemble(program.insns[i]));
  }
  return std::nullopt;
}

void move_insns(isa::Program& program, uint64_t base) {
  const auto move = [&](auto& m) {
    // Only blocks with bytes in DRAM have been checked to lie there.
    if (m.x_size == 0 || m.y_size == 0) return;
    m.dram_base +=
        static_cast<uint32_t>(base / static_cast<uint64_t>(isa::element_bytes(program.config, m.mem_id)));
  };
  for (isa::Insn& insn : program.insns) {
    if (auto* load = std::get_if<isa::Load>(&insn.body)) move(*load);
    if (auto* store = std::get_if<isa::Store>(&insn.body)) move(*store);
  }
}

std::vector<uint8_t> image_of(const isa::Program& program) {
  std::vector<uint8_t> image(program.dram_bytes);
  for (const isa::Segment& s : program.segments)
    std::copy(s.bytes.begin(), s.bytes.end(), image.begin() + static_cast<ptrdiff_t>(s.address));
  return image;
}

// What stores may write: spans, merged.
std::vector<std::pair<uint64_t, uint64_t>> written(const isa::Program& program) {
  std::vector<std::pair<uint64_t, uint64_t>> spans, merged;
  for (const isa::Insn& insn : program.insns)
    if (const auto span = dma_span(insn, program.config); span && span->writes)
      spans.emplace_back(span->begin, span->end);
  std::sort(spans.begin(), spans.end());
  for (const auto& span : spans) {
    if (!merged.empty() && span.first <= merged.back().second)
      merged.back().second = std::max(merged.back().second, span.second);
    else
      merged.push_back(span);
  }
  return merged;
}

}  // namespace

Expected<Executable> Executable::load(std::shared_ptr<AccelDevice> device, std::string_view file) {
  const Expected<isa::Program> program = isa::load(file);
  if (!program) return program.error();
  return load(std::move(device), program.value());
}

Expected<std::vector<Executable>> Executable::load_all(std::span<const isa::Program> programs) {
  std::vector<Executable> out;
  if (programs.empty()) return out;
  uint64_t bytes = 0;
  for (const isa::Program& p : programs) bytes += p.dram_bytes + alignment_of(p);
  auto device = AccelDevice::make(programs[0].config, bytes);
  if (!device) return device.error();
  for (const isa::Program& p : programs) {
    auto loaded = load(device.value(), p);
    if (!loaded) return loaded.error();
    out.push_back(std::move(loaded).value());
  }
  return out;
}

Expected<Executable> Executable::load(std::shared_ptr<AccelDevice> device, const isa::Program& program) {
  if (Check error = isa::validate(program)) return *error;
  if (!isa::same_encoding(program.config, device->config()))
    return Error("runtime.accel.machine", "the program is made for a machine of other sizes")
        .fact("program", isa::name_beside(program.config, device->config()))
        .fact("device", isa::name_beside(device->config(), program.config))
        .fact("differ in", isa::encoding_differences(program.config, device->config()))
        .fix("make the program for this machine, or load it into its own");
  if (Check error = check_spans(program)) return *error;
  const Expected<uint64_t> address = device->allocate(program.dram_bytes, alignment_of(program));
  if (!address) return address.error();
  const uint64_t base = address.value();

  Executable out;
  out.block_ = std::make_unique<Block>(device, base);
  const std::vector<uint8_t> image = image_of(program);
  if (const auto status = device->copy_to_device(base, image.data(), static_cast<int64_t>(image.size()));
      !status.ok())
    return Error(status.code, status.text);
  for (const auto& [begin, end] : written(program))
    out.first_.push_back(
        {base + begin,
         {image.begin() + static_cast<ptrdiff_t>(begin), image.begin() + static_cast<ptrdiff_t>(end)}});
  for (const isa::Region& region : program.regions)
    if (region.kind == RegionKind::input || region.kind == RegionKind::output)
      out.arguments_.push_back(region);
  out.program_.config = device->config();
  out.program_.dram_bytes = base + program.dram_bytes;
  out.program_.insns = program.insns;
  move_insns(out.program_, base);
  return out;
}

Expected<const isa::Region*> Executable::argument(std::string_view name, RegionKind kind,
                                                  size_t bytes) const {
  const auto region = std::find_if(arguments_.begin(), arguments_.end(),
                                   [&](const auto& r) { return r.name == name && r.kind == kind; });
  if (region == arguments_.end()) {
    std::vector<std::string> known;
    for (const isa::Region& r : arguments_)
      if (r.kind == kind) known.push_back(r.name);
    return Error("runtime.accel.argument",
                 fmt::format("the program has no {} {}", to_string(kind), printable(name.substr(0, 64))))
        .fact("has", fmt::format("{}", fmt::join(known, ", ")))
        .fix("name one of these");
  }
  if (region->bytes != bytes)
    return Error("runtime.accel.argument", fmt::format("{} {} has {} bytes, expected {}", to_string(kind),
                                                       region->name, bytes, region->bytes))
        .fact("shape", fmt::format("{}[{}]", region->dtype, fmt::join(region->shape, ", ")))
        .fix("give an array of this type and shape");
  return &*region;
}

Expected<sim::RunResult> Executable::run(std::span<const Input> inputs, std::span<const Output> outputs,
                                         const sim::RunOptions& options) const {
  const auto twice = [](const isa::Region& r) {
    return Error("runtime.accel.argument", fmt::format("{} {} is given twice", to_string(r.kind), r.name))
        .fix("give each argument once");
  };
  std::vector<Write> before;
  for (const Contents& contents : first_) before.push_back({contents.address, contents.bytes});
  std::set<std::string_view> given;
  for (const Input& input : inputs) {
    const auto region = argument(input.name, RegionKind::input, input.bytes.size());
    if (!region) return region.error();
    if (!given.insert(region.value()->name).second) return twice(*region.value());
    before.push_back({block_->address + region.value()->address, input.bytes});
  }
  for (const isa::Region& region : arguments_)
    if (region.kind == RegionKind::input && !given.contains(region.name))
      return Error("runtime.accel.argument", fmt::format("input {} is missing", region.name))
          .fix("give every input; outputs may be left out");
  std::vector<Read> after;
  for (const Output& output : outputs) {
    const auto region = argument(output.name, RegionKind::output, output.bytes.size());
    if (!region) return region.error();
    if (!given.insert(region.value()->name).second) return twice(*region.value());
    after.push_back({block_->address + region.value()->address, output.bytes});
  }
  return block_->device->run(program_, before, after, options);
}

}  // namespace tc::accel
