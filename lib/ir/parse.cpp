#include "tc/ir/parse.h"

#include <fmt/format.h>

#include <charconv>

#include "exact.h"
#include "parser.h"

namespace tc::ir {
namespace text {

Parser::Parser(std::string_view text, std::string_view file)
    : source_{text, file}, tokens_(tokenize(source_)) {
  // Where the axes of a reduction start, so that they can be read before its source.
  first_axis_.assign(tokens_.size(), 0);
  std::vector<size_t> open;
  for (size_t i = 0; i < tokens_.size(); ++i) {
    const std::string_view t = tokens_[i].text;
    if (t == "(" || t == "[" || t == "{") open.push_back(i);
    if ((t == ")" || t == "]" || t == "}") && !open.empty()) open.pop_back();
    const bool axis = t == "in" && i > 0 && tokens_[i - 1].kind == Token::Kind::word &&
                      i + 1 < tokens_.size() && tokens_[i + 1].text == "[";
    if (axis && !open.empty() && !first_axis_[open.back()]) first_axis_[open.back()] = i - 1;
  }
}

// ---- tokens

bool Parser::accept(std::string_view text) {
  if (!at(text)) return false;
  next();
  return true;
}

const Token& Parser::expect(std::string_view text, std::string_view after) {
  if (!at(text)) fail(peek(), fmt::format("expected '{}' after {}, found {}", text, after, describe(peek())));
  return next();
}

const Token& Parser::word(std::string_view what) {
  if (peek().kind != Token::Kind::word) expected(what);
  return next();
}

void Parser::fail(const Token& token, std::string message, std::string fix, std::string code) const {
  Error e = source_.error(std::move(code), std::move(message), token.at, token.text.size());
  if (!fix.empty()) throw std::move(e).fix(std::move(fix));
  throw e;
}

void Parser::expected(std::string_view what, std::string fix) const {
  fail(peek(), fmt::format("expected {}, found {}", what, describe(peek())), std::move(fix));
}

void Parser::too_deep() const {
  fail(peek(), "the program is nested too deeply", "split it into stages, or name values with let",
       "ir.depth");
}

void Parser::end() {
  if (peek().kind != Token::Kind::end)
    fail(peek(), fmt::format("unexpected {}", describe(peek())), "remove it, or what follows");
}

// ---- names

void Parser::bind(std::string_view name, Entry entry) {
  names_[name].push_back(std::move(entry));
  declared_.push_back(name);
}

void Parser::forget(size_t mark) {
  for (; declared_.size() > mark; declared_.pop_back()) names_[declared_.back()].pop_back();
}

const Parser::Entry& Parser::lookup(const Token& name) const {
  const auto it = names_.find(name.text);
  if (it != names_.end() && !it->second.empty()) return it->second.back();
  std::vector<std::string> known;
  for (const auto& [word, entries] : names_)
    if (!entries.empty()) known.emplace_back(word);
  std::sort(known.begin(), known.end());  // which of two as near is named must not depend on hashing
  const std::string near = nearest(name.text, known);
  fail(name, fmt::format("unknown name {}", describe(name)),
       near.empty() ? "" : fmt::format("did you mean '{}'?", near));
}

const Token& Parser::new_name(std::string_view what) {
  const Token& name = word(fmt::format("the name of {}", what));
  if (is_reserved(name.text))
    fail(name, fmt::format("'{}' is a word of the language", name.text),
         fmt::format("call it {}_", name.text));
  return name;
}

BufferRef Parser::known_buffer(const Token& name) const {
  const Entry& entry = lookup(name);
  if (!entry.buffer) fail(name, fmt::format("{} is a variable, not a buffer", name.text));
  return entry.buffer;
}

// ---- statements

FuncRef Parser::func() {
  if (!accept("func")) expected("'func'");
  const Token& name = word("the name of the function");
  expect("(", "the name of the function");
  declare_sizes();
  std::vector<BufferRef> params;
  list(")", [&] {
    const Token& param = new_name("a parameter");
    if (const auto it = names_.find(param.text); it != names_.end() && !it->second.empty())
      fail(param, fmt::format("{} is declared twice", describe(param)), "rename one of them");
    params.push_back(buffer_type(param, true));
    declare(param.text, params.back());
  });
  Stmt body = block("the parameters");
  return make_at(name, [&] { return ir::func(std::string(name.text), std::move(params), std::move(body)); });
}

// ": f32[64, 64] register" after a buffer's name.
BufferRef Parser::buffer_type(const Token& name, bool symbols) {
  expect(":", "the name of the buffer");
  const DType type = dtype();
  expect("[", "the type of the elements");
  std::vector<Expr> shape;
  list("]", [&] {
    if (shape.size() == kMaxRank) fail(peek(), fmt::format("a buffer has at most {} dimensions", kMaxRank));
    shape.push_back(extent(symbols));
  });
  Scope scope = Scope::global;
  for (int i = 0; i <= static_cast<int>(Scope::uop); ++i)
    // a store to a buffer of that name may follow an alloc
    if (at(to_string(static_cast<Scope>(i))) && !at("[", 1)) {
      scope = static_cast<Scope>(i);
      next();
      break;
    }
  return make_at(name, [&] { return buffer(std::string(name.text), type, std::move(shape), scope); });
}

// Where a size stands alone it may say its least value, n >= 2: also after it was used otherwise.
void Parser::declare_sizes() {
  for (size_t i = pos_; i + 2 < tokens_.size() && tokens_[i].text != "{"; ++i) {
    if (!size_word(tokens_[i]) || tokens_[i + 1].text != ">=") continue;
    const auto it = names_.find(tokens_[i].text);
    if (it != names_.end() && !it->second.empty()) continue;
    int64_t least = -1;
    const std::string_view number = tokens_[i + 2].text;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), least);
    if (error != std::errc() || end != number.data() + number.size() || least < 0)
      fail(tokens_[i + 2], "the least value of a size is a number of 0 or more");
    declare(tokens_[i].text, size_var(std::string(tokens_[i].text), least));
  }
}

