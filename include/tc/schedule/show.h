// Loop nests to look at: a self-contained HTML page, or a part of one for notebooks.
#pragma once
#include <string>

#include "tc/schedule/schedule.h"

namespace tc {

struct ShowOptions {
  /// Every step with the loops before and after it, to be walked through; else only
  /// the loops as they stand.
  bool steps = true;
  /// A whole document; else a fragment that brings its own style.
  bool page = true;
  std::string title;  ///< empty: the names of the outputs
  SizeValues sizes;   ///< for which loops are counted; else 1, or the least value
};

/// The loops coloured by kind, what each touches and computes where the pointer rests,
/// and what each step changed. It needs no network and no other file.
[[nodiscard]] std::string to_html(const Schedule& schedule, const ShowOptions& options = {});

}  // namespace tc
