// The matmul of docs/architecture.md, printed at every stage of its life.
#pragma once
#include <map>
#include <string>

namespace tc::docs {

/// The blocks of the page by name: matmul.te, matmul.schedule, matmul.nested,
/// matmul.PASS after each pass shown, matmul.target, matmul.llvm.
std::map<std::string, std::string> life_of_a_matmul();

}  // namespace tc::docs
