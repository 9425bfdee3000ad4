// Random steps without regard to whether they are legal: any stage, any loop, any place.
// They name what there is, mostly, since a name that means nothing tests little.
#pragma once
#include <fmt/format.h>

#include <algorithm>

#include "oracle/model.h"
#include "tc/support/rng.h"

namespace tc::test::oracle {

class StepDice {
  template <class T>
  auto pick(const T& from) {
    return from[random_.below(std::size(from))];
  }

 public:
  StepDice(const Model& m, Rng& random) : m_(m), random_(random) {}

  Step roll() {
    if (coin(40))
      if (const auto step = roll_place()) return *step;
    static constexpr StepKind kKinds[] = {StepKind::split,
                                          StepKind::split,
                                          StepKind::split,
                                          StepKind::fuse,
                                          StepKind::reorder,
                                          StepKind::reorder,
                                          StepKind::vectorize,
                                          StepKind::cache_read,
                                          StepKind::unroll,
                                          StepKind::parallel,
                                          StepKind::parallel,
                                          StepKind::compute_at,
                                          StepKind::compute_at,
                                          StepKind::compute_at,
                                          StepKind::compute_root,
                                          StepKind::compute_inline,
                                          StepKind::cache_read,
                                          StepKind::cache_write,
                                          StepKind::set_scope,
                                          StepKind::layout,
                                          StepKind::init_at,
                                          StepKind::rfactor,
                                          StepKind::rfactor,
                                          StepKind::reverse_compute_at,
                                          StepKind::reverse_compute_at,
                                          StepKind::tensorize,
                                          StepKind::tensorize,
                                          StepKind::vthread,
                                          StepKind::double_buffer,
                                          StepKind::rolling_buffer,
                                          StepKind::rolling_buffer,
                                          StepKind::prefetch,
                                          StepKind::storage_align};
    Step step;
    step.kind = pick(kKinds);
    step.stage = m_.stages[at(stage())].name;
    fill(step);
    return step;
  }

 private:
  // A stage at a loop of what reads it, where it may well be right: for the steps that need one.
  std::optional<Step> roll_place() {
    std::vector<std::pair<int, int>> pairs;
    for (const int id : m_.order)
      if (const Stage& s = m_.stages[at(id)]; !s.is_input && !s.is_output && !s.inlined && s.scan < 0)
        for (const int r : m_.readers(id)) pairs.emplace_back(id, r);
    if (pairs.empty()) return std::nullopt;
    const auto [id, reader] = pick(pairs);
    return Step{.kind = StepKind::compute_at,
                .stage = m_.stages[at(id)].name,
                .axes = {m_.stages[at(reader)].name, leaf(reader)}};
  }

  static size_t at(int i) { return static_cast<size_t>(i); }
  int64_t below(int64_t n) { return static_cast<int64_t>(random_.below(static_cast<uint64_t>(n))); }
  bool coin(int of = 2) { return below(of) == 0; }
  template <class T>
  void shuffle(std::vector<T>& v) {
    for (size_t i = v.size(); i > 1; --i)
      std::swap(v[i - 1], v[static_cast<size_t>(below(static_cast<int64_t>(i)))]);
  }

  int stage() {
    std::vector<int> all;
    for (const int id : m_.order) {
      const Stage& s = m_.stages[at(id)];
      if (!s.inlined && (!s.is_input || coin(4))) all.push_back(id);
    }
    return all.empty() ? m_.order.back() : pick(all);
  }
  std::vector<std::string> leaves(int id) {
    std::vector<std::string> out;
    for (const int l : m_.stages[at(id)].leaves) out.push_back(m_.stages[at(id)].axes[at(l)].name);
    return out;
  }
  std::string leaf(int id) {
    const auto all = leaves(id);
    if (!all.empty() && !coin(40)) return pick(all);
    const Stage& s = m_.stages[at(id)];  // perhaps one that was split
    return s.axes.empty() ? "none" : pick(s.axes).name;
  }

