#include "steps_page.h"

#include <map>
#include <regex>
#include <set>
#include <stdexcept>

#include "schedule/golden.h"

namespace tc::docs {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& file) {
  std::stringstream text;
  text << std::ifstream(fs::path(TC_SOURCE_DIR) / file).rdbuf();
  return text.str();
}

std::string trim(std::string text) {
  text.erase(0, std::min(text.find_first_not_of(" \n"), text.size()));
  text.erase(text.find_last_not_of(" \n") + 1);
  return text;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::stringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

template <class Map>
const typename Map::mapped_type& of(const Map& map, const std::string& step, const std::string& where) {
  const auto found = map.find(step);
  if (found == map.end()) throw std::runtime_error("the step " + step + " is not in " + where);
  return found->second;
}

// ---- what the guide says of a step

struct Row {
  std::string call, does, requires_what;
};

// `| call | does | requires |`, where a bar of the text is written \|.
std::map<std::string, Row> guide_rows() {
  const std::string guide = read("docs/guide.md");
  const std::regex row(R"(\| (`.*`) \| ((?:[^|\\]|\\.)*) \| ((?:[^|\\]|\\.)*)\|)"), name(R"(\.(\w+)\()");
  std::map<std::string, Row> out;
  for (const std::string& line :
       lines_of(guide.substr(std::min(guide.find("## 10. The steps"), guide.size())))) {
    std::smatch cells, called;
    if (!std::regex_match(line, cells, row)) continue;
    const std::string call = cells[1];
    if (std::regex_search(call, called, name)) out[called[1]] = {call, trim(cells[2]), trim(cells[3])};
  }
  return out;
}

// The forms of text in the comment above struct Step: several on a line stand apart.
std::map<std::string, std::vector<std::string>> text_forms() {
  const std::string header = read("include/tc/schedule/step.h");
  const size_t begin = header.find("/// One step."), end = header.find("struct Step {", begin);
  std::map<std::string, std::vector<std::string>> out;
  const std::regex apart("   +");
  for (const std::string& line : lines_of(header.substr(begin, end - begin))) {
    if (!line.starts_with("///   ")) continue;
    const std::string forms = trim(line.substr(6));
    for (std::sregex_token_iterator it(forms.begin(), forms.end(), apart, -1), last; it != last; ++it)
      out[it->str().substr(0, it->str().find(' '))].push_back(*it);
  }
  return out;
}

// ---- goldens

struct Golden {
  std::string file, title, program, steps, before, after;
  std::string last;  // the kind of the last step
};

// Lines that begin with // in front of the program.
std::string take_title(std::string& program) {
  std::string title;
  while (program.starts_with("//")) {
    const size_t end = program.find('\n');
    title += (title.empty() ? "" : " ") + trim(program.substr(2, end - 2));
    program.erase(0, end + 1);
  }
  return title;
}

std::string last_kind(const std::string& steps) {
  const std::vector<std::string> lines = lines_of(trim(steps));
  return lines.empty() ? "" : lines.back().substr(0, lines.back().find(' '));
}

Golden parse(const fs::path& file, const std::string& marker) {
  const test::ScheduleCase c = test::read_case(file, marker);
  const size_t cut = c.input.find("\n----\n");
  Golden g{file.stem().string(), "", c.input.substr(0, cut + 1), c.steps, "", "", last_kind(c.steps)};
  g.title = take_title(g.program);
  const std::string then = "---- after\n";
  const size_t after = c.expected.find(then);
  g.before = c.expected.substr(marker.size(), after == std::string::npos ? after : after - marker.size());
  if (after != std::string::npos) g.after = c.expected.substr(after + then.size());
  return g;
}

std::map<std::string, std::vector<Golden>> goldens() {
  std::map<std::string, std::vector<Golden>> out;
  for (const fs::path& f : test::files_of("schedule")) {
    Golden g = parse(f, "---- before\n");
    out[g.last].push_back(std::move(g));
  }
  return out;
}

// Codes by the step that is refused.
std::map<std::string, std::set<std::string>> codes() {
  std::map<std::string, std::set<std::string>> out;
  for (const fs::path& f : test::files_of("schedule/errors")) {
    const std::string code = f.stem().string();
    out[parse(f, "---- error\n").last].insert("schedule." + code.substr(0, code.find('-')));
  }
  return out;
}

// ---- Markdown

std::string fenced(const std::string& text) { return "```\n" + trim(text) + "\n```\n"; }

std::string example(const Golden& g) {
  return fenced(g.program + "\n" + g.steps) + "\nWithout the last step:\n\n" + fenced(g.before) +
         "\nWith it:\n\n" + fenced(g.after);
}

// The first in full: the golden of the step's own name. The others are folded.
std::string examples(std::vector<Golden> all, const std::string& step) {
  std::stable_partition(all.begin(), all.end(), [&](const Golden& g) { return g.file == step; });
  std::string out;
  for (size_t i = 0; i < all.size(); ++i) {
    const std::string title = all[i].title.empty() ? all[i].file : all[i].title;
    out += i == 0 ? "Example: " + title + "\n\n" + example(all[i])
                  : "\n<details><summary>" + title + "</summary>\n\n" + example(all[i]) + "\n</details>\n";
  }
  return out;
}

}  // namespace

std::string step_reference() {
  const auto rows = guide_rows();
  const auto forms = text_forms();
  const auto shown = goldens();
  const auto raised = codes();
  std::string contents, out;
  for (size_t k = 0; k < kNumStepKinds; ++k) {
    const std::string step(to_string(static_cast<StepKind>(k)));
    const Row& row = of(rows, step, "the table of docs/guide.md, section 10");
    contents += (k == 0 ? "" : ", ") + std::string("[") + step + "](#" + step + ")";
    out += "\n## " + step + "\n\n" + row.call + "\n\nDoes: " + row.does + ".\n\n";
    if (!row.requires_what.empty()) out += "Requires: " + row.requires_what + ".\n\n";
    out += "As text:\n\n";
    std::string text;
    for (const std::string& form : of(forms, step, "the comment of struct Step in tc/schedule/step.h"))
      text += form + "\n";
    out += fenced(text) + "\n";
    std::string list;
    if (const auto found = raised.find(step); found != raised.end())
      for (const std::string& code : found->second) list += (list.empty() ? "`" : ", `") + code + "`";
    if (!list.empty()) out += "Refused with [errors](errors.md#schedule-steps) such as " + list + ".\n\n";
    out += examples(of(shown, step, "test/golden/schedule, as the last step of a file"), step);
  }
  return contents + "\n" + out;
}

std::string step_errors() {
  std::map<std::string, std::string> shortest;
  for (const fs::path& f : test::files_of("schedule/errors")) {
    const Golden g = parse(f, "---- error\n");
    std::string text;
    for (const std::string& line : lines_of(g.program + g.steps)) text += "// " + line + "\n";
    text += trim(g.before) + "\n";
    std::string& best = shortest[g.file.substr(0, g.file.find('-'))];
    if (best.empty() || text.size() < best.size()) best = text;
  }
  std::string out;
  for (const auto& [code, text] : shortest) out += (out.empty() ? "" : "\n") + text;
  return out;
}

}  // namespace tc::docs