bool Parser::size_word(const Token& t) { return t.kind == Token::Kind::word && !is_reserved(t.text); }

// One extent; with `symbols` an unknown name is a size, and known from here on.
Expr Parser::extent(bool symbols) {
  const Token& token = peek();
  if (symbols) {
    const auto known = [&](const Token& t) {
      const auto it = names_.find(t.text);
      return it != names_.end() && !it->second.empty();
    };
    if (const VarRef size = size_word(token) && at(">=", 1) && known(token) ? lookup(token).var : nullptr;
        size && size->least) {  // declared by declare_sizes
      next(), next();
      const Token& number = peek();
      if (as_int(expr()) != size->least)
        fail(number, fmt::format("the size {} has one least value, and it is {}", token.text, *size->least));
      return size;
    }
    // every name up to the end of the extent
    for (size_t i = pos_; i < tokens_.size(); ++i) {
      const Token& t = tokens_[i];
      if (t.kind == Token::Kind::end || t.text == "," || t.text == "]") break;
      if (size_word(t) && (i + 1 == tokens_.size() || tokens_[i + 1].text != "(") && !known(t))
        declare(t.text, size_var(std::string(t.text)));
    }
  }
  const size_t start = pos_;
  Expr e = expr();
  if (e->type != kIndex)
    fail(since(start), fmt::format("an extent is i64, not {}", to_string(e->type)), "cast it: cast(i64, x)",
         "ir.type");
  const auto n = as_int(e);
  if (n && *n < 0) fail(since(start), fmt::format("the extent {} is negative", *n), "", "ir.shape");
  return e;
}

std::vector<Expr> Parser::indices() {
  std::vector<Expr> at;
  expect("[", "the buffer");
  list("]", [&] {
    if (at.size() == kMaxRank) fail(peek(), fmt::format("a buffer has at most {} dimensions", kMaxRank));
    const size_t start = pos_;
    at.push_back(expr());
    if (at.back()->type.element() != kIndex)
      fail(since(start), fmt::format("an index is i64, not {}", to_string(at.back()->type)),
           "cast it: cast(i64, x)", "ir.type");
  });
  return at;
}

Stmt Parser::block(std::string_view after) {
  expect("{", after);
  Stmt inside = stmts();
  if (!at("}")) expected("a statement or '}'");
  next();
  return inside;
}

