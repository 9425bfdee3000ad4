// Random legal schedules: steps are drawn and offered to the schedule, which keeps
// the legal ones. What it refuses costs nothing but the try. Half of the schedules
// draw any step at any time; the others go about it as people do (storage, loops,
// places, modes), for there more steps are legal and they get deeper.
#pragma once
#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "../../lib/schedule/nest.h"
#include "tc/schedule/schedule.h"
#include "tc/support/rng.h"

namespace tc::test {

class ScheduleDice {
  template <class T>
  auto pick(const T& from) {
    return from[static_cast<size_t>(below(static_cast<int64_t>(std::size(from))))];
  }

  static constexpr StepKind kStorage[] = {StepKind::cache_read, StepKind::cache_write,
                                          StepKind::compute_inline, StepKind::layout, StepKind::rfactor};
  static constexpr StepKind kLoops[] = {StepKind::split,   StepKind::split,   StepKind::split,
                                        StepKind::split,   StepKind::fuse,    StepKind::fuse,
                                        StepKind::reorder, StepKind::reorder, StepKind::reverse_compute_at};
  static constexpr StepKind kPlaces[] = {StepKind::rolling_buffer,
                                         StepKind::rolling_buffer,
                                         StepKind::storage_align,
                                         StepKind::compute_at,
                                         StepKind::compute_at,
                                         StepKind::compute_at,
                                         StepKind::init_at,
                                         StepKind::set_scope,
                                         StepKind::layout,
                                         StepKind::split,
                                         StepKind::fuse,
                                         StepKind::rfactor,
                                         StepKind::cache_write,
                                         StepKind::reverse_compute_at,
                                         StepKind::reverse_compute_at};
  static constexpr StepKind kModes[] = {StepKind::vectorize,     StepKind::vectorize,     StepKind::unroll,
                                        StepKind::parallel,      StepKind::vthread,       StepKind::vthread,
                                        StepKind::double_buffer, StepKind::double_buffer, StepKind::prefetch,
                                        StepKind::prefetch,      StepKind::tensorize,     StepKind::tensorize,
                                        StepKind::tensorize};
  static constexpr StepKind kAny[] = {StepKind::split,          StepKind::split,
                                      StepKind::split,          StepKind::fuse,
                                      StepKind::reorder,        StepKind::reorder,
                                      StepKind::vectorize,      StepKind::unroll,
                                      StepKind::parallel,       StepKind::compute_at,
                                      StepKind::compute_at,     StepKind::compute_root,
                                      StepKind::compute_inline, StepKind::cache_read,
                                      StepKind::cache_write,    StepKind::set_scope,
                                      StepKind::layout,         StepKind::init_at,
                                      StepKind::rfactor,        StepKind::reverse_compute_at,
                                      StepKind::tensorize,      StepKind::vthread,
                                      StepKind::double_buffer,  StepKind::prefetch,
                                      StepKind::storage_align,  StepKind::rolling_buffer};

 public:
  ScheduleDice(Schedule& s, uint64_t seed) : s_(s), random_(seed * 0x9e3779b97f4a7c15ull + 1) {}

  /// Offers `tries` steps.
  void roll(int tries) {
    const bool in_order = coin();
    if (coin(12)) tensorize_around_copy();
    if (coin(12)) tensorize_what_was_factored();
    if (coin(4)) ring_of_a_fold();
    for (int i = 0; i < tries; ++i) {
      const bool any = !in_order || coin(8);
      (void)s_.apply(draw(any ? pick(kAny) : in_phase(i, tries)));
      if (coin(3 * tries)) seek_ring();
    }
    if (coin(4)) inline_copy();
  }

 private:
  int64_t below(int64_t n) { return n <= 0 ? 0 : random_.between(0, n - 1); }
  bool coin(int of = 2) { return below(of) == 0; }
  template <class T>
  void shuffle(std::vector<T>& v) {
    for (size_t i = v.size(); i > 1; --i)
      std::swap(v[i - 1], v[static_cast<size_t>(below(static_cast<int64_t>(i)))]);
  }

