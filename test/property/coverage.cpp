#include "property/coverage.h"

#include <fmt/format.h>

namespace tc::test {

namespace {
std::string short_name(size_t kind) {
  std::string name(to_string(static_cast<StepKind>(kind)));
  for (const char* prefix : {"reverse_", "compute_", "cache_", "set_"})
    if (name.starts_with(prefix)) name.erase(0, std::string_view(prefix).size());
  return name.substr(0, 7);
}
}  // namespace

void Coverage::add(const std::vector<Step>& steps) {
  ++cases_;
  std::array<std::array<std::array<bool, kKinds>, kKinds>, 2> seen{};
  std::array<bool, kKinds> has{};
  for (size_t j = 0; j < steps.size(); ++j) {
    const auto b = static_cast<size_t>(steps[j].kind);
    ++steps_[b];
    has[b] = true;
    for (size_t i = 0; i < j; ++i)
      seen[steps[i].stage == steps[j].stage][static_cast<size_t>(steps[i].kind)][b] = true;
  }
  for (size_t a = 0; a < kKinds; ++a) {
    with_[a] += has[a];
    for (size_t b = 0; b < kKinds; ++b)
      for (const size_t same : {0, 1}) pairs_[same][a][b] += seen[same][a][b];
  }
}

std::string Coverage::table() const {
  std::string out;
  for (const size_t same : {1, 0}) {
    out +=
        fmt::format("{} cases; {}\n{:19}{:>7}{:>7} |", cases_,
                    same ? "steps kept, cases with the step, and with a later one (column) on the same stage"
                         : "the same, the later one on another stage",
                    "step", "kept", "cases");
    for (size_t b = 0; b < kKinds; ++b) out += fmt::format("{:>8}", short_name(b));
    for (size_t a = 0; a < kKinds; ++a) {
      out += fmt::format("\n{:19}{:7}{:7} |", to_string(static_cast<StepKind>(a)), steps_[a], with_[a]);
      for (size_t b = 0; b < kKinds; ++b) out += fmt::format("{:8}", pairs_[same][a][b]);
    }
    out += "\n";
  }
  return out;
}

}  // namespace tc::test
