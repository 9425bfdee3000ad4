#include "tc/sim/dram.h"

#include <fmt/format.h>

#include <algorithm>

namespace tc::sim {

Expected<Dram> Dram::make(uint64_t bytes, uint64_t limit) {
  if (bytes > limit)
    return Error("sim.dram.size",
                 fmt::format("{} bytes of DRAM are asked for; the limit is {}", bytes, limit))
        .fix("raise the limit, or place buffers closer together");
  Dram dram;
  dram.bytes_.resize(bytes);
  return dram;
}

Expected<Dram> Dram::of(const isa::Program& program, uint64_t limit) {
  if (Check error = isa::validate(program)) return *error;
  Expected<Dram> dram = make(program.dram_bytes, limit);
  if (dram)
    for (const isa::Segment& s : program.segments)
      std::copy(s.bytes.begin(), s.bytes.end(),
                dram.value().bytes_.begin() + static_cast<ptrdiff_t>(s.address));
  return dram;
}

}  // namespace tc::sim