  StepKind in_phase(int i, int tries) {
    const int percent = 100 * i / tries;
    if (percent < 15) return pick(kStorage);
    if (percent < 55) return pick(kLoops);
    if (percent < 80) return pick(kPlaces);
    return pick(kModes);
  }

  // Steps that go together too seldom by chance: coverage_test.cpp asks for all pairs.

  // An intrinsic in a stage that computes the copy of an operand in its own loops.
  void tensorize_around_copy() {
    const std::vector<int> sums = sums_of_products();
    if (sums.empty()) return;
    const std::string name = s_.state().stages[static_cast<size_t>(pick(sums))].name;
    const auto read = buffers_read(state_of(name).values);
    Step copy, around;
    copy.kind = StepKind::cache_read, copy.scope = "stack", copy.names = {name};
    copy.stage = s_.state().stages[static_cast<size_t>(s_.state().find(pick(read).get()))].name;
    if (s_.apply(copy)) return;
    const std::string made = s_.steps().back().into[0];
    around.kind = StepKind::reverse_compute_at, around.stage = name, around.axes = {made, leaf(made)};
    if (s_.apply(around)) return;
    try_intrinsics(name);
  }
  // A reduction whose stage becomes a copy, which may be inlined.
  void inline_copy() {
    const Step first = draw(coin() ? StepKind::init_at : StepKind::tensorize);
    if (s_.apply(first)) return;
    Step cache, in_line;
    cache.kind = StepKind::cache_write, in_line.kind = StepKind::compute_inline;
    cache.stage = in_line.stage = first.stage, cache.scope = "stack";
    if (!s_.apply(cache)) (void)s_.apply(in_line);
  }

  // Partial results of one term each may be inlined: the stage is a sum of products again.
  void tensorize_what_was_factored() {
    const std::vector<int> sums = sums_of_products();
    if (sums.empty()) return;
    const StageState& sum = s_.state().stages[static_cast<size_t>(pick(sums))];
    const std::string name = sum.name;
    if (sum.reduce.size() != 1) return;
    Step factor, in_line;
    factor.kind = StepKind::rfactor, factor.stage = name, factor.reassociate = true;
    factor.axes = {sum.axes[static_cast<size_t>(sum.rank())].name};
    if (s_.apply(factor)) return;
    in_line.kind = StepKind::compute_inline, in_line.stage = s_.steps().back().into[0];
    if (!s_.apply(in_line)) try_intrinsics(name);
  }
  // A ring that folds, is read through a copy, or has an intrinsic before or after.
  void ring_of_a_fold() {
    if (coin(3)) (void)s_.apply(draw(StepKind::cache_read));
    const std::vector<int> sums = sums_of_products();
    const bool before = coin();
    if (before && !sums.empty()) try_intrinsics(s_.state().stages[static_cast<size_t>(pick(sums))].name);
    const std::string ring = seek_ring();
    if (ring.empty()) return;
    Step init;
    init.kind = StepKind::init_at, init.stage = ring, init.axes = {leaf(ring)};
    if (coin()) (void)s_.apply(init);
    const std::vector<int> left = sums_of_products();
    if (before || left.empty()) return;
    if (std::find(left.begin(), left.end(), s_.state().find(ring)) != left.end()) try_intrinsics(ring, 50);
    try_intrinsics(s_.state().stages[static_cast<size_t>(pick(left))].name);
  }
  void try_intrinsics(const std::string& name, int most = 12) {
    Step tensor;
    tensor.kind = StepKind::tensorize;
    for (int tries = 0; tries < most; ++tries) {
      fill_tensorize_of(tensor, s_.state().find(name));
      if (!s_.apply(tensor)) return;
    }
  }

