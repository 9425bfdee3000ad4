#include "tc/codegen/accel.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "tc/ir/traverse.h"

namespace tc::accel {

using namespace ir;

bool on_chip(Scope scope) {
  switch (scope) {
    case Scope::inp:
    case Scope::wgt:
    case Scope::acc:
    case Scope::out:
    case Scope::uop:
      return true;
    case Scope::global:
    case Scope::stack:
    case Scope::register_:
      return false;
  }
  return false;
}

namespace {

using Buffers = std::set<const Buffer*>;

// A statement at the root, and the buffers from outside that it touches.
struct Item {
  Stmt stmt;
  Buffers reads, writes;
  bool device = false;
};

Item item_of(const Stmt& stmt) {
  Item item{stmt, {}, {}, false};
  Buffers own;
  const auto touch = [&](const Buffer& b, Buffers& set) {
    item.device |= on_chip(b.scope);
    if (!own.contains(&b)) set.insert(&b);
  };
  walk_all(*stmt, [&](const Node& n) {
    if (n.kind == Kind::Alloc) own.insert(static_cast<const Alloc&>(n).buffer.get());
    if (n.kind == Kind::Alloc) item.device |= on_chip(static_cast<const Alloc&>(n).buffer->scope);
    if (n.kind == Kind::Load) touch(*static_cast<const Load&>(n).buffer, item.reads);
    if (n.kind == Kind::Store) touch(*static_cast<const Store&>(n).buffer, item.writes);
  });
  return item;
}

// The root of a function: allocations, which are as wide as the root here, and statements.
struct Root {
  std::vector<BufferRef> allocs;  // outermost first
  std::vector<Item> items;

  void add(const Stmt& s) {
    if (const auto* a = s.as<Alloc>()) {
      allocs.push_back(a->buffer);
      add(a->body);
    } else if (const auto* q = s.as<Seq>()) {
      for (const Stmt& each : q->stmts) add(each);
    } else {
      items.push_back(item_of(s));
    }
  }
};

bool meet(const Buffers& a, const Buffers& b) {
  return std::any_of(a.begin(), a.end(), [&](const Buffer* x) { return b.contains(x); });
}

// Whether two statements must stay in their order.
bool ordered(const Item& first, const Item& second) {
  return meet(first.writes, second.reads) || meet(first.writes, second.writes) ||
         meet(first.reads, second.writes);
}

bool touches(const Item& i, const Buffer* b) { return i.reads.contains(b) || i.writes.contains(b); }

// Statements that go together: all that share a scratchpad buffer of the root.
std::vector<std::vector<size_t>> groups_of(const Root& root) {
  std::vector<size_t> group(root.items.size());
  std::iota(group.begin(), group.end(), size_t{0});
  for (const BufferRef& b : root.allocs) {
    if (!on_chip(b->scope)) continue;
    size_t first = root.items.size();
    for (size_t i = 0; i < root.items.size(); ++i) {
      if (!touches(root.items[i], b.get())) continue;
      first = std::min(first, i);
      const size_t from = group[i], to = group[first];
      for (size_t& g : group) g = g == from ? to : g;
    }
  }
  std::map<size_t, std::vector<size_t>> by_group;
  for (size_t i = 0; i < group.size(); ++i) by_group[group[i]].push_back(i);
  std::vector<std::vector<size_t>> out;
  for (auto& [id, members] : by_group) out.push_back(std::move(members));
  std::sort(out.begin(), out.end());
  return out;
}

Error cannot_cut(const Root& root, const std::vector<std::vector<size_t>>& groups,
                 const std::vector<bool>& done) {
  std::set<std::string> names;  // by name, as sets of buffers have no order
  for (size_t g = 0; g < groups.size(); ++g)
    for (const size_t i : groups[g])
      for (const Buffer* b : root.items[i].writes)
        if (!done[g]) names.insert(b->name);
  return Error("codegen.accel.partition",
               "a program of the accelerator would have to stop for the host and go on with its scratchpads")
      .fact("stages", fmt::format("{}", fmt::join(names, ", ")))
      .fix("let what the host computes be ready before, or keep the stages between in memory");
}

// The groups in an order that keeps dependences: the order of the program as far as that can be.
Expected<std::vector<size_t>> order_of(const Root& root, const std::vector<std::vector<size_t>>& groups) {
  const auto before = [&](size_t a, size_t b) {
    for (const size_t i : groups[a])
      for (const size_t j : groups[b])
        if (i < j && ordered(root.items[i], root.items[j])) return true;
    return false;
  };
  std::vector<size_t> order;
  std::vector<bool> done(groups.size());
  while (order.size() < groups.size()) {
    const size_t at = order.size();
    for (size_t g = 0; g < groups.size() && order.size() == at; ++g) {
      bool ready = !done[g];
      for (size_t h = 0; h < groups.size() && ready; ++h) ready = h == g || done[h] || !before(h, g);
      if (ready) order.push_back(g);
    }
    if (order.size() == at) return cannot_cut(root, groups, done);
    done[order.back()] = true;
  }
  return order;
}

// Segments as statements, before their parameters are known.
struct Piece {
  bool device = false;
  std::vector<size_t> items;
};

std::vector<Piece> pieces_of(const Root& root, const std::vector<std::vector<size_t>>& groups,
                             const std::vector<size_t>& order) {
  std::vector<Piece> out;
  for (const size_t g : order) {
    const bool device =
        std::any_of(groups[g].begin(), groups[g].end(), [&](size_t i) { return root.items[i].device; });
    if (device || out.empty() || out.back().device) out.push_back({device, {}});
    out.back().items.insert(out.back().items.end(), groups[g].begin(), groups[g].end());
  }
  return out;
}

// Names of regions: unique, and of the letters that they may have.
class Names {
 public:
  std::string unique(const std::string& name) {
    constexpr size_t kMost = 48;  // of 64: there is room for a number
    std::string base;
    for (const char c : name.substr(0, kMost))
      base += std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' ? c : '_';
    if (base.empty()) base = "buffer";
    std::string out = base;
    for (int n = 1; !used_.insert(out).second; ++n) out = fmt::format("{}_{}", base, n);
    return out;
  }

