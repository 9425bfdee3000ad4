// The grammar of workloads: operator, then key=value pairs between spaces.
// Hostile text: every number is range-checked, nothing is allocated by size.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "tc/ir/parse.h"
#include "workload_detail.h"

namespace tc {

namespace detail {
namespace {

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string_view>& names) {
  std::string_view best;
  size_t best_distance = std::max<size_t>(2, word.size() / 2);
  if (word.size() > 64) return "";
  for (const std::string_view name : names)  // padding for pad
    if (name.size() > 1 && word.size() > 1 && (word.starts_with(name) || name.starts_with(word)))
      return std::string(name);
  for (const std::string_view name : names)
    if (const size_t d = edit_distance(word, name); d < best_distance || (d == best_distance && best.empty()))
      best = name, best_distance = d;
  return std::string(best);
}

}  // namespace detail

namespace {
constexpr int64_t kMaxInteger = (int64_t{1} << 31) - 1;
constexpr size_t kMaxListLength = 8;
constexpr int64_t kMaxConcat = 64;
}  // namespace

/// Parses one text; errors are thrown inside and returned by parse_workload.
class WorkloadParser {
 public:
  explicit WorkloadParser(std::string_view text) : text_(text) {}

  Workload parse() {
    check_text();
    if (is_graph()) return graph();
    words();
    if (words_.empty()) throw at(0, text_.size(), "syntax", "the workload is empty").fix(kExample);
    find_operator();
    for (size_t i = 1; i < words_.size(); ++i) key_value(words_[i]);
    finish();
    return std::move(workload_);
  }

 private:
  static constexpr const char* kExample =
      "write an operator and its key=value pairs, e.g. matmul m=1024 n=1024 k=1024 dtype=f32";
  struct Word {
    size_t at;
    std::string_view text;
  };

  [[nodiscard]] Error at(size_t start, size_t length, std::string_view code, std::string message) const {
    constexpr size_t kBefore = 60, kAfter = 60;  // a long text is shown around the place
    const size_t from = start > kBefore ? start - kBefore : 0;
    length = std::clamp<size_t>(length, 1, kAfter);
    const std::string_view shown = text_.substr(from, start - from + std::max(kAfter, length));
    return Error(fmt::format("workload.{}", code), std::move(message))
        .excerpt(fmt::format("{}\n{}{}", shown, std::string(start - from, ' '), std::string(length, '^')));
  }
  [[nodiscard]] Error at(const Word& w, std::string_view code, std::string message) const {
    return at(w.at, w.text.size(), code, std::move(message));
  }

  [[nodiscard]] bool is_graph() const {
    const size_t start = text_.find_first_not_of(' ');
    return start != std::string_view::npos && text_.substr(start).starts_with("graph:");
  }

  void check_text() const {
    const size_t most = is_graph() ? Workload::kMaxGraphText : Workload::kMaxText;
    TC_REQUIRE(text_.size() <= most,
               Error("workload.size", fmt::format("the workload is longer than {} characters", most))
                   .fact("got", std::to_string(text_.size()))
                   .fix("shorten it"));
    for (size_t i = 0; i < text_.size(); ++i)
      TC_REQUIRE(
          text_[i] >= ' ' && text_[i] <= '~',
          Error("workload.syntax", fmt::format("character {} of the workload is not printable ASCII", i + 1))
              .fix(kExample));
  }

  void words() {
    for (size_t i = text_.find_first_not_of(' '); i < text_.size();) {
      const size_t end = std::min(text_.find(' ', i), text_.size());
      words_.push_back({i, text_.substr(i, end - i)});
      i = text_.find_first_not_of(' ', end);
    }
  }

  void find_operator() {
    const Word& word = words_[0];
    std::vector<std::string_view> names;
    for (const WorkloadOp& op : workload_table()) {
      names.push_back(op.name);
      if (op.name == word.text) workload_.op_ = &op;
    }
    if (workload_.op_) {
      workload_.values_.assign(workload_.op_->keys.size(), "");
      return;
    }
    if (word.text.find('=') != std::string_view::npos)
      throw at(word, "syntax", "a workload starts with the name of an operator").fix(kExample);
    const std::string guess = detail::nearest(word.text, names);
    throw at(word, "operator", "there is no such operator")
        .fact("operators", fmt::format("{}", fmt::join(names, " ")))
        .fix(guess.empty() ? "use one of the operators listed" : fmt::format("did you mean {}?", guess));
  }

  [[nodiscard]] std::string legal_keys() const {
    std::string out;
    for (const WorkloadKey& key : workload_.op_->keys)
      out += fmt::format("{}{}", out.empty() ? "" : " ", key.name);
    return out;
  }

