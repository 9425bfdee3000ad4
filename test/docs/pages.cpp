#include "pages.h"

#include <stdexcept>

namespace tc::docs {

std::string regenerate(std::string_view page, const BlockText& block_text, std::vector<std::string>* names) {
  constexpr std::string_view kStart = "<!-- generated: ", kEnd = " -->\n", kFence = "```";
  std::string out;
  while (true) {
    const size_t start = page.find(kStart);
    if (start == page.npos) return out.append(page);
    const size_t end = page.find(kEnd, start);
    if (end == page.npos) throw std::runtime_error("a marker has no end");
    const std::string name(page.substr(start + kStart.size(), end - start - kStart.size()));
    const size_t fence = end + kEnd.size();
    const size_t body = page.find('\n', fence) + 1;
    const size_t close = page.find("\n```\n", body - 1);
    if (page.substr(fence, kFence.size()) != kFence || body == 0 || close == page.npos)
      throw std::runtime_error("no fenced block follows the marker " + name);
    names->push_back(name);
    std::string text = block_text(name, page.substr(body, close + 1 - body));
    if (!text.empty() && text.back() != '\n') text += '\n';
    out.append(page.substr(0, body)).append(text).append(kFence).append("\n");
    page.remove_prefix(close + 5);
  }
}

}  // namespace tc::docs
