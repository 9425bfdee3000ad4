// Schedule::loops() and the lines that other views are made from.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "nest_lines.h"
#include "tc/ir/parse.h"
#include "tc/ir/pass.h"
#include "tc/ir/print.h"
#include "tc/ir/simplify.h"
#include "tc/ir/traverse.h"
#include "tc/schedule/lower.h"

namespace tc {
namespace {

using namespace ir;

const int64_t kMaxUnrolled = PassContext{}.max_unrolled;

// The stores that passes::unroll would make of a loop and of a body; of too many it makes none.
int64_t unrolled_size(const For& f);
int64_t stores(const Stmt& stmt) {
  int64_t n = 0;
  walk_all(*stmt, [&](const Node& node) {
    if (node.kind == Kind::Store) ++n;
    const auto* f = node.kind == Kind::For ? static_cast<const For*>(&node) : nullptr;
    if (!f || f->mode != LoopMode::unrolled) return true;
    const int64_t copies = unrolled_size(*f);
    n += copies <= kMaxUnrolled ? copies : stores(f->body);
    return false;
  });
  return n;
}
int64_t unrolled_size(const For& f) {
  const int64_t extent = as_int(f.extent).value_or(0), body = std::max<int64_t>(1, stores(f.body));
  return extent > kMaxUnrolled || body > kMaxUnrolled ? kMaxUnrolled + 1 : extent * body;
}

class Lines {
 public:
  std::vector<NestLine> out;

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
      line(fmt::format("alloc {}{}", to_string(a->buffer), a->double_buffer ? " double_buffer" : ""));
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
  void line(std::string what, const For* loop = nullptr) { out.push_back({indent_, std::move(what), loop}); }
  void nested(const Stmt& body) {
    ++indent_;
    print(body);
    --indent_;
  }

  // Trip count first; the range only where it does not start at 0.
  void print_for(const For& f) {
    std::string head = fmt::format("for {} in {}", f.var->name, to_string(f.extent));
    if (!is_int(f.min, 0)) head += " from " + to_string(f.min);
    if (f.mode != LoopMode::serial) head += fmt::format(" {}", to_string(f.mode));
    if (f.mode == LoopMode::unrolled && unrolled_size(f) > kMaxUnrolled)
      head += fmt::format(" (stays a loop: more than {} copies)", kMaxUnrolled);
    line(head, &f);
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

  int indent_ = 0;
};

// 1234 with a step of 1000 -> "1.2 k" of the units given.
std::string scaled(double v, double step, std::initializer_list<const char*> units) {
  auto unit = units.begin();
  for (; v >= step && unit + 1 != units.end(); ++unit) v /= step;
  if (v < 10 && v != static_cast<double>(static_cast<int64_t>(v))) return fmt::format("{:.1f} {}", v, *unit);
  return fmt::format("{:.0f} {}", v, *unit);
}

}  // namespace

std::string bytes_text(double bytes) { return scaled(bytes, 1024, {"B", "KiB", "MiB", "GiB", "TiB"}); }
std::string flops_text(double flops) {
  return scaled(flops, 1000, {"FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP"});
}

std::string cost_text(const LoopStats& stats) {
  std::string touched;
  for (const LoopTouch& t : stats.touches)
    touched += fmt::format("{}{} {}{}", touched.empty() ? "" : ", ", t.buffer->name, bytes_text(t.bytes()),
                           t.written ? " written" : "");
  return fmt::format("{}{}{}", flops_text(stats.flops), touched.empty() ? "" : "  ", touched);
}

NestView view_nests(const Schedule& schedule, const SizeValues& sizes) {
  std::vector<VarRef> all = sizes_of(schedule.graph().inputs);
  if (Check error = check_sizes(all, sizes)) throw *std::move(error);
  std::vector<Tensor> args = schedule.graph().inputs;
  args.insert(args.end(), schedule.graph().outputs.begin(), schedule.graph().outputs.end());
  // Variables are identities whose names need not differ. Parsed back from its print,
  // a function has the names of that print: none twice where two live at once.
  const FuncRef lowered = parse_func(to_string(lower(schedule, args).value().func)).value();
  NestView view{ir::func(lowered->name, lowered->params, simplify(lowered->body)), {}, {}, {}};
  Lines lines;
  lines.print(view.func->body);
  view.lines = std::move(lines.out);
  std::vector<VarRef> printed;  // in the same order
  for (const BufferRef& p : lowered->params)
    for (const Expr& e : p->shape) collect_sizes(e, printed);
  Bounds values;
  for (size_t i = 0; i < all.size(); ++i) {
    const auto given =
        std::find_if(sizes.begin(), sizes.end(), [&](const auto& s) { return s.first.same(all[i]); });
    const int64_t value =
        given != sizes.end() ? given->second : std::max<int64_t>(all[i]->least.value_or(0), 1);
    values.push(printed.at(i), Interval::of(value));
    view.counted_for += fmt::format("{}{} = {}", i ? ", " : "", printed[i]->name, value);
  }
  view.costs = loop_stats(*view.func, values);
  return view;
}

std::string Schedule::loops(bool costs, const SizeValues& sizes) const {
  const NestView view = view_nests(*this, sizes);
  std::map<const For*, const LoopStats*> stats;
  size_t column = 0;
  if (costs) {
    for (const LoopStats& s : view.costs) stats[s.loop] = &s;
    for (const NestLine& l : view.lines)
      if (l.loop) column = std::max(column, static_cast<size_t>(2 * l.indent) + l.text.size());
  }
  std::string out;
  if (costs && !view.counted_for.empty()) out = fmt::format("# for {}\n", view.counted_for);
  for (const NestLine& l : view.lines) {
    std::string text = std::string(static_cast<size_t>(2 * l.indent), ' ') + l.text;
    if (costs && l.loop) text = fmt::format("{:<{}}  # {}", text, column, cost_text(*stats.at(l.loop)));
    out += text + "\n";
  }
  return out;
}

}  // namespace tc