  void key_value(const Word& word) {
    const size_t equals = word.text.find('=');
    if (equals == std::string_view::npos || equals == 0)
      throw at(word, "syntax", "expected key=value")
          .fact("keys", legal_keys())
          .fix("join key and value by =, without spaces");
    const Word name{word.at, word.text.substr(0, equals)},
        value{word.at + equals + 1, word.text.substr(equals + 1)};
    const auto& keys = workload_.op_->keys;
    const auto key =
        std::find_if(keys.begin(), keys.end(), [&](const WorkloadKey& k) { return k.name == name.text; });
    if (key == keys.end()) {
      std::vector<std::string_view> names;
      for (const WorkloadKey& k : keys) names.push_back(k.name);
      const std::string guess = detail::nearest(name.text, names);
      throw at(name, "key", fmt::format("{} has no such key", workload_.op_->name))
          .fact("keys", legal_keys())
          .fix(guess.empty() ? "use one of the keys listed" : fmt::format("did you mean {}?", guess));
    }
    std::string& slot = workload_.values_[static_cast<size_t>(key - keys.begin())];
    if (!slot.empty())
      throw at(word, "duplicate", fmt::format("{} is given twice", key->name)).fix("keep one of them");
    slot = checked(*key, value);
    places_.resize(keys.size());
    places_[static_cast<size_t>(key - keys.begin())] = word;
  }

  static std::string example(const WorkloadKey& key) {
    if (!key.fallback.empty()) return std::string(key.fallback);
    return key.kind == KeyKind::list ? "4x5x6" : "64";
  }

  [[nodiscard]] Error bad_value(const WorkloadKey& key, const Word& value, std::string expected) const {
    return at(value, "value", fmt::format("{} must be {}", key.name, expected))
        .fact("key", std::string(key.name))
        .fact("meaning", std::string(key.doc))
        .fact("expected", expected)
        .fix(key.choices.empty() ? fmt::format("write e.g. {}={}", key.name, example(key))
                                 : "use one of the words listed");
  }
  // least..last..last, ascending; the first bucket may be of one value.
  [[nodiscard]] std::string range(const WorkloadKey& key, const Word& value) const {
    if (!key.sized) {
      std::string may;
      for (const WorkloadKey& k : workload_.op_->keys)
        if (k.sized) may += fmt::format("{}{}", may.empty() ? "" : " ", k.name);
      throw at(value, "value", fmt::format("{} of {} must be a number", key.name, workload_.op_->name))
          .fact("keys that may be ranges", may.empty() ? "none" : may)
          .fix(fmt::format("write {}= once for each number that is needed", key.name));
    }
    WorkloadRange out{key.name, -1, {}};
    int64_t before = -1;
    for (size_t i = 0; i <= value.text.size();) {
      const size_t end = std::min(value.text.find("..", i), value.text.size());
      const Word item{value.at + i, value.text.substr(i, end - i)};
      const auto how =
          fmt::format("write the least value, then the last one of each bucket, e.g. {}=1..16..64", key.name);
      int64_t v = 0;
      const auto [stop, ec] = std::from_chars(item.text.data(), item.text.data() + item.text.size(), v);
      if (ec != std::errc() || stop != item.text.data() + item.text.size() || v < 0 || v > kMaxInteger)
        throw at(item.text.empty() ? value : item, "value",
                 fmt::format("the range of {} {}", key.name,
                             item.text.empty() ? "lacks a number" : "is of integers from 0 to 2147483647"))
            .fact("key", std::string(key.name))
            .fact("meaning", std::string(key.doc))
            .fix(how);
      if (out.last.size() == Workload::kMaxBuckets)
        throw bad_value(key, item, fmt::format("cut into at most {} buckets", Workload::kMaxBuckets));
      if (v < before || (v == before && !out.last.empty()))
        throw at(item, "value",
                 fmt::format("the range of {} does not ascend: {} comes after {}", key.name, v, before))
            .fact("key", std::string(key.name))
            .fact("meaning", std::string(key.doc))
            .fix(how);
      if (i == 0)
        out.least = v;
      else
        out.last.push_back(v);
      before = v;
      i = end + 2;
    }
    return detail::join_range(out);
  }

  /// The canonical text of a value of this key's kind.
  [[nodiscard]] std::string checked(const WorkloadKey& key, const Word& value) const {
    switch (key.kind) {
      case KeyKind::extent:
        if (value.text.find("..") != std::string_view::npos) return range(key, value);
        return integer(key, value, 0, kMaxInteger);
      case KeyKind::count:
        return integer(key, value, 1, key.name == "count" ? kMaxConcat : kMaxInteger);
      case KeyKind::integer:
        return integer(key, value, -kMaxInteger, kMaxInteger);
      case KeyKind::flag:
        return integer(key, value, 0, 1);
      case KeyKind::list:
        return list(key, value);
      case KeyKind::dtype: {
        const auto type = ir::parse_dtype(value.text);
        const std::string name = type ? ir::to_string(*type) : "";
        if (type && is_choice(key.choices, name)) return name;
        break;
      }
      case KeyKind::choice:
        if (is_choice(key.choices, value.text)) return std::string(value.text);
        break;
    }
    throw bad_value(key, value, fmt::format("one of {}", key.choices));
  }