Stmt Parser::stmts() {
  const Nested nested(*this);
  // alloc and let take in the rest of the block, which is built when it is known
  struct Open {
    std::vector<Stmt> before;
    const Token* at;
    BufferRef buffer;
    bool double_buffer;
    VarRef var;
    Expr value;
  };
  std::vector<Open> open;
  std::vector<Stmt> items;
  const size_t start = mark();
  while (!at("}") && peek().kind != Token::Kind::end) {
    const Token& token = peek();
    if (accept("alloc")) {
      const Token& name = new_name("a buffer");
      BufferRef buffer = buffer_type(name, false);
      declare(name.text, buffer);
      const bool twice = at("double_buffer") && !at("[", 1);  // else a store to a buffer of that name
      if (twice) next();
      open.push_back({std::move(items), &token, std::move(buffer), twice, nullptr, nullptr});
      items.clear();
    } else if (accept("let")) {
      const Token& name = new_name("a variable");
      std::optional<DType> type;
      if (accept(":")) {
        const Token& word = this->word("a type");
        type = parse_dtype(word.text);
        if (!type) --pos_, (void)dtype();  // says what is wrong
      }
      expect("=", "the variable");
      const size_t value_start = pos_;
      Expr value = expr();
      if (type && *type != value->type)
        fail(since(value_start),
             fmt::format("{} is {} and is given {}", name.text, to_string(*type), to_string(value->type)),
             "cast the value", "ir.type");
      VarRef v = var(std::string(name.text), value->type);
      declare(name.text, v);
      open.push_back({std::move(items), &token, nullptr, false, std::move(v), std::move(value)});
      items.clear();
    } else {
      items.push_back(stmt());
    }
  }
  forget(start);
  for (; !open.empty(); open.pop_back()) {
    Open& o = open.back();
    make_at(*o.at, [&] {
      Stmt rest = seq(std::move(items));
      items = std::move(o.before);
      items.push_back(o.buffer ? alloc(o.buffer, rest, o.double_buffer) : let(o.var, o.value, rest));
      return 0;
    });
  }
  return make_at(peek(), [&] { return seq(std::move(items)); });
}

Stmt Parser::stmt() {
  if (at("{")) return block("");
  if (peek().kind != Token::Kind::word) expected("a statement");
  if (at("for")) return for_loop();
  if (at("if")) return if_stmt();
  if (at("compute")) return compute_stmt();
  if (at("scan") && at("{", 1)) return scan_stmt();  // else an element of a buffer of that name
  if (at("extern") && !at("[", 1)) return extern_stmt();
  if (at("prefetch")) return prefetch_stmt();
  return store_stmt();
}

Stmt Parser::prefetch_stmt() {
  next();
  const Token& name = peek();
  const BufferRef buffer = known_buffer(word("the name of a buffer"));
  std::vector<Expr> at = indices();
  return make_at(name, [&] { return prefetch(buffer, std::move(at)); });
}

Stmt Parser::for_loop() {
  next();
  const Token& name = new_name("a loop variable");
  expect("in", "the loop variable");
  if (!at("["))
    expected("'[' after 'in'", "write the first value and how many there are: for i in [0, +8) { ... }");
  next();
  Expr min = expr();
  expect(",", "the start of the loop");
  expect("+", "the ','");
  const size_t extent_start = pos_;
  Expr extent = expr();
  if (extent->type != min->type)
    fail(since(extent_start),
         fmt::format("the loop starts at {} and its extent is {}", to_string(min->type),
                     to_string(extent->type)),
         "give both one type", "ir.type");
  expect(")", "the extent of the loop");
  LoopMode mode = LoopMode::serial;
  if (!at("{")) {
    std::vector<std::string> known;
    for (int i = 0; i <= static_cast<int>(LoopMode::vthread); ++i)
      known.emplace_back(to_string(static_cast<LoopMode>(i)));
    const auto it = std::find(known.begin(), known.end(), peek().text);
    if (it == known.end()) {
      const std::string near = peek().kind == Token::Kind::word ? nearest(peek().text, known) : "";
      expected("'{' or a loop mode", near.empty() ? "" : fmt::format("did you mean '{}'?", near));
    }
    mode = static_cast<LoopMode>(it - known.begin());
    next();
  }
  const VarRef v = var(std::string(name.text), min->type);
  make_at(name, [&] { return for_(v, min, extent, mode, nullptr); });  // its errors before those of the body
  const size_t start = mark();
  declare(name.text, v);
  Stmt body = block("the loop");
  forget(start);
  return make_at(name, [&] { return for_(v, std::move(min), std::move(extent), mode, std::move(body)); });
}

Stmt Parser::if_stmt() {
  const Nested nested(*this);
  const Token& token = next();
  const size_t start = pos_;
  Expr condition = expr();
  make_at(since(start), [&] { return exact::if_(condition, seq({}), nullptr); });
  Stmt if_true = block("the condition"), if_false;
  if (accept("else")) if_false = at("if") ? if_stmt() : block("'else'");
  return make_at(token,
                 [&] { return exact::if_(std::move(condition), std::move(if_true), std::move(if_false)); });
}

