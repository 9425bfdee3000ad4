// Schedule::loops(): the loop nests for people, made from what lower() makes, so
// that the picture cannot differ from the program.
#include <fmt/format.h>

#include "tc/ir/parse.h"
#include "tc/ir/print.h"
#include "tc/schedule/lower.h"

namespace tc {
namespace {

using namespace ir;

class LoopPrinter {
 public:
  std::string text;

  void print(const Stmt& stmt) {
    if (!stmt) return;
    if (const auto* s = stmt.as<Seq>()) {
      for (const Stmt& child : s->stmts) print(child);
    } else if (const auto* f = stmt.as<For>()) {
      print_for(*f);
    } else if (const auto* i = stmt.as<If>()) {
      line("if " + to_string(i->condition));
      nested(i->if_true);
      if (i->if_false) {
        line("else");
        nested(i->if_false);
      }
    } else if (const auto* a = stmt.as<Alloc>()) {
      line("alloc " + to_string(a->buffer));
      print(a->body);
    } else if (const auto* l = stmt.as<Let>()) {
      line(fmt::format("let {} = {}", l->var->name, to_string(l->value)));
      print(l->body);
    } else if (const auto* s = stmt.as<Store>()) {
      print_store(*s);
    } else {
      line(to_string(stmt));
    }
  }

 private:
  void line(const std::string& what) { text += std::string(indent_, ' ') + what + "\n"; }
  void nested(const Stmt& body) {
    indent_ += 2;
    print(body);
    indent_ -= 2;
  }

  // Trip count first; the range only where it does not start at 0.
  void print_for(const For& f) {
    std::string head = fmt::format("for {} in {}", f.var->name, to_string(f.extent));
    if (!is_int(f.min, 0)) head += " from " + to_string(f.min);
    if (f.mode != LoopMode::serial) head += fmt::format(" {}", to_string(f.mode));
    line(head);
    nested(f.body);
  }

  // `C[y, x] += e` for what reads the element that it writes.
  void print_store(const Store& s) {
    const std::string target = to_string(load(s.buffer, s.indices));
    if (const auto* b = s.value.as<Binary>()) {
      const auto* old = b->a.as<Load>();
      const bool update = old && old->buffer.same(s.buffer) && to_string(b->a) == target;
      if (update && (b->op == BinaryOp::add || b->op == BinaryOp::mul))
        return line(fmt::format("{} {}= {}", target, to_string(b->op), to_string(b->b)));
    }
    line(fmt::format("{} = {}", target, to_string(s.value)));
  }

  size_t indent_ = 0;
};

}  // namespace

std::string Schedule::loops() const {
  std::vector<Tensor> args = graph().inputs;
  args.insert(args.end(), graph().outputs.begin(), graph().outputs.end());
  // Variables are identities whose names need not differ. Parsed back from its print,
  // a function has the names of that print: none twice where two live at once.
  const FuncRef func = ir::parse_func(ir::to_string(lower(*this, args).value().func)).value();
  LoopPrinter p;
  p.print(func->body);
  return std::move(p.text);
}

}  // namespace tc