  static bool is_choice(std::string_view choices, std::string_view word) {
    return !word.empty() && word.find(' ') == std::string_view::npos &&
           fmt::format(" {} ", choices).find(fmt::format(" {} ", word)) != std::string::npos;
  }

  [[nodiscard]] std::string integer(const WorkloadKey& key, const Word& value, int64_t low,
                                    int64_t high) const {
    int64_t v = 0;
    const char* const end = value.text.data() + value.text.size();
    const auto [stop, ec] = std::from_chars(value.text.data(), end, v);
    if (ec != std::errc() || stop != end || v < low || v > high)
      throw bad_value(key, value, fmt::format("an integer from {} to {}", low, high));
    return std::to_string(v);
  }

  [[nodiscard]] std::string list(const WorkloadKey& key, const Word& value) const {
    std::string out;
    size_t count = 0;
    for (size_t i = 0; i <= value.text.size(); ++count) {
      const size_t end = std::min(value.text.find('x', i), value.text.size());
      if (count == kMaxListLength)
        throw bad_value(key, value, fmt::format("at most {} integers joined by x", kMaxListLength));
      const Word item{value.at + i, value.text.substr(i, end - i)};
      int64_t v = 0;
      const char* const stop = item.text.data() + item.text.size();
      if (const auto [at, ec] = std::from_chars(item.text.data(), stop, v);
          ec != std::errc() || at != stop || v < -kMaxInteger || v > kMaxInteger)
        throw bad_value(key, item, fmt::format("integers of at most {} joined by x", kMaxInteger));
      out += (count ? "x" : "") + std::to_string(v);
      i = end + 1;
    }
    return out;
  }

  void finish() {
    const WorkloadOp& op = *workload_.op_;
    places_.resize(op.keys.size());
    const Word end{text_.size(), {}};
    for (size_t i = 0; i < op.keys.size(); ++i)
      if (op.keys[i].required && workload_.values_[i].empty())
        throw at(end, "missing", fmt::format("{} needs {}=, {}", op.name, op.keys[i].name, op.keys[i].doc))
            .fact("keys", legal_keys())
            .fix(fmt::format("add {}=", op.keys[i].name));
    if (const auto error = detail::make_canonical(op, workload_.values_)) {
      const WorkloadKey& key = op.keys[error->key];
      const Word& place = places_[error->key];
      if (place.text.empty())
        throw at(end, "missing", fmt::format("{} needs {}= to be {}", op.name, key.name, error->expected))
            .fact("keys", legal_keys())
            .fix(fmt::format("add {}=", key.name));
      throw bad_value(key, place, error->expected);
    }
    workload_.text_ = detail::canonical_text(op, workload_.values_);
    check_ranges();
    check_builds();
  }

  void check_ranges() const {
    const std::vector<WorkloadRange> ranges = workload_.ranges();
    size_t buckets = 1;
    for (size_t i = 0; i < ranges.size(); ++i) {
      buckets *= ranges[i].last.size();
      if (i < Workload::kMaxSizes && buckets <= Workload::kMaxBuckets) continue;
      for (const Word& place : places_)
        if (place.text.starts_with(fmt::format("{}=", ranges[i].key)))
          throw at(place, "value",
                   i < Workload::kMaxSizes
                       ? fmt::format("the ranges make more than {} buckets", Workload::kMaxBuckets)
                       : fmt::format("more than {} keys are ranges", Workload::kMaxSizes))
              .fact("expected", fmt::format("at most {} ranges, and {} buckets in all", Workload::kMaxSizes,
                                            Workload::kMaxBuckets))
              .fix("give fewer cuts, or a number");
    }
  }

  void check_builds() const {
    try {
      if (auto error = detail::check_budget(workload_.build())) throw std::move(*error);
      std::vector<int64_t> least, greatest;
      for (const WorkloadRange& r : workload_.ranges())
        least.push_back(r.least), greatest.push_back(r.last.back());
      if (least.empty()) return;
      (void)workload_.at(least).build();
      if (auto error = detail::check_budget(workload_.at(greatest).build())) throw std::move(*error);
    } catch (Error& e) {
      throw std::move(e).fact("workload", workload_.text_.substr(0, 200));
    }
  }

  Workload graph() const {
    const size_t start = text_.find_first_not_of(' ') + std::string_view("graph:").size();
    const FuncRef func = ir::parse_func(text_.substr(start), "workload").value();
    return Workload::from_graph(from_func(func).value().args).value();
  }

  std::string_view text_;
  std::vector<Word> words_, places_;
  Workload workload_;
};

Expected<Workload> parse_workload(std::string_view text) {
  try {
    return WorkloadParser(text).parse();
  } catch (const Error& e) {
    return e;
  }
}

}  // namespace tc
