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
  std::array<bool, kKinds> has{};
  for (const Step& s : steps) {
    ++steps_[static_cast<size_t>(s.kind)];
    has[static_cast<size_t>(s.kind)] = true;
  }
  for (size_t a = 0; a < kKinds; ++a)
    for (size_t b = 0; b < kKinds; ++b) together_[a][b] += has[a] && has[b];
}

std::string Coverage::table() const {
  std::string out =
      fmt::format("{} cases; steps kept, cases with the step, and with both of two\n{:16}{:>7}{:>7} |",
                  cases_, "step", "kept", "cases");
  for (size_t b = 0; b < kKinds; ++b) out += fmt::format("{:>8}", short_name(b));
  for (size_t a = 0; a < kKinds; ++a) {
    out += fmt::format("\n{:16}{:7}{:7} |", to_string(static_cast<StepKind>(a)), steps_[a], together_[a][a]);
    for (size_t b = 0; b < a; ++b) out += fmt::format("{:8}", together_[a][b]);
  }
  return out + "\n";
}

}  // namespace tc::test
