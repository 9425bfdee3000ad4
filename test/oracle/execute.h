// Runs a model exhaustively, element by element, and finds what no legal schedule does:
// a read of an element that is not (yet, any more, completely) computed where it is
// looked for; two iterations of a parallel or vectorized loop that touch one element, of
// which one writes; a fold in another order than was allowed; an output that lacks an
// element. No numbers are computed: every cell of storage says which element it holds,
// and of a reduction which points were folded into it, each once.
#pragma once
#include <optional>

#include "oracle/model.h"

namespace tc::test::oracle {

struct Fault {
  std::string what;
  bool heavy = false;  // given up after `budget` iterations and reads
};

/// The first fault of the schedule, if it has one. Throws Unjudged.
[[nodiscard]] std::optional<Fault> execute(const Model& model, int64_t budget = 400'000);

}  // namespace tc::test::oracle
