// The programs that are judged: random ones, operators, and such as the steps ask for
// that fit few programs: recurrences, externs, windows that move, products of matrices.
#pragma once
#include "te/random_te.h"

namespace tc::test::oracle {

/// The program of a seed; small enough to be run exhaustively.
[[nodiscard]] RandomProgram judged_program(uint64_t seed);

}  // namespace tc::test::oracle
