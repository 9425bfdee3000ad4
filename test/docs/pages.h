// Pages of documentation with generated parts. In a page,
//
//   <!-- generated: NAME -->
//   ```
//   ...
//   ```
//
// marks a fenced block whose content a test produces. The fence may name a
// language; what stands between the marker and the end of the fence is replaced.
// Markdown, with fences of its own, ends at another marker:
//
//   <!-- generated: NAME -->
//   ...
//   <!-- end: NAME -->
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace tc::docs {

/// The page with each block replaced by what `block_text` gives for its name and
/// its present content; `names` gains the names in order. Throws
/// std::runtime_error where a marker has neither fence nor end.
using BlockText = std::function<std::string(std::string_view name, std::string_view old)>;
std::string regenerate(std::string_view page, const BlockText& block_text, std::vector<std::string>* names);

}  // namespace tc::docs
