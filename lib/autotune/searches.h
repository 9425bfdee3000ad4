// The strategies, one source file each; made by make_search.
#pragma once
#include "tc/autotune/search.h"

namespace tc::autotune {

std::unique_ptr<Search> make_random_search(SpaceFn fn, SearchOptions options);
std::unique_ptr<Search> make_grid_search(SpaceFn fn, SearchOptions options);
std::unique_ptr<Search> make_evolutionary_search(SpaceFn fn, SearchOptions options);
std::unique_ptr<Search> make_annealing_search(SpaceFn fn, SearchOptions options);

}  // namespace tc::autotune
