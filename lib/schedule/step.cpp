#include "tc/schedule/step.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "tc/support/source_text.h"

namespace tc {
namespace {

constexpr std::array<std::string_view, kNumStepKinds> kNames = {
    "split",         "fuse",         "reorder",        "vectorize",          "unroll",      "parallel",
    "compute_at",    "compute_root", "compute_inline", "cache_read",         "cache_write", "set_scope",
    "layout",        "init_at",      "rfactor",        "reverse_compute_at", "tensorize",   "vthread",
    "double_buffer", "prefetch",     "storage_align",  "rolling_buffer"};

// The options that a step takes; any other would be passed over in silence.
std::string_view options_of(StepKind kind) {
  switch (kind) {
    case StepKind::split:
      return "factor parts into";
    case StepKind::fuse:
    case StepKind::reverse_compute_at:
      return "into";
    case StepKind::vectorize:
      return "reassociate";
    case StepKind::cache_read:
      return "scope readers into";
    case StepKind::cache_write:
      return "scope into";
    case StepKind::set_scope:
      return "scope";
    case StepKind::layout:
      return "dims";
    case StepKind::rfactor:
      return "position reassociate into";
    case StepKind::tensorize:
      return "intrinsic reassociate";
    case StepKind::reorder:
    case StepKind::unroll:
    case StepKind::parallel:
    case StepKind::compute_at:
    case StepKind::compute_root:
    case StepKind::compute_inline:
    case StepKind::init_at:
    case StepKind::vthread:
    case StepKind::double_buffer:
    case StepKind::rolling_buffer:
      return "";
    case StepKind::prefetch:
      return "tensor distance";
    case StepKind::storage_align:
      return "factor offset";
  }
  return "";
}
bool takes(StepKind kind, std::string_view option) {
  const std::string all = fmt::format(" {} ", options_of(kind));
  return all.find(fmt::format(" {} ", option)) != std::string::npos;
}

// These name another stage and one of its axes, each a word.
bool names_two(StepKind kind) { return kind == StepKind::compute_at || kind == StepKind::reverse_compute_at; }

Error parse_error(
    std::string_view line, size_t column, std::string what,
    std::string fix = "a step is `kind stage [axes] [key=value ...]`, e.g. split C y factor=8") {
  if (line.size() > 200) line = line.substr(0, 200);
  return Error("schedule.parse", std::move(what))
      .excerpt(fmt::format("{}\n{}^", line, std::string(std::min(column, line.size()), ' ')))
      .fix(std::move(fix));
}

// Of the words that are known, the one that may have been meant; else all of them.
template <class Words>
std::string choose(std::string_view word, const Words& words) {
  const std::vector<std::string> known(words.begin(), words.end());
  const std::string near = nearest(word, known);
  return near.empty() ? fmt::format("write one of {}", fmt::join(known, ", "))
                      : fmt::format("did you mean {}?", near);
}

constexpr std::array<std::string_view, 12> kOptions = {"reassociate", "factor", "parts",    "position",
                                                       "intrinsic",   "into",   "scope",    "readers",
                                                       "dims",        "tensor", "distance", "offset"};

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    out.emplace_back(text.substr(0, comma));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
    if (text.empty()) out.emplace_back();
  }
  return out;
}
bool has_empty(const std::vector<std::string>& names) {
  return std::find(names.begin(), names.end(), "") != names.end();
}

struct Word {
  std::string_view text;
  size_t column;
};
std::vector<Word> words_of(std::string_view line) {
  std::vector<Word> out;
  size_t i = 0;
  while (i < line.size()) {
    while (i < line.size() && (line[i] == ' ' || line[i] == '\t' || line[i] == '\r')) ++i;
    const size_t start = i;
    while (i < line.size() && line[i] != ' ' && line[i] != '\t' && line[i] != '\r') ++i;
    if (i > start) out.push_back({line.substr(start, i - start), start});
  }
  return out;
}

