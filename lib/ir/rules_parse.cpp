// The rules' text to patterns.
#include <array>
#include <cctype>
#include <charconv>

#include "tc/ir/rules.h"

namespace tc::ir {
namespace {

using Is = PatternNode::Is;

// The text is ours: a mistake in it is an internal error.
class RuleParser {
 public:
  RuleParser(std::string_view text, std::vector<PatternNode>& nodes) : text_(text), nodes_(nodes) {}

  int expression() { return binary(0); }
  bool at_end() { return skip(), text_.empty(); }

 private:
  struct Infix {
    std::string_view text;
    BinaryOp op;
    int level;
  };
  // longest first where one begins another
  static constexpr Infix kInfix[] = {
      {"||", BinaryOp::or_, 0},    {"&&", BinaryOp::and_, 1},  {"==", BinaryOp::eq, 2},
      {"!=", BinaryOp::ne, 2},     {"<<", BinaryOp::shl, 6},   {">>", BinaryOp::shr, 6},
      {"<=", BinaryOp::le, 2},     {">=", BinaryOp::ge, 2},    {"<", BinaryOp::lt, 2},
      {">", BinaryOp::gt, 2},      {"|", BinaryOp::bit_or, 3}, {"^", BinaryOp::bit_xor, 4},
      {"&", BinaryOp::bit_and, 5}, {"+", BinaryOp::add, 7},    {"-", BinaryOp::sub, 7},
      {"*", BinaryOp::mul, 8},     {"/", BinaryOp::div, 8},    {"%", BinaryOp::mod, 8}};
  static constexpr int kTight = 9;

  void skip() {
    while (!text_.empty() && std::isspace(static_cast<unsigned char>(text_[0]))) text_.remove_prefix(1);
  }
  bool accept(std::string_view token) {
    skip();
    if (!text_.starts_with(token)) return false;
    text_.remove_prefix(token.size());
    return true;
  }
  void expect(std::string_view token) {
    TC_ASSERT(accept(token), "a rule lacks " + std::string(token) + " at " + std::string(text_));
  }

  int add(PatternNode n, std::initializer_list<int> kids = {}) {
    size_t i = 0;
    for (const int k : kids) n.kids[i++] = static_cast<int8_t>(k);
    nodes_.push_back(n);
    TC_ASSERT(nodes_.size() < 128, "a rule is too long");
    return static_cast<int>(nodes_.size()) - 1;
  }

  const Infix* infix(int level) {
    skip();
    for (const Infix& i : kInfix)
      if (text_.starts_with(i.text)) return i.level == level ? &i : nullptr;
    return nullptr;
  }
  int binary(int level) {
    if (level == kTight) return unary();
    int left = binary(level + 1);
    while (const Infix* i = infix(level)) {
      text_.remove_prefix(i->text.size());
      const int right = binary(level + 1);
      left = add({Is::binary, static_cast<uint8_t>(i->op)}, {left, right});
    }
    return left;
  }

  int unary() {
    skip();
    if (text_.starts_with("-") && text_.size() > 1 && std::isdigit(static_cast<unsigned char>(text_[1])))
      return number();
    if (accept("-")) return add({Is::call, static_cast<uint8_t>(CallOp::neg)}, {unary()});
    if (accept("!")) return add({Is::call, static_cast<uint8_t>(CallOp::not_)}, {unary()});
    return primary();
  }

  int number() {
    const size_t n = text_.find_first_not_of("-0123456789.");
    const std::string_view digits = text_.substr(0, n);
    text_.remove_prefix(digits.size());
    PatternNode p{Is::literal};
    if (digits.find('.') != std::string_view::npos) {
      p.is = Is::float_literal;
      p.number = std::stod(std::string(digits));
    } else {
      std::from_chars(digits.data(), digits.data() + digits.size(), p.value);
    }
    return add(p);
  }

