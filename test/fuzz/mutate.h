// Texts near those that mean something: edits of bytes, tokens and lines, and pieces
// of other texts. The same seed gives the same text everywhere.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tc/support/rng.h"

namespace tc::test {

class Mutator {
 public:
  explicit Mutator(Rng& random) : random_(random) {}

  /// `text` after one to eight edits; other texts of `corpus` lend their pieces.
  std::string mutate(std::string text, std::span<const std::string> corpus) {
    for (uint64_t edits = 1 + (random_.below(3) == 0 ? random_.below(8) : 0); edits > 0; --edits) {
      switch (random_.below(10)) {
        case 0:
          bytes(text);
          break;
        case 1:
          lines(text);
          break;
        case 2:
          repeat(text);
          break;
        case 3:
        case 4:
        case 5:
          tokens(text, corpus);
          break;
        default:
          alike(text);
          break;
      }
      if (text.size() > kMaxText) text.resize(kMaxText);
    }
    return text;
  }

 private:
  static constexpr size_t kMaxText = 1 << 15;

  static bool is_word(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.';
  }
  // First byte and length of each word and each other character that is no space.
  static std::vector<std::pair<size_t, size_t>> tokens_of(std::string_view text) {
    std::vector<std::pair<size_t, size_t>> out;
    for (size_t i = 0; i < text.size();) {
      size_t n = 1;
      if (is_word(text[i]))
        while (i + n < text.size() && is_word(text[i + n])) ++n;
      if (text[i] != ' ' && text[i] != '\n') out.emplace_back(i, n);
      i += n;
    }
    return out;
  }

  std::string interesting() {
    static constexpr const char* kNumbers[] = {"0",
                                               "1",
                                               "-1",
                                               "2",
                                               "7",
                                               "8",
                                               "16",
                                               "31",
                                               "63",
                                               "64",
                                               "4096",
                                               "4097",
                                               "65536",
                                               "1e9",
                                               "0.0",
                                               "-0.0",
                                               "inf",
                                               "nan",
                                               "1e999",
                                               "0x",
                                               "2147483647",
                                               "2147483648",
                                               "4294967296",
                                               "9223372036854775807",
                                               "9223372036854775808",
                                               "-9223372036854775808",
                                               "18446744073709551615",
                                               "99999999999999999999999"};
    static constexpr const char* kWords[] = {"(",          ")",
                                             "[",          "]",
                                             "{",          "}",
                                             ",",          ";",
                                             ":",          "+",
                                             "-",          "*",
                                             "/",          "%",
                                             "<",          "<=",
                                             "==",         "&&",
                                             "||",         "!",
                                             "~",          "neg",
                                             "ramp",       "broadcast",
                                             "select",     "if_then_else",
                                             "cast",       "f32",
                                             "f64x8",      "i8",
                                             "u64",        "bool",
                                             "bf16",       "sum",
                                             "min",        "argmax",
                                             "reduce",     "in",
                                             "of",         "from",
                                             "->",         "func",
                                             "compute",    "alloc",
                                             "let",        "for",
                                             "if",         "else",
                                             "parallel",   "vectorized",
                                             "unrolled",   "vthread",
                                             "register",   "stack",
                                             "vreduce",    "fma",
                                             "dot",        "exp",
                                             "//",         "\n",
                                             "=",          "/=",
                                             "into=",      "factor=",
                                             "dims=",      "at",
                                             "split",      "fuse",
                                             "reorder",    "rfactor",
                                             "compute_at", "cache_read",
                                             "tensorize",  "reassociate",
                                             "position=",  "scope=",
                                             "readers=",   "intrinsic=",
                                             "layout",     "#",
                                             "@",          "\"",
                                             "\\",         "\t",
                                             "\r"};
    return random_.below(2) ? kNumbers[random_.below(std::size(kNumbers))]
                            : kWords[random_.below(std::size(kWords))];
  }

  void bytes(std::string& text) {
    const size_t at = random_.below(text.size() + 1);
    switch (random_.below(4)) {
      case 0:
        text.insert(at, 1, static_cast<char>(random_.next()));
        break;
      case 1:
        text.erase(at, 1 + random_.below(6));
        break;
      case 2:
        text.resize(at);
        break;
      default:
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << random_.below(8)));
        break;
    }
  }

  void lines(std::string& text) {
    std::vector<std::string> all(1);
    for (const char c : text) {
      all.back() += c;
      if (c == '\n') all.emplace_back();
    }
    const size_t i = random_.below(all.size()), j = random_.below(all.size());
    switch (random_.below(3)) {
      case 0:
        std::swap(all[i], all[j]);
        break;
      case 1:
        all[i].clear();
        break;
      default:
        all[i] += all[j];
        break;
    }
    text.clear();
    for (const std::string& line : all) text += line;
  }

  // A piece many times: deep nesting, long lists.
  void repeat(std::string& text) {
    const auto all = tokens_of(text);
    if (all.empty()) return;
    const size_t i = random_.below(all.size()), n = 1 + random_.below(4);
    const auto [end, length] = all[std::min(i + n, all.size() - 1)];
    const std::string piece = text.substr(all[i].first, end + length - all[i].first) + " ";
    std::string many;
    for (uint64_t k = 1 + random_.below(random_.below(8) == 0 ? 3000 : 12); k > 0; --k) many += piece;
    text.insert(all[i].first, many);
  }

  // A number for a number, a word for a word: the edit that is taken most often.
  void alike(std::string& text) {
    const auto all = tokens_of(text);
    if (all.empty()) return;
    const auto is_number = [&](size_t i) { return text[i] >= '0' && text[i] <= '9'; };
    const auto [at, n] = all[random_.below(all.size())];
    if (is_number(at)) {
      static constexpr const char* kSmall[] = {"0", "1", "2",  "3",  "4",  "5",
                                               "7", "8", "12", "16", "17", "31"};
      text.replace(at, n, kSmall[random_.below(std::size(kSmall))]);
      return;
    }
    for (int tries = 0; tries < 20; ++tries) {
      const auto [from, m] = all[random_.below(all.size())];
      if (is_number(from) || is_word(text[from]) != is_word(text[at])) continue;
      text.replace(at, n, text.substr(from, m));
      return;
    }
  }

  void tokens(std::string& text, std::span<const std::string> corpus) {
    const auto all = tokens_of(text);
    if (all.empty()) return (void)(text += interesting());
    const auto [at, n] = all[random_.below(all.size())];
    switch (random_.below(6)) {
      case 0:
        text.replace(at, n, interesting());
        break;
      case 1:
        text.insert(at, interesting() + (random_.below(2) ? " " : ""));
        break;
      case 2:
        text.erase(at, n);
        break;
      case 3: {  // another token of the text
        const auto [from, m] = all[random_.below(all.size())];
        text.replace(at, n, text.substr(from, m));
        break;
      }
      case 4: {  // a few tokens of another text
        const std::string& other = corpus[random_.below(corpus.size())];
        const auto theirs = tokens_of(other);
        if (theirs.empty()) break;
        const size_t i = random_.below(theirs.size());
        const auto [end, m] = theirs[std::min(i + random_.below(12), theirs.size() - 1)];
        text.replace(at, n, other.substr(theirs[i].first, end + m - theirs[i].first));
        break;
      }
      default: {  // from one token to another once more, or away
        auto [from, m] = all[random_.below(all.size())];
        size_t a = at, b = from + m;
        if (a > b) a = from, b = at + n;
        if (random_.below(2))
          text.erase(a, b - a);
        else
          text.insert(b, " " + text.substr(a, b - a));
        break;
      }
    }
  }

  Rng& random_;
};

}  // namespace tc::test
