// A lowered function as lines for people, made from what lower() makes, so that no
// picture can differ from the program. Private to lib/schedule.
#pragma once
#include <string>
#include <vector>

#include "tc/ir/loop_stats.h"
#include "tc/schedule/schedule.h"

namespace tc {

struct NestLine {
  int indent = 0;  // levels
  std::string text;
  const ir::For* loop = nullptr;  // of a line that opens a loop
};

/// What a schedule's loops look like now, and what each costs; `func` owns the nodes.
struct NestView {
  FuncRef func;
  std::vector<NestLine> lines;
  std::vector<ir::LoopStats> costs;
  std::string counted_for;  // "m = 512, n = 64", where there are sizes
};
/// Error te.size.unknown for a value of what is no size of the schedule's inputs.
NestView view_nests(const Schedule& schedule, const SizeValues& sizes);

/// "8.4 MFLOP  A 16 KiB, B 4 MiB, C 16 KiB written" of one run of a loop.
std::string cost_text(const ir::LoopStats& stats);
/// 16 -> "16 B", 4096 -> "4 KiB"; 2.1e6 -> "2.1 MFLOP".
std::string bytes_text(double bytes);
std::string flops_text(double flops);

}  // namespace tc