  void fill(Step& step) {
    const int id = m_.find(step.stage);
    static constexpr int64_t kFactors[] = {2, 2, 3, 4, 5};
    // a loop that runs once is legal whatever is done to it
    switch (step.kind) {
      case StepKind::split:
        step.axes = {leaf(id)};
        step.number = coin(40) ? below(2) : pick(kFactors);
        step.parts = coin(3);
        break;
      case StepKind::fuse: {
        auto all = leaves(id);
        if (coin(3)) shuffle(all);
        if (all.size() < 2) return;
        const auto from = below(static_cast<int64_t>(all.size()) - 1);
        const auto n = std::min<int64_t>(2 + below(2), static_cast<int64_t>(all.size()) - from);
        step.axes.assign(all.begin() + from, all.begin() + from + n);
        break;
      }
      case StepKind::reorder:
        step.axes = leaves(id);
        shuffle(step.axes);
        if (coin(3) && step.axes.size() > 2) step.axes.resize(2);
        break;
      case StepKind::vectorize:
        step.reassociate = coin();
        [[fallthrough]];
      case StepKind::unroll:
      case StepKind::parallel:
      case StepKind::vthread:
      case StepKind::init_at:
        step.axes = {leaf(id)};
        break;
      case StepKind::compute_at:
      case StepKind::reverse_compute_at:
        fill_place(step, id);
        break;
      case StepKind::rfactor:
        step.axes = {leaf(id)};
        step.number = below(static_cast<int64_t>(m_.stages[at(id)].dims.size()) + 1);
        step.reassociate = coin();
        break;
      case StepKind::cache_read: {
        const auto readers = m_.readers(id);
        if (!readers.empty() && coin(3)) step.names = {m_.stages[at(pick(readers))].name};
        [[fallthrough]];
      }
      case StepKind::cache_write:
      case StepKind::set_scope:
        step.scope = coin() ? "stack" : "global";
        break;
      case StepKind::layout:
        fill_layout(step, id);
        break;
      case StepKind::double_buffer:
      case StepKind::rolling_buffer:
        fill_attached(step);
        break;
      case StepKind::prefetch:
        fill_prefetch(step, id);
        break;
      case StepKind::storage_align:
        fill_storage_align(step, id);
        break;
      case StepKind::tensorize:
        fill_tensorize(step, id);
        break;
      default:
        break;
    }
  }

  // Mostly beside a reader or a producer, for elsewhere there is little to go right.
  void fill_place(Step& step, int id) {
    int other = stage();
    if (m_.stages[at(id)].is_output && step.kind == StepKind::compute_at && coin()) {
      id = stage();  // where there are outputs alone, little can be placed
      step.stage = m_.stages[at(id)].name;
    }
    if (step.kind == StepKind::reverse_compute_at && coin()) {  // a stage whose loops are as they were made
      std::vector<int> plain;
      for (const int c : m_.order)
        if (const Stage& s = m_.stages[at(c)]; !s.is_input && !s.inlined && s.relations.empty())
          plain.push_back(c);
      if (!plain.empty()) id = pick(plain);
      step.stage = m_.stages[at(id)].name;
    }
    if (!coin(4)) {
      std::vector<int> near;
      if (step.kind == StepKind::compute_at) {
        near = m_.readers(id);
        for (size_t i = 0; i < near.size(); ++i)  // or where a reader is
          if (const int outer = m_.stages[at(near[i])].at_stage; outer >= 0 && coin()) near[i] = outer;
      } else {
        for (const int p : m_.order) {
          const auto readers = m_.readers(p);
          if (std::find(readers.begin(), readers.end(), id) != readers.end() &&
              (!m_.stages[at(p)].is_input || coin(8)))
            near.push_back(p);
        }
      }
      if (!near.empty()) other = pick(near);
    }
    step.axes = {m_.stages[at(other)].name, leaf(other)};
    const auto loops = leaves(other);
    if (step.kind == StepKind::reverse_compute_at && !loops.empty() && coin()) step.axes[1] = loops[0];
  }