 private:
  std::set<std::string> used_;
};

// Cuts one function: which buffers become parameters, and the functions.
class Cutter {
 public:
  Cutter(const FuncRef& func, const Root& root, std::vector<Piece> pieces)
      : func_(func), root_(root), pieces_(std::move(pieces)) {}

  Partition run() {
    Partition out;
    for (const BufferRef& p : func_->params) out.params.push_back(shared(p));
    for (const BufferRef& a : root_.allocs)
      if (!on_chip(a->scope) && !is_local(a)) out.intermediates.push_back(shared(a));
    for (size_t i = 0; i < pieces_.size(); ++i) out.segments.push_back(segment(i, out));
    return out;
  }

 private:
  [[nodiscard]] bool uses(const Piece& p, const Buffer* b) const {
    return std::any_of(p.items.begin(), p.items.end(), [&](size_t i) { return touches(root_.items[i], b); });
  }
  // Whether only one piece, on the host, touches what is allocated; or none.
  [[nodiscard]] bool is_local(const BufferRef& b) const {
    size_t users = 0, devices = 0;
    for (const Piece& p : pieces_)
      if (uses(p, b.get())) ++users, devices += p.device;
    return users <= 1 && devices == 0;
  }
  // The buffer in memory that stands for `b` in all segments.
  BufferRef shared(const BufferRef& b) {
    const std::string name = names_.unique(b->name);
    const BufferRef made =
        name == b->name && b->scope == Scope::global ? b : buffer(name, b->type, b->shape, Scope::global);
    map_.emplace(b, made);
    return made;
  }
  Segment segment(size_t i, const Partition& all) const {
    const Piece& piece = pieces_[i];
    std::vector<Stmt> stmts;
    for (const size_t item : piece.items) stmts.push_back(root_.items[item].stmt);
    Stmt body = seq(std::move(stmts));
    for (auto a = root_.allocs.rbegin(); a != root_.allocs.rend(); ++a)
      if (!map_.contains(*a) && uses(piece, a->get())) body = alloc(*a, body);
    std::vector<BufferRef> params;
    const auto add = [&](const std::vector<BufferRef>& from, const std::vector<BufferRef>& to) {
      size_t next = 0;
      for (const BufferRef& b : from) {
        if (!map_.contains(b)) continue;
        if (uses(piece, b.get())) params.push_back(to[next]);
        ++next;
      }
    };
    add(func_->params, all.params);
    add(root_.allocs, all.intermediates);
    const std::string name = fmt::format("{}_{}", Names().unique(func_->name), i);
    return {piece.device, func(name, params, substitute(body, map_))};
  }

  const FuncRef& func_;
  const Root& root_;
  std::vector<Piece> pieces_;
  Names names_;
  BufferMap map_;
};

}  // namespace

Expected<Partition> partition(const FuncRef& nested) {
  Root root;
  root.add(nested->body);
  const auto groups = groups_of(root);
  const auto order = order_of(root, groups);
  if (!order) return order.error();
  return Cutter(nested, root, pieces_of(root, groups, order.value())).run();
}

}  // namespace tc::accel
