// Random instructions and machines, for tests and fuzzing. Whole programs that
// are legal by construction: tc/sim/random_program.h.
#pragma once
#include "tc/isa/layout.h"
#include "tc/support/rng.h"

namespace tc::isa {

/// An instruction that encodes; every field takes its extreme values often.
[[nodiscard]] Insn random_insn(Rng& rng, const Layout& layout);
[[nodiscard]] Uop random_uop(Rng& rng, const Layout& layout);

/// A valid machine: blocks of 4 to 64, batch 1 to 4, small buffers, any timing.
[[nodiscard]] MachineConfig random_config(Rng& rng);

}  // namespace tc::isa
