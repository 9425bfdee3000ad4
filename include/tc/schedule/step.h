// A schedule as data: the list of its steps. A step names stages and axes; it
// prints to one line, parses back and replays. What a step means, requires and
// does stands with the methods of Stage and Schedule in schedule.h.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tc/support/error.h"

namespace tc {

enum class StepKind : uint8_t {
  split,
  fuse,
  reorder,
  vectorize,
  unroll,
  parallel,
  compute_at,
  compute_root,
  compute_inline,
  cache_read,
  cache_write,
  set_scope,
  layout,
  init_at,
  rfactor,
  reverse_compute_at,
  tensorize,
  vthread,
  double_buffer,
  prefetch,
  storage_align,
  rolling_buffer,
};
inline constexpr size_t kNumStepKinds = 22;
[[nodiscard]] std::string_view to_string(StepKind kind);

/// One step. Its text is `kind stage [axes] [key=value ...]`:
///   split C y factor=8 into=yo,yi          split C y parts=4 into=yo,yi
///   fuse C h,w into=hw                     reorder C yo,xo,k,yi,xi
///   vectorize C xi [reassociate]           unroll C yi       parallel C yo
///   vthread C xo                           double_buffer T
///   prefetch C k tensor=B distance=4       rolling_buffer T
///   storage_align T y factor=16 offset=1
///   compute_at T C xo                      compute_root T    compute_inline T
///   cache_read A scope=global readers=C into=A_r
///   cache_write C scope=stack into=C_w     set_scope T scope=stack
///   layout B dims=x/16,y,x%16              init_at C yo
///   rfactor C ki position=0 [reassociate] into=C_rf
///   reverse_compute_at D C yo into=yo,yi
///   tensorize C xi intrinsic=dot_u8_i8_16x4 [reassociate]
struct Step {
  StepKind kind = StepKind::split;
  std::string stage;               // the stage (or input) it is applied to
  std::vector<std::string> axes;   // of that stage; compute_at: consumer, axis; reverse: producer, axis;
                                   // storage_align: a dimension of its storage
  int64_t number = 0;              // factor, parts, position or distance
  int64_t offset = 0;              // storage_align
  bool parts = false;              // split: `number` counts parts
  bool reassociate = false;        // vectorize, rfactor, tensorize
  std::string scope;               // cache_read, cache_write, set_scope
  std::vector<std::string> names;  // readers (cache_read), dims (layout) or tensor (prefetch)
  std::vector<std::string> into;   // names of what it makes
  std::string intrinsic = {};      // tensorize: its name

  [[nodiscard]] std::string text() const;
  friend bool operator==(const Step&, const Step&) = default;
};

/// The step a line means; error schedule.parse with a caret.
[[nodiscard]] Expected<Step> parse_step(std::string_view line);
/// One step a line; empty lines and lines after `#` are passed over.
[[nodiscard]] Expected<std::vector<Step>> parse_steps(std::string_view text);
[[nodiscard]] std::string to_text(const std::vector<Step>& steps);

}  // namespace tc
