// The recursive-descent parser behind parse.h: parse.cpp has the statements,
// parse_expr.cpp the expressions. Private to lib/ir.
#pragma once
#include <unordered_map>

#include "lexer.h"
#include "tc/ir/parse.h"
#include "words.h"

namespace tc::ir::text {

class Parser {
 public:
  Parser(std::string_view text, std::string_view file);

  void declare(std::string_view name, VarRef var) { bind(name, {std::move(var), nullptr}); }
  void declare(std::string_view name, BufferRef buffer) { bind(name, {nullptr, std::move(buffer)}); }
  FuncRef func();
  Stmt stmts();                 // to the end of the block or of the text
  Expr expr(int at_least = 0);  // operators that bind at least so tightly
  void end();                   // nothing may follow

 private:
  struct Entry {
    VarRef var;
    BufferRef buffer;
  };
  // A reduction before its components are picked.
  struct Reduction {
    CombinerRef combiner;
    std::vector<Expr> mins, extents, source;
    std::vector<VarRef> vars;
  };
  // What the fields of a node spelled like a function call stand for.
  struct Fields {
    DType type;
    int lanes = 1;
    BinaryOp op{};
    std::vector<Expr> children;
  };

  // ---- tokens
  const Token& peek(size_t ahead = 0) const { return tokens_[std::min(pos_ + ahead, tokens_.size() - 1)]; }
  const Token& next() { return tokens_[pos_ + 1 < tokens_.size() ? pos_++ : pos_]; }
  bool at(std::string_view text, size_t ahead = 0) const { return peek(ahead).text == text; }
  bool accept(std::string_view text);
  const Token& expect(std::string_view text, std::string_view after);
  const Token& word(std::string_view what);
  [[noreturn]] void fail(const Token& token, std::string message, std::string fix = "",
                         std::string code = "ir.parse") const;
  [[noreturn]] void expected(std::string_view what, std::string fix = "") const;
  // The text from the token at `start` to the last one read, as one token.
  Token since(size_t start) const {
    const Token &first = tokens_[start], &last = tokens_[std::max(start + 1, pos_) - 1];
    return {first.kind, first.at, source_.text.substr(first.at, last.at + last.text.size() - first.at)};
  }
  // What `make` gives; its errors are located at `token`.
  template <class F>
  auto make_at(const Token& token, F&& make) const {
    try {
      return make();
    } catch (const Error& e) {
      throw source_.located(e, token.at, token.text.size());
    }
  }
  struct Nested;  // bounds the recursion
  [[noreturn, gnu::noinline]] void too_deep() const;

  // ---- names
  void bind(std::string_view name, Entry entry);
  size_t mark() const { return declared_.size(); }
  void forget(size_t mark);
  const Entry& lookup(const Token& name) const;
  const Token& new_name(std::string_view what);
  BufferRef known_buffer(const Token& name) const;

  // ---- expressions
  template <class F>
  void list(std::string_view close, F&& item);
  Expr unary();
  Expr primary();
  [[gnu::noinline]] Expr prefixed(const Token& op);
  [[gnu::noinline]] Expr infix(const Token& op, BinaryOp binary, Expr left, Expr right) const;
  [[gnu::noinline]] Expr named(const Token& name);
  [[gnu::noinline]] Expr whole_reduction(const Token& name);
  [[gnu::noinline]] Expr variable_or_element(const Token& name);
  [[gnu::noinline]] Expr typed_number(const Token& name, DType type);
  [[gnu::noinline]] Expr spelled_by_syntax(const Token& name);
  [[noreturn, gnu::noinline]] void unknown_function(const Token& name) const;
  [[noreturn, gnu::noinline]] void wrong_not(const Token& op, DType type) const;
  [[noreturn, gnu::noinline]] void chained(const Token& op) const;
  [[gnu::noinline]] Expr literal(DType type, bool typed);
  Expr number(const Token& token, bool negative, DType type, bool typed);
  Expr not_a_number(const Token& token, bool negative, DType type);
  [[gnu::noinline]] Expr call(CallOp op);
  [[gnu::noinline]] Expr binary_call(BinaryOp op);
  template <class T>
  bool spelled(const Token& word, Fields& fields);
  DType dtype();
  int lanes();
  BinaryOp reduce_op();
  int64_t component(const Reduction& r);
  int64_t component_number(const Reduction& r);

  // ---- reductions
  bool starts_reduction() const;
  Reduction reduction();
  CombinerRef combiner();
  std::vector<VarRef> declarations(std::string_view close);
  std::vector<Expr> parenthesized();
  void axes(Reduction& r);
  Expr component_of(const Reduction& r, int64_t component, const Token& at) const;

  // ---- statements
  BufferRef buffer_type(const Token& name, bool symbols);
  static bool size_word(const Token& t);
  void declare_sizes();
  Expr extent(bool symbols);
  std::vector<Expr> indices();
  Stmt block(std::string_view after);
  Stmt stmt();
  Stmt for_loop();
  Stmt if_stmt();
  Stmt store_stmt();
  Stmt compute_stmt();
  Stmt scan_stmt();
  Stmt extern_stmt();
  Stmt prefetch_stmt();
  std::vector<Expr> compute_values(size_t n, const Token& start);

  Source source_;
  std::vector<Token> tokens_;
  std::vector<size_t> first_axis_;  // by '(' token: the first `x in [` inside, or 0
  size_t pos_ = 0;
  int depth_ = 0;
  const char* stack_ = static_cast<const char*>(__builtin_frame_address(0));
  std::unordered_map<std::string_view, std::vector<Entry>> names_;
  std::vector<std::string_view> declared_;
};

// Deep enough for any IR within kMaxDepth, whose text may take two levels a
// node; and, whatever the compiler makes of these functions, no more stack than
// any thread has.
struct Parser::Nested {
  Parser& parser;
  explicit Nested(Parser& p) : parser(p) {
    const auto used =
        static_cast<size_t>(std::abs(p.stack_ - static_cast<const char*>(__builtin_frame_address(0))));
    if (++p.depth_ <= 2 * kMaxDepth + 100 && used < kMaxStack) return;
    --p.depth_;
    p.too_deep();
  }
  Nested(const Nested&) = delete;
  ~Nested() { --parser.depth_; }
  static constexpr size_t kMaxStack = size_t{5} << 20;
};

template <class F>
void Parser::list(std::string_view close, F&& item) {
  if (accept(close)) return;
  do {
    item();
  } while (accept(","));
  if (!accept(close)) expected(std::string("',' or '") + std::string(close) + "'");
}

}  // namespace tc::ir::text
