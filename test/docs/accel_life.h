// The matmul of docs/accelerator.md: its text at each stage, by block name.
#pragma once
#include <map>
#include <string>

namespace tc::docs {

[[nodiscard]] std::map<std::string, std::string> life_on_the_accelerator();

}  // namespace tc::docs