  std::string stage() {
    auto names = s_.stages();
    if (coin(6))
      for (const StageState& s : s_.state().stages)
        if (s.is_input) names.push_back(s.name);
    return pick(names);
  }
  [[nodiscard]] const StageState& state_of(const std::string& stage) const {
    return s_.state().stages[static_cast<size_t>(s_.state().find(stage))];
  }
  std::vector<std::string> leaves(const std::string& stage) {
    std::vector<std::string> out;
    const StageState& s = state_of(stage);
    for (const int l : s.leaves) out.push_back(s.axes[static_cast<size_t>(l)].name);
    return out;
  }
  std::string leaf(const std::string& stage) {
    const auto all = leaves(stage);
    return all.empty() ? "none" : pick(all);
  }

  Step draw(StepKind kind) {
    Step step;
    step.kind = kind;
    step.stage = stage();
    static constexpr int64_t kFactors[] = {1, 2, 2, 3, 4, 4, 5, 7, 8, 16, 31};
    switch (kind) {
      case StepKind::split:
        step.axes = {leaf(step.stage)};
        step.number = pick(kFactors);
        step.parts = coin(4);
        break;
      case StepKind::fuse:
        fill_fuse(step);
        break;
      case StepKind::reorder:
        fill_reorder(step);
        break;
      case StepKind::vectorize:
        fill_vectorize(step);
        break;
      case StepKind::unroll:
      case StepKind::parallel:
      case StepKind::vthread:
      case StepKind::init_at:
        step.axes = {leaf(step.stage)};
        break;
      case StepKind::prefetch:
        fill_prefetch(step);
        break;
      case StepKind::storage_align:
        fill_storage_align(step);
        break;
      case StepKind::double_buffer:
      case StepKind::rolling_buffer:
        fill_attached(step);
        break;
      case StepKind::compute_at:
        fill_compute_at(step);
        break;
      case StepKind::rfactor:
        fill_rfactor(step);
        break;
      case StepKind::reverse_compute_at:
        fill_reverse(step);
        break;
      case StepKind::tensorize:
        fill_tensorize(step);
        break;
      case StepKind::cache_read:
        fill_cache_read(step);
        break;
      case StepKind::cache_write:
      case StepKind::set_scope:
        step.scope = coin() ? "stack" : "global";
        break;
      case StepKind::layout:
        fill_layout(step);
        break;
      default:
        break;
    }
    return step;
  }

