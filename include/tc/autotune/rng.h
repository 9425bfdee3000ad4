// The tuner's random generator: that of tc/support/rng.h.
#pragma once
#include "tc/support/rng.h"

namespace tc::autotune {

using tc::mix_seed;
using tc::Rng;

}  // namespace tc::autotune
