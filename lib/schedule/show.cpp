#include "tc/schedule/show.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "nest_lines.h"

namespace tc {
namespace {

constexpr std::string_view kStyle = R"(<style>
.tc-nest{font:13px/1.5 ui-monospace,monospace;color:#222;background:#fff;padding:.5em 1em}
.tc-nest .line{white-space:pre;position:relative;border-left:4px solid transparent;padding-left:.5em}
.tc-nest .serial{border-color:#9aa5b1}.tc-nest .parallel{border-color:#d9480f;background:#fff4ec}
.tc-nest .vectorized{border-color:#1c7ed6;background:#eef6fd}.tc-nest .unrolled{border-color:#2f9e44;background:#effaf1}
.tc-nest .vthread{border-color:#7048e8;background:#f4f0fe}
.tc-nest .new{font-weight:600;outline:1px dashed #e8b500}
.tc-nest .step{color:#555;margin:.3em 0}.tc-nest .legend span{border-left:4px solid;padding:0 .6em 0 .3em}
.tc-nest .tip{display:none;position:absolute;left:22em;top:1.5em;z-index:9;background:#fffbe6;border:1px solid #d8c36b;padding:.3em .6em}
.tc-nest .line:hover>.tip{display:block}.tc-nest td{padding:0 .8em 0 0}.tc-nest td.n{text-align:right}
.tc-nest section{display:none}.tc-nest section.on{display:block}
.tc-nest .pair{display:flex;gap:2em;align-items:flex-start}.tc-nest h4{margin:.2em 0;font-weight:normal;color:#777}
</style>
)";

// Buttons and arrow keys walk through the sections of the page.
constexpr std::string_view kScript = R"(<script>
(function(){var all=document.querySelectorAll('.tc-nest section'),at=all.length-1;
function show(i){at=Math.max(0,Math.min(all.length-1,i));all.forEach(function(s,j){s.className=j==at?'on':''});
document.getElementById('tc-at').textContent=at+' of '+(all.length-1)+' steps';}
document.getElementById('tc-prev').onclick=function(){show(at-1)};
document.getElementById('tc-next').onclick=function(){show(at+1)};
document.onkeydown=function(e){if(e.key=='ArrowLeft')show(at-1);if(e.key=='ArrowRight')show(at+1)};
show(at);})();
</script>
)";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else if (c == '"')
      out += "&quot;";
    else
      out += c;
  }
  return out;
}

std::string_view class_of(ir::LoopMode mode) {
  switch (mode) {
    case ir::LoopMode::serial:
      return "serial";
    case ir::LoopMode::parallel:
      return "parallel";
    case ir::LoopMode::vectorized:
      return "vectorized";
    case ir::LoopMode::unrolled:
      return "unrolled";
    case ir::LoopMode::vthread:
      return "vthread";
  }
  return "serial";
}

std::string tip(const ir::LoopStats& s) {
  std::string out = fmt::format("<div class=\"tip\">one run: {:.6g} iterations, {}; {:.6g} runs<table>",
                                s.trips, flops_text(s.flops), s.runs);
  for (const ir::LoopTouch& t : s.touches)
    out += fmt::format(
        "<tr><td>{}</td><td>{}</td><td class=\"n\">{:.6g} elements</td><td class=\"n\">{}</td></tr>",
        escaped(t.buffer->name),
        t.read && t.written ? "read, written"
        : t.written         ? "written"
                            : "read",
        t.elements, bytes_text(t.bytes()));
  return out + "</table></div>";
}

// `before`: the lines of the nest before the last step; others are marked.
std::string nest_html(const NestView& view, const std::multiset<std::string>* before) {
  std::map<const ir::For*, const ir::LoopStats*> stats;
  for (const ir::LoopStats& s : view.costs) stats[s.loop] = &s;
  std::multiset<std::string> left = before ? *before : std::multiset<std::string>();
  std::string out;
  for (const NestLine& l : view.lines) {
    std::string kind = l.loop ? std::string(class_of(l.loop->mode)) : "statement";
    if (before) {
      const auto known = left.find(l.text);
      if (known == left.end())
        kind += " new";
      else
        left.erase(known);
    }
    out += fmt::format("<div class=\"line {}\">{}{}{}</div>\n", kind,
                       std::string(static_cast<size_t>(2 * l.indent), ' '), escaped(l.text),
                       l.loop ? tip(*stats.at(l.loop)) : "");
  }
  return out;
}

std::multiset<std::string> texts(const NestView& view) {
  std::multiset<std::string> out;
  for (const NestLine& l : view.lines) out.insert(l.text);
  return out;
}

std::string sections(const Schedule& schedule, const SizeValues& sizes) {
  Schedule so_far(schedule.graph().outputs);
  NestView before = view_nests(so_far, sizes);
  std::string out =
      "<section><div class=\"step\">no steps yet</div>" + nest_html(before, nullptr) + "</section>\n";
  int number = 0;
  for (const Step& step : schedule.steps()) {
    if (Check e = so_far.apply(step)) throw *e;
    NestView after = view_nests(so_far, sizes);
    const auto old_lines = texts(before), new_lines = texts(after);
    out += fmt::format(
        "<section><div class=\"step\">step {}: <b>{}</b></div><div "
        "class=\"pair\"><div><h4>before</h4>{}</div>"
        "<div><h4>after</h4>{}</div></div></section>\n",
        ++number, escaped(step.text()), nest_html(before, &new_lines), nest_html(after, &old_lines));
    before = std::move(after);
  }
  return out;
}

constexpr std::string_view kLegend =
    "<div class=\"legend step\"><span class=\"serial\">serial</span><span class=\"parallel\">parallel</span>"
    "<span class=\"vectorized\">vectorized</span><span class=\"unrolled\">unrolled</span><span "
    "class=\"vthread\">vthread</span></div>\n";

}  // namespace

std::string to_html(const Schedule& schedule, const ShowOptions& options) {
  std::string title = options.title;
  if (title.empty())
    for (const Tensor& t : schedule.graph().outputs) title += (title.empty() ? "" : ", ") + t.name();
  const bool walk = options.steps && options.page;
  const NestView now = view_nests(schedule, options.sizes);
  std::string body = std::string(kStyle) + "<div class=\"tc-nest\">\n" + std::string(kLegend);
  if (!now.counted_for.empty()) body += fmt::format("<p>Counted for {}.</p>\n", escaped(now.counted_for));
  if (walk) {
    body +=
        "<p><button id=\"tc-prev\">previous</button> <button id=\"tc-next\">next</button> <span "
        "id=\"tc-at\"></span></p>\n";
    body += sections(schedule, options.sizes);
  } else {
    body += nest_html(now, nullptr);
  }
  body += "</div>\n";
  if (!options.page) return body;
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta "
      "charset=\"utf-8\"><title>{0}</title></head>\n<body><h1>{0}</h1>\n{1}{2}"
      "</body></html>\n",
      escaped(title), body, walk ? kScript : "");
}

}  // namespace tc