Stmt Parser::store_stmt() {
  const Token& name = peek();
  if (is_reserved(name.text)) expected("a statement");
  next();
  if (!at("[")) {
    (void)lookup(name);  // a misspelt word is the likelier mistake
    expected("'['", fmt::format("a store is {}[...] = value", name.text));
  }
  const BufferRef buffer = known_buffer(name);
  std::vector<Expr> at = indices();
  make_at(name, [&] { return load(buffer, at); });  // what is wrong with the indices, at them
  expect("=", "the element to store to");
  const size_t start = pos_;
  Expr value = expr();
  return make_at(since(start), [&] { return store(buffer, std::move(at), std::move(value)); });
}

Stmt Parser::compute_stmt() {
  const Token& start = next();
  std::vector<BufferRef> buffers;
  std::vector<VarRef> vars;
  const size_t before = mark();
  do {
    buffers.push_back(known_buffer(word("the name of a buffer")));
    expect("[", "the buffer");
    size_t n = 0;
    list("]", [&] {
      const Token& name = new_name("an axis");
      if (buffers.size() == 1 && n < kMaxRank)
        vars.push_back(var(std::string(name.text)));
      else if (n >= vars.size() || vars[n]->name != name.text)
        fail(name, "the buffers of one compute have the same axes");
      ++n;
    });
    if (n != vars.size()) fail(tokens_[pos_ - 1], "the buffers of one compute have the same axes");
  } while (accept(","));
  for (const VarRef& v : vars) declare(v->name, v);
  expect("=", "the elements to compute");
  std::vector<Expr> values = compute_values(buffers.size(), start);
  forget(before);
  return make_at(start, [&] { return compute(std::move(buffers), std::move(vars), std::move(values)); });
}

Stmt Parser::scan_stmt() {
  const Token& start = next();
  Stmt body = block("'scan'");
  return make_at(start, [&] { return scan(std::move(body)); });
}

Stmt Parser::extern_stmt() {
  const Token& start = next();
  std::vector<BufferRef> writes, reads;
  do {
    writes.push_back(known_buffer(word("the name of a buffer")));
  } while (accept(","));
  expect("of", "what is written");
  expect("(", "'of'");
  list(")", [&] { reads.push_back(known_buffer(word("the name of a buffer"))); });
  Stmt body = block("what is read");
  return make_at(start, [&] { return extern_(std::move(writes), std::move(reads), std::move(body)); });
}

std::vector<Expr> Parser::compute_values(size_t n, const Token& start) {
  std::vector<Expr> values;
  if (n > 1 && starts_reduction()) {
    const Reduction r = reduction();
    std::vector<int64_t> components;
    if (at(".") && at("(", 1)) {
      next(), next();
      do {
        components.push_back(component_number(r));
      } while (accept(","));
      expect(")", "the components");
    } else {
      for (size_t i = 0; i < r.combiner->results.size(); ++i) components.push_back(static_cast<int64_t>(i));
    }
    if (components.size() != n)
      fail(start, fmt::format("{} buffers are given {} components", n, components.size()), "", "ir.type");
    for (const int64_t c : components) values.push_back(component_of(r, c, start));
    return values;
  }
  do {
    values.push_back(expr());
  } while (accept(","));
  return values;
}

template <class F>
auto parse(std::string_view text, const ParseScope& scope, std::string_view file, F&& what)
    -> Expected<decltype(what(std::declval<Parser&>()))> {
  try {
    Parser p(text, file);
    for (const auto& [name, v] : scope.vars) p.declare(name, v);
    for (const auto& [name, b] : scope.buffers) p.declare(name, b);
    auto result = what(p);
    p.end();
    return result;
  } catch (const Error& e) {
    return e;
  }
}

}  // namespace text

ParseScope& ParseScope::add(const VarRef& v) {
  vars.insert_or_assign(v->name, v);
  return *this;
}
ParseScope& ParseScope::add(const BufferRef& b) {
  buffers.insert_or_assign(b->name, b);
  return *this;
}

Expected<FuncRef> parse_func(std::string_view text, std::string_view file) {
  return text::parse(text, {}, file, [](text::Parser& p) { return p.func(); });
}
Expected<Expr> parse_expr(std::string_view text, const ParseScope& scope, std::string_view file) {
  return text::parse(text, scope, file, [](text::Parser& p) { return p.expr(); });
}
Expected<Stmt> parse_stmt(std::string_view text, const ParseScope& scope, std::string_view file) {
  return text::parse(text, scope, file, [](text::Parser& p) { return p.stmts(); });
}

}  // namespace tc::ir
