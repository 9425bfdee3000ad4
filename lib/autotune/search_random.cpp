// Random search: the default point, then uniform draws. Grid search: nothing of
// its own, since the base class's walk over the space is all there is to it.
#include "searches.h"

namespace tc::autotune {
namespace {

class RandomSearch final : public Search {
 public:
  RandomSearch(SpaceFn fn, SearchOptions options) : Search(std::move(fn), std::move(options)) {}

 private:
  void propose(size_t n, std::vector<Candidate>& out) override {
    if (auto c = fresh(space_.defaults())) out.push_back(std::move(*c));
    add_random(n, out);
  }
};

class GridSearch final : public Search {
 public:
  GridSearch(SpaceFn fn, SearchOptions options) : Search(std::move(fn), std::move(options)) {}

 private:
  void propose(size_t, std::vector<Candidate>&) override {}
};

}  // namespace

std::unique_ptr<Search> make_random_search(SpaceFn fn, SearchOptions options) {
  return std::make_unique<RandomSearch>(std::move(fn), std::move(options));
}

std::unique_ptr<Search> make_grid_search(SpaceFn fn, SearchOptions options) {
  options.max_walk = SIZE_MAX;  // walking is its whole job
  return std::make_unique<GridSearch>(std::move(fn), std::move(options));
}

}  // namespace tc::autotune
