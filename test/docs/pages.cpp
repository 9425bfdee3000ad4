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
    size_t body = end + kEnd.size();
    const std::string end_marker = "<!-- end: " + name + " -->\n";
    const bool fenced = page.find("\n" + end_marker, body - 1) == page.npos;
    const std::string last = fenced ? "```\n" : end_marker;
    if (fenced && page.substr(body, kFence.size()) != kFence)
      throw std::runtime_error("no fenced block and no end follow the marker " + name);
    if (fenced) body = page.find('\n', body) + 1;
    const size_t close = body == 0 ? page.npos : page.find("\n" + last, body - 1);
    if (close == page.npos) throw std::runtime_error("the fence behind the marker " + name + " has no end");
    names->push_back(name);
    std::string text = block_text(name, page.substr(body, close + 1 - body));
    if (!text.empty() && text.back() != '\n') text += '\n';
    out.append(page.substr(0, body)).append(text).append(last);
    page.remove_prefix(close + 1 + last.size());
  }
}

}  // namespace tc::docs