bool read_number(std::string_view text, int64_t& into) {
  const auto [p, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  return error == std::errc() && p == text.data() + text.size();
}

Error no_number(std::string_view line, const Word& word, std::string_view key, std::string_view value) {
  const size_t digits = value.starts_with('-') ? 1 : 0;
  const bool large =
      value.size() > digits && value.find_first_not_of("0123456789", digits) == std::string::npos;
  return parse_error(
      line, word.column,
      large ? fmt::format("{} is beyond 64 bits", value) : fmt::format("`{}` is no number", value),
      fmt::format("write a whole number, e.g. {}=8", key));
}

constexpr const char* kNoEmpty = "write the names with one comma between two, e.g. y,x";

// `given`: the options before it.
Check read_option(Step& step, std::string_view line, const Word& word, std::string& given) {
  const size_t equals = word.text.find('=');
  const std::string_view key = word.text.substr(0, equals);
  if (std::find(kOptions.begin(), kOptions.end(), key) == kOptions.end())
    return parse_error(line, word.column, fmt::format("unknown option `{}`", key), choose(key, kOptions));
  if (!takes(step.kind, key))
    return parse_error(line, word.column, fmt::format("{} takes no option `{}`", to_string(step.kind), key),
                       options_of(step.kind).empty() ? "leave it out"
                                                     : fmt::format("its options: {}", options_of(step.kind)));
  const std::string_view slot = key == "parts" ? "factor" : key;  // one or the other
  if (given.find(fmt::format(" {} ", slot)) != std::string::npos)
    return parse_error(line, word.column, fmt::format("`{}` comes after another `{}`", key, slot),
                       "give it once");
  given += fmt::format(" {} ", slot);
  const std::string_view value = equals == std::string_view::npos ? "" : word.text.substr(equals + 1);
  if (key == "reassociate" && equals == std::string_view::npos) {
    step.reassociate = true;
  } else if (key == "factor" || key == "parts" || key == "position" || key == "distance") {
    if (!read_number(value, step.number)) return no_number(line, word, key, value);
    step.parts = key == "parts";
  } else if (key == "offset") {
    if (!read_number(value, step.offset)) return no_number(line, word, key, value);
  } else if (key == "intrinsic") {
    step.intrinsic = std::string(value);
  } else if (key == "into") {
    step.into = split_list(value);
  } else if (key == "scope") {
    step.scope = std::string(value);
  } else if (key == "readers" || key == "dims" || key == "tensor") {
    step.names = split_list(value);
  } else {
    return parse_error(line, word.column, fmt::format("`{}` takes no value", key), "write `reassociate`");
  }
  if (has_empty(step.into) || has_empty(step.names))
    return parse_error(line, word.column, "a list with an empty name", kNoEmpty);
  return std::nullopt;
}

}  // namespace

std::string_view to_string(StepKind kind) { return kNames[static_cast<size_t>(kind)]; }

std::string Step::text() const {
  std::string out = fmt::format("{} {}", to_string(kind), stage);
  if (names_two(kind))
    out += fmt::format(" {}", fmt::join(axes, " "));
  else if (!axes.empty())
    out += fmt::format(" {}", fmt::join(axes, ","));
  if (kind == StepKind::split) out += fmt::format(" {}={}", parts ? "parts" : "factor", number);
  if (kind == StepKind::rfactor) out += fmt::format(" position={}", number);
  if (!intrinsic.empty()) out += fmt::format(" intrinsic={}", intrinsic);
  if (reassociate) out += " reassociate";
  if (!scope.empty()) out += fmt::format(" scope={}", scope);
  if (!names.empty())
    out += fmt::format(" {}={}",
                       kind == StepKind::layout     ? "dims"
                       : kind == StepKind::prefetch ? "tensor"
                                                    : "readers",
                       fmt::join(names, ","));
  if (kind == StepKind::prefetch) out += fmt::format(" distance={}", number);
  if (kind == StepKind::storage_align) {
    out += fmt::format(" factor={}", number);
    if (offset != 0) out += fmt::format(" offset={}", offset);
  }
  if (!into.empty()) out += fmt::format(" into={}", fmt::join(into, ","));
  return out;
}

Expected<Step> parse_step(std::string_view line) {
  if (line.size() > 65536) return parse_error(line, 0, "a step of more than 65536 characters");
  const auto words = words_of(line);
  if (words.empty()) return parse_error(line, 0, "an empty step");
  Step step;
  size_t kind = 0;
  while (kind < kNames.size() && kNames[kind] != words[0].text) ++kind;
  if (kind == kNames.size())
    return parse_error(line, words[0].column, fmt::format("unknown step `{}`", words[0].text),
                       choose(words[0].text, kNames));
  step.kind = static_cast<StepKind>(kind);
  if (words.size() < 2)
    return parse_error(line, line.size(), fmt::format("{} of which stage?", words[0].text),
                       fmt::format("name it: {} C", words[0].text));
  step.stage = std::string(words[1].text);
  size_t i = 2;
  const auto is_plain = [&] {
    return i < words.size() && words[i].text.find('=') == std::string_view::npos &&
           words[i].text != "reassociate";
  };
  if (names_two(step.kind)) {
    while (is_plain()) step.axes.emplace_back(words[i++].text);
    if (step.axes.size() != 2)
      return parse_error(line, line.size(),
                         step.kind == StepKind::compute_at
                             ? "compute_at names the stage, its consumer and the consumer's axis"
                             : "reverse_compute_at names the stage, its producer and the producer's axis",
                         fmt::format("write e.g. {} T C x, where x is a loop of C", words[0].text));
  } else if (is_plain()) {
    step.axes = split_list(words[i++].text);
  }
  if (has_empty(step.axes)) return parse_error(line, words[2].column, "a list with an empty name", kNoEmpty);
  std::string given;
  for (; i < words.size(); ++i)
    if (auto error = read_option(step, line, words[i], given)) return *error;
  return step;
}

Expected<std::vector<Step>> parse_steps(std::string_view text) {
  std::vector<Step> out;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    line = line.substr(0, line.find('#'));
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) {
      auto step = parse_step(line);
      if (!step) return step.error();
      out.push_back(std::move(step).value());
    }
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return out;
}

std::string to_text(const std::vector<Step>& steps) {
  std::string out;
  for (const Step& s : steps) out += s.text() + "\n";
  return out;
}

}  // namespace tc
