// A random program with values for its size, if it has one: what it is run on.
#pragma once
#include <fmt/format.h>

#include "property/random_size.h"

namespace tc::test {

/// The inputs and the outputs that the definition gives, for one value of the size.
struct Instance {
  std::vector<std::pair<VarRef, int64_t>> sizes;
  std::vector<HostTensor> expected;  // one per arg
  /// " for n = 3", or "".
  [[nodiscard]] std::string text() const {
    std::string out;
    for (const auto& [v, n] : sizes) out += fmt::format(" for {} = {}", v->name, n);
    return out;
  }
};

/// Those of `program`, from the least value of the size on. Where the definition itself
/// cannot be evaluated, `broken` says why.
[[nodiscard]] inline std::vector<Instance> instances_of(const RandomProgram& program, uint64_t seed,
                                                        std::string& broken) {
  std::vector<Instance> out;
  const std::vector<VarRef> sizes = sizes_of(program.args);
  if (sizes.empty()) {
    out.push_back({{}, random_args(program, seed)});
  } else {
    for (const int64_t n : size_values(seed, sizes[0]->least.value_or(0))) {
      Instance i;
      for (const VarRef& v : sizes) i.sizes.emplace_back(v, n);
      i.expected = make_args(bind_sizes(program.args, i.sizes).args, seed, Fill::small_integers);
      out.push_back(std::move(i));
    }
  }
  for (const Instance& i : out)
    if (const auto error = evaluate(program.args, views_of(i.expected))) broken = error->str() + i.text();
  return out;
}

}  // namespace tc::test