  void fill_fuse(Step& step) {
    const auto all = leaves(step.stage);
    if (all.size() < 2) return;
    const auto i = static_cast<size_t>(below(static_cast<int64_t>(all.size()) - 1));
    const size_t n = std::min<size_t>(2 + static_cast<size_t>(below(2)), all.size() - i);
    step.axes.assign(all.begin() + static_cast<std::ptrdiff_t>(i),
                     all.begin() + static_cast<std::ptrdiff_t>(i + n));
  }
  void fill_reorder(Step& step) {
    step.axes = leaves(step.stage);
    shuffle(step.axes);
    if (coin(3) && step.axes.size() > 2) step.axes.resize(2);
  }
  void fill_vectorize(Step& step) {
    const auto all = leaves(step.stage);
    step.axes = {all.empty() ? "none" : coin() ? all.back() : pick(all)};
    step.reassociate = coin();
  }
  // Mostly a reader, or where a reader is: elsewhere it is seldom legal.
  void fill_compute_at(Step& step) {
    std::string consumer = stage();
    const auto readers = s_.state().readers(s_.state().find(step.stage));
    if (!readers.empty() && !coin(5)) {
      const StageState* reader = &s_.state().stages[static_cast<size_t>(pick(readers))];
      while (coin(3) && reader->attach == StageState::at)
        reader = &s_.state().stages[static_cast<size_t>(reader->at_stage)];
      consumer = reader->name;
    }
    step.axes = {consumer, leaf(consumer)};
  }
  // Mostly a reduce loop, and a position that there is.
  void fill_rfactor(Step& step) {
    std::vector<std::string> reduce;
    const StageState& s = state_of(step.stage);
    for (const int l : s.leaves)
      if (const AxisState& a = s.axes[static_cast<size_t>(l)]; a.reduce) reduce.push_back(a.name);
    step.axes = {reduce.empty() || coin(8) ? leaf(step.stage) : pick(reduce)};
    step.number = below(s.rank() + 1 + coin(8));
    step.reassociate = !coin(4);
  }
  std::vector<int> sums_of_products() {
    const auto& stages = s_.state().stages;
    std::vector<int> sums;
    for (size_t i = 0; i < stages.size(); ++i) {
      const auto* r = stages[i].values.empty() ? nullptr : stages[i].values[0].as<ir::Reduce>();
      if (r && r->combiner->name == "sum" && stages[i].attach != StageState::inlined)
        sums.push_back(static_cast<int>(i));
    }
    return sums;
  }
  // A sum of products, and an intrinsic with as many iterations as the loops from one of
  // the last inward have: it fits now and then.
  void fill_tensorize(Step& step) {
    step.axes = {leaf(step.stage)};
    step.intrinsic = "gemm_f32_1x4x1";
    const std::vector<int> sums = sums_of_products();
    if (!sums.empty()) fill_tensorize_of(step, pick(sums));
  }
  void fill_tensorize_of(Step& step, int id) {
    const StageState& s = s_.state().stages[static_cast<size_t>(id)];
    step.stage = s.name;
    Nests nests(s_.state());
    if (nests.infer()) return;
    const auto count = static_cast<int64_t>(s.leaves.size());
    const int64_t from = count - 1 - below(std::min<int64_t>(count, 4));
    std::vector<int64_t> spatial, reduce;
    for (int64_t p = from; p < count; ++p) {
      const auto axis = static_cast<size_t>(s.leaves[static_cast<size_t>(p)]);
      const int64_t n = ir::as_int(nests.of(id).axis_extent[axis]).value_or(4);
      if (n != 1) (s.axes[axis].reduce ? reduce : spatial).push_back(n);
    }
    spatial.insert(spatial.begin(), {1, 1});
    reduce.insert(reduce.begin(), 1);
    step.axes = {s.axes[static_cast<size_t>(s.leaves[static_cast<size_t>(from)])].name};
    const int64_t n = spatial.back(), m = spatial[spatial.size() - 2], k = reduce.back();
    const DType type = s.values[0]->type;
    if (type == kI32 && coin()) {
      static constexpr const char* kTypes[] = {"i8", "u8", "i16"};
      step.intrinsic = fmt::format("dot_{}_{}_{}x{}", pick(kTypes), pick(kTypes), n, k);
    } else {
      const bool swap = coin();
      step.intrinsic = fmt::format("gemm_{}_{}x{}x{}", ir::to_string(type), swap ? n : m, swap ? m : n, k);
    }
    step.reassociate = !coin(4);
  }
  // Mostly a stage whose loops are as they were made, and a producer that is no output.
  void fill_reverse(Step& step) {
    std::string producer = stage();
    std::vector<std::pair<std::string, std::string>> pairs;
    const auto& stages = s_.state().stages;
    for (const StageState& c : stages) {
      if (c.attach == StageState::inlined || !c.relations.empty()) continue;
      for (const BufferRef& b : buffers_read(c.values))
        if (const auto& p = stages[static_cast<size_t>(s_.state().find(b.get()))];
            !p.is_input && !p.is_output)
          pairs.emplace_back(c.name, p.name);
    }
    if (!pairs.empty() && !coin(6)) std::tie(step.stage, producer) = pick(pairs);
    const auto loops = leaves(producer);
    step.axes = {producer, loops.empty() ? "none" : coin() ? loops[0] : pick(loops)};
  }
  void fill_cache_read(Step& step) {
    step.scope = coin() ? "stack" : "global";
    const auto readers = s_.state().readers(s_.state().find(step.stage));
    if (!readers.empty() && coin(3))
      step.names = {s_.state().stages[static_cast<size_t>(pick(readers))].name};
  }
  void fill_prefetch(Step& step) {
    step.axes = {leaf(step.stage)};
    step.number = below(5);
    const auto read = buffers_read(state_of(step.stage).values);
    step.names = {read.empty() || coin(8)
                      ? stage()
                      : s_.state().stages[static_cast<size_t>(s_.state().find(pick(read).get()))].name};
  }
  // Mostly a stage that is computed at a loop.
  void fill_attached(Step& step) {
    std::vector<std::string> attached;
    for (const StageState& s : s_.state().stages)
      if (s.attach == StageState::at) attached.push_back(s.name);
    if (!attached.empty() && !coin(8)) step.stage = pick(attached);
  }
  // Windows that move along a loop are rare: a stage and a loop of a reader are looked for.
  // Gives the stage that is kept in a ring, or nothing.
  std::string seek_ring() {
    std::vector<std::pair<Step, Step>> tries;
    const auto& stages = s_.state().stages;
    for (size_t i = 0; i < stages.size(); ++i) {
      if (stages[i].is_input || stages[i].is_output || stages[i].attach == StageState::inlined) continue;
      for (const int r : s_.state().readers(static_cast<int>(i)))
        for (const std::string& axis : leaves(stages[static_cast<size_t>(r)].name))
          tries.push_back({Step{.kind = StepKind::compute_at,
                                .stage = stages[i].name,
                                .axes = {stages[static_cast<size_t>(r)].name, axis}},
                           Step{.kind = StepKind::rolling_buffer, .stage = stages[i].name}});
    }
    shuffle(tries);
    for (const auto& [place, ring] : tries) {
      Schedule trial = s_;
      if (trial.apply(place) || trial.apply(ring)) continue;
      s_ = std::move(trial);
      return ring.stage;
    }
    return {};
  }
  void fill_storage_align(Step& step) {
    const StageState& s = state_of(step.stage);
    std::vector<std::string> dims;
    for (size_t at = 0; !s.layout.empty() && at < s.layout_text.size();) {
      const size_t end = std::min(s.layout_text.find(',', at), s.layout_text.size());
      dims.push_back(s.layout_text.substr(at, end - at));
      at = end + 1;
    }
    for (int d = 0; s.layout.empty() && d < s.rank(); ++d)
      dims.push_back(s.axes[static_cast<size_t>(d)].name);
    if (dims.size() > 1 && !coin(8)) dims.pop_back();
    static constexpr int64_t kFactors[] = {1, 2, 3, 4, 8, 16};
    step.axes = {dims.empty() ? "none" : coin() ? dims.back() : pick(dims)};
    step.number = pick(kFactors);
    step.offset = coin() ? 0 : below(step.number);
  }
  void fill_layout(Step& step) {
    std::vector<std::string> axes;
    const StageState& s = state_of(step.stage);
    for (int i = 0; i < s.rank(); ++i) axes.push_back(s.axes[static_cast<size_t>(i)].name);
    shuffle(axes);
    static constexpr int64_t kSizes[] = {1, 2, 3, 4, 8, 16};
    for (const std::string& a : axes) {
      if (coin()) {
        step.names.push_back(a);
        continue;
      }
      const int64_t n = pick(kSizes);
      const auto anywhere = [&] {
        return step.names.begin() + below(static_cast<int64_t>(step.names.size()) + 1);
      };
      if (coin(4)) {  // in three pieces
        const int64_t m = pick(kSizes);
        step.names.insert(anywhere(), fmt::format("{}/{}", a, n * m));
        step.names.insert(anywhere(), fmt::format("{}/{}%{}", a, n, m));
      } else {
        step.names.insert(anywhere(), fmt::format("{}/{}", a, n));
      }
      step.names.insert(anywhere(), fmt::format("{}%{}", a, n));
    }
  }

  Schedule& s_;
  Rng random_;
};

}  // namespace tc::test
