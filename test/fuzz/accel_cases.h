// Malformed and random input for the accelerator: configurations, assembly text, program
// files and instruction streams for the simulator; programs, recorded commands and bundles
// for its runtime. Everything must be taken or refused with an Error, within bounds of
// time and memory; what is taken must survive its text and its file; and a program that
// the check of the order accepts must give one result in every order.
#pragma once
#include <initializer_list>

#include "fuzz/harness.h"

namespace tc::test {

[[nodiscard]] std::vector<FuzzKind> machine_cases();
[[nodiscard]] std::vector<FuzzKind> runtime_cases();

/// `text` after a few edits: bytes, numbers, words and lines that mean something nearby.
[[nodiscard]] std::string mutated(Rng& rng, std::string text, std::initializer_list<const char*> words);

/// Edits the bytes of a program file; mostly makes its checksums right again, so that what
/// is behind them is read.
void damage(Rng& rng, std::string& file);

}  // namespace tc::test
