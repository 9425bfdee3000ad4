// Random programs that are right by construction: every access in bounds, nothing
// read before it is written, tokens where two units touch one place. For tests,
// fuzzing and mutation; what orders the accesses is decided here by comparing
// instructions in pairs, unlike in the check that the simulator makes.
#pragma once
#include "tc/isa/program.h"
#include "tc/support/rng.h"

namespace tc::sim {

/// About `operations` instructions, and those that fill the scratchpads and pass
/// tokens. DRAM holds random contents; stores write where later loads may read.
[[nodiscard]] isa::Program random_program(Rng& rng, const isa::MachineConfig& config, int operations);

}  // namespace tc::sim
