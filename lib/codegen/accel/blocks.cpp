#include "blocks.h"

#include <algorithm>

namespace tc::accel {
namespace {

constexpr int64_t kMaxPad = 15, kMaxSize = 0xffff;  // of the fields of a load

// A stretch of consecutive tiles of the scratchpad: zeros, or consecutive in memory too.
struct Run {
  int64_t sram, dram, count;
  [[nodiscard]] bool zeros() const { return dram == TileMove::kZeros; }
};

std::vector<Run> runs_of(const std::vector<TileMove>& moves) {
  std::vector<Run> runs;
  for (const TileMove& m : moves) {
    if (!runs.empty()) {
      Run& r = runs.back();
      const bool follows = r.zeros() ? m.dram == TileMove::kZeros : m.dram == r.dram + r.count;
      if (m.sram == r.sram + r.count && follows && r.count < kMaxSize) {
        ++r.count;
        continue;
      }
    }
    runs.push_back({m.sram, m.dram, 1});
  }
  return runs;
}

TileBlock zeros(int64_t sram, int64_t count) { return {.sram = sram, .cols = count, .top = 1}; }

// Reads runs from the front, a block at a time.
class Gatherer {
 public:
  Gatherer(std::vector<Run> runs, int64_t width) : runs_(std::move(runs)), width_(width) {}

  std::vector<TileBlock> all() {
    while (at_ < runs_.size()) next();
    return std::move(out_);
  }

 private:
  // The run at an index, if it goes on where the one before ends; else null.
  [[nodiscard]] const Run* following(size_t i) const {
    if (i >= runs_.size() || (i > at_ && runs_[i - 1].sram + runs_[i - 1].count != runs_[i].sram))
      return nullptr;
    return &runs_[i];
  }
  [[nodiscard]] int64_t zeros_at(size_t i) const {
    const Run* r = following(i);
    return r && r->zeros() ? r->count : 0;
  }

  // The next runs as zeros, rows of one length with equal gaps, zeros.
  struct Rows {
    int64_t before = 0, rows = 1, gap = 0, stride = 0;
    size_t last = 0;  // the run of the last row
  };

  void next() {
    Rows r;
    r.before = zeros_at(at_);
    const size_t first = at_ + (r.before > 0 ? 1 : 0);
    const Run* data = following(first);
    if (!data || data->zeros()) {  // long zeros are several runs
      out_.push_back(zeros(runs_[at_].sram, r.before));
      ++at_;
      return;
    }
    r.last = first;
    const auto step = [&] { return static_cast<size_t>(r.gap > 0 ? 2 : 1); };
    count_rows(r);
    TileBlock b{.dram = data->dram, .rows = r.rows, .cols = data->count, .stride = r.stride};
    bool fits = share_gap(b, r);
    if (!fits && r.rows > 2) {  // the last row ends otherwise
      --r.rows, r.last -= step();
      fits = share_gap(b, r);
    }
    if (!fits) {
      r.rows = 1, r.last = first;
      share_single(b, r);
    }
    b.rows = r.rows;
    if (b.rows == 1) b.stride = b.cols;
    finish(b, r, data->sram);
  }

  void count_rows(Rows& r) const {
    const Run* row = following(r.last);
    while (r.rows < kMaxSize) {
      const int64_t gap = zeros_at(r.last + 1);
      const size_t at = r.last + (gap > 0 ? 2 : 1);
      const Run* next = following(at);
      if (!next || next->zeros() || next->count != row->count) return;
      const int64_t stride = next->dram - row->dram;
      if (stride < 0 || stride > kMaxSize) return;
      if (r.rows > 1 && (stride != r.stride || gap != r.gap)) return;
      r.gap = gap, r.stride = stride, r.last = at, row = next;
      ++r.rows;
    }
  }

  // Splits the gap between rows into zeros behind one and zeros before the next, as the zeros
  // before the first and behind the last row allow.
  [[nodiscard]] bool share_gap(TileBlock& b, const Rows& r) const {
    if (r.rows == 1) return false;
    const int64_t after = zeros_at(r.last + 1);
    const int64_t least = std::max({int64_t{0}, r.gap - kMaxPad, r.gap - after});
    const int64_t most = std::min({kMaxPad, r.before, r.gap});
    if (least > most) return false;
    const int64_t wanted = r.before % (b.cols + r.gap);  // then whole rows of zeros are above
    b.left = wanted >= least && wanted <= most ? wanted : least;
    b.right = r.gap - b.left;
    return true;
  }

  // One row: nothing says how long it is but what is likely.
  void share_single(TileBlock& b, const Rows& r) const {
    const int64_t after = zeros_at(r.last + 1);
    const int64_t left = width_ > 0 ? r.before % width_ : 0, right = width_ - left - b.cols;
    if (left <= kMaxPad && right >= 0 && right <= std::min(after, kMaxPad)) {
      b.left = left, b.right = right;
    } else {
      b.left = std::min(r.before, kMaxPad), b.right = std::min(after, kMaxPad);
    }
  }

  // Whole rows of zeros above and below; what is left of the zeros before is a block of its own,
  // of those behind a run.
  void finish(TileBlock& b, const Rows& r, int64_t data) {
    const int64_t pitch = b.left + b.cols + b.right, after = zeros_at(r.last + 1);
    b.top = std::min((r.before - b.left) / pitch, kMaxPad);
    b.bottom = std::min((after - b.right) / pitch, kMaxPad);
    b.sram = data - b.left - b.top * pitch;
    if (const int64_t rest = r.before - b.left - b.top * pitch; rest > 0)
      out_.push_back(zeros(b.sram - rest, rest));
    out_.push_back(b);
    at_ = r.last + 1;
    const int64_t used = b.right + b.bottom * pitch;
    if (used == 0) return;
    if (used == after) {
      ++at_;
    } else {
      runs_[at_].sram += used;
      runs_[at_].count -= used;
    }
  }

  std::vector<Run> runs_;
  int64_t width_;
  size_t at_ = 0;
  std::vector<TileBlock> out_;
};

}  // namespace

std::vector<TileBlock> make_blocks(std::vector<TileMove> moves, int64_t width) {
  const auto before = [](const TileMove& a, const TileMove& b) { return a.sram < b.sram; };
  if (!std::is_sorted(moves.begin(), moves.end(), before)) std::sort(moves.begin(), moves.end(), before);
  return Gatherer(runs_of(moves), width).all();
}

}  // namespace tc::accel