  void fill_layout(Step& step, int id) {
    const Stage& s = m_.stages[at(id)];
    static constexpr int64_t kSizes[] = {1, 2, 3, 4, 8, 16};
    for (const Dim& d : s.dims) {
      const std::string& axis = s.axes[at(d.axis)].name;
      if (!step.names.empty() && coin()) {
        step.names.push_back(axis);
        continue;
      }
      const int64_t n = pick(kSizes), m = n > 1 && coin(8) ? n - 1 : n;  // which do not chain
      if (!coin(16)) step.names.push_back(fmt::format("{}/{}", axis, n));
      if (!coin(16)) step.names.push_back(fmt::format("{}%{}", axis, m));
    }
    shuffle(step.names);
  }

  // Mostly a stage that is computed at a loop.
  void fill_attached(Step& step) {
    std::vector<std::string> attached;
    for (const Stage& s : m_.stages)
      if (s.at_stage >= 0 && !s.inlined) attached.push_back(s.name);
    if (!attached.empty() && !coin(8)) step.stage = pick(attached);
  }

  // Mostly of something that the stage reads.
  void fill_prefetch(Step& step, int id) {
    step.axes = {leaf(id)};
    step.number = coin(16) ? -1 : below(5);
    std::vector<int> read;
    for (const int p : m_.order) {
      const auto readers = m_.readers(p);
      if (std::find(readers.begin(), readers.end(), id) != readers.end()) read.push_back(p);
    }
    step.names = {m_.stages[at(read.empty() || coin(8) ? stage() : pick(read))].name};
  }

  void fill_storage_align(Step& step, int id) {
    if (coin()) {  // copies and what is between
      std::vector<int> own;
      for (const int c : m_.order)
        if (const Stage& s = m_.stages[at(c)]; !s.is_input && !s.is_output && !s.inlined) own.push_back(c);
      if (!own.empty()) id = pick(own);
      step.stage = m_.stages[at(id)].name;
    }
    const auto dims = m_.stages[at(id)].storage_dims();
    static constexpr int64_t kFactors[] = {1, 2, 3, 4, 8, 16};
    step.axes = {dims.empty() ? "none" : dims.size() > 1 && coin() ? dims[dims.size() - 2] : pick(dims)};
    step.number = coin(16) ? 0 : pick(kFactors);
    step.offset = coin() ? 0 : below(step.number + 1);
  }

  // The loops from one of the last inward, and an intrinsic of as many iterations, or of others.
  void fill_tensorize(Step& step, int id) {
    std::vector<int> sums;
    for (const int c : m_.order)
      if (const Stage& s = m_.stages[at(c)]; !s.inlined && !s.is_input && s.folds()) sums.push_back(c);
    if (!sums.empty() && !coin(8)) id = pick(sums);
    const Stage& s = m_.stages[at(id)];
    step.stage = s.name, step.axes = {leaf(id)}, step.intrinsic = "gemm_f32_1x4x1";
    if (s.leaves.empty()) return;
    const auto extents = s.extents();
    const auto count = static_cast<int64_t>(s.leaves.size());
    const auto from = at(static_cast<int>(count - 1 - below(std::min<int64_t>(count, 4))));
    std::vector<int64_t> spatial = {1, 1}, reduce = {1};
    for (size_t p = from; p < s.leaves.size(); ++p)
      if (const int64_t n = extents[at(s.leaves[p])]; n != 1)
        (s.axes[at(s.leaves[p])].reduce ? reduce : spatial).push_back(n);
    step.axes = {s.axes[at(s.leaves[from])].name};
    int64_t n = spatial.back(), m = spatial[spatial.size() - 2], k = reduce.back();
    if (coin()) std::swap(n, m);
    if (coin(8)) ++(coin() ? n : k);
    const DType type = s.buffers[0]->type;
    static constexpr const char* kTypes[] = {"i8", "u8", "i16"};
    step.intrinsic = type == kI32 && coin() ? fmt::format("dot_{}_{}_{}x{}", pick(kTypes), pick(kTypes), n, k)
                                            : fmt::format("gemm_{}_{}x{}x{}", ir::to_string(type), m, n, k);
    step.reassociate = !coin(4);
  }

  const Model& m_;
  Rng& random_;
};

}  // namespace tc::test::oracle