  std::string_view word() {
    size_t n = 0;
    while (n < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[n])) || text_[n] == '_')) ++n;
    const std::string_view w = text_.substr(0, n);
    text_.remove_prefix(n);
    return w;
  }

  int primary() {
    if (accept("(")) {
      const int inner = expression();
      expect(")");
      return inner;
    }
    skip();
    if (!text_.empty() && std::isdigit(static_cast<unsigned char>(text_[0]))) return number();
    const std::string_view w = word();
    if (w.size() == 1) {
      static constexpr std::string_view kAny = "xyzw", kFlags = "pqr";
      if (const auto i = kAny.find(w); i != kAny.npos) return add({Is::any, static_cast<uint8_t>(i)});
      if (const auto i = kFlags.find(w); i != kFlags.npos) return add({Is::flag, static_cast<uint8_t>(i)});
    }
    if (w == "c0" || w == "c1") return add({Is::constant, static_cast<uint8_t>(w[1] - '0')});
    if (w == "true" || w == "false") return add({Is::truth, 0, w == "true"});
    return function(w);
  }

  int function(std::string_view name) {
    int arguments[3] = {-1, -1, -1};
    size_t n = 0;
    expect("(");
    do {
      TC_ASSERT(n < 3, "a rule's function has too many arguments");
      arguments[n++] = expression();
    } while (accept(","));
    expect(")");
    PatternNode p{Is::binary};
    if (name == "min")
      p.op = static_cast<uint8_t>(BinaryOp::min);
    else if (name == "max")
      p.op = static_cast<uint8_t>(BinaryOp::max);
    else if (name == "select")
      p.is = Is::select;
    else if (name == "broadcast")
      p.is = Is::broadcast;
    else if (name == "ramp")
      p.is = Is::ramp;
    else if (name == "abs")
      p = {Is::call, static_cast<uint8_t>(CallOp::abs)};
    else
      TC_ASSERT(false, "a rule uses " + std::string(name));
    return add(p, {arguments[0], arguments[1], arguments[2]});
  }

  std::string_view text_;
  std::vector<PatternNode>& nodes_;
};

RuleDomain domain_of(std::string_view name) {
  static constexpr std::pair<std::string_view, RuleDomain> kDomains[] = {
      {"any", RuleDomain::any},     {"number", RuleDomain::number}, {"int", RuleDomain::int_},
      {"index", RuleDomain::index}, {"float", RuleDomain::float_},  {"bool", RuleDomain::bool_}};
  for (const auto& [text, domain] : kDomains)
    if (text == name) return domain;
  TC_ASSERT(false, "a rule has the domain " + std::string(name));
  return RuleDomain::any;
}

std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const std::string_view w = line.substr(0, line.find(' '));
  line.remove_prefix(w.size());
  return w;
}

int parse_side(std::string_view text, Rule& r) {
  RuleParser p(text, r.nodes);
  const int root = p.expression();
  TC_ASSERT(p.at_end(), "rule " + std::string(r.name) + " goes on after its end");
  return root;
}

// "rule NAME DOMAIN LEFT => RIGHT [if GUARD]"
Rule parse_rule(std::string_view line) {
  Rule r;
  r.text = line;
  TC_ASSERT(take_word(line) == "rule", "not a rule: " + std::string(line));
  r.name = take_word(line);
  r.domain = domain_of(take_word(line));
  const size_t arrow = line.find("=>");
  TC_ASSERT(arrow != line.npos, "a rule without =>: " + std::string(r.name));
  std::string_view right = line.substr(arrow + 2), guard;
  if (const size_t at = right.find(" if "); at != right.npos) {
    guard = right.substr(at + 4);
    right = right.substr(0, at);
  }
  r.left = parse_side(line.substr(0, arrow), r);
  r.right = parse_side(right, r);
  if (!guard.empty()) r.guard = parse_side(guard, r);
  return r;
}

}  // namespace

std::span<const Rule> rules() {
  static const std::vector<Rule> all = [] {
    std::vector<Rule> out;
    for (std::string_view rest = rules_text(); !rest.empty();) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(line.size() + 1, rest.size()));
      if (!line.empty() && line[0] != '#') out.push_back(parse_rule(line));
    }
    return out;
  }();
  return all;
}

bool applies_to(RuleDomain domain, DType type) {
  switch (domain) {
    case RuleDomain::any:
      return true;
    case RuleDomain::number:
      return !type.is_bool();
    case RuleDomain::int_:
      return type.is_int();
    case RuleDomain::index:
      return type.element() == kIndex;
    case RuleDomain::float_:
      return type.is_float();
    case RuleDomain::bool_:
      return type.is_bool();
  }
  return false;
}

}  // namespace tc::ir
