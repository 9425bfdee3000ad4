// Programs of numbers made into programs of a size: an extent becomes n wherever it stands, and
// extents a little above it n + 1, n + 2, if the program then still means something for every n.
#pragma once
#include <algorithm>
#include <set>

#include "tc/ir/traverse.h"
#include "te/random_te.h"

namespace tc::test {

namespace detail {
/// `program` with the extents c .. c + reach as n .. n + reach; nothing where tc refuses that.
inline std::optional<RandomProgram> with_extent_as_size(const RandomProgram& program, int64_t c,
                                                        int64_t reach, int64_t least) {
  const FuncRef f = to_func(Graph::of(program.outputs), program.args);
  const VarRef n = size_var("n", least);
  const auto sized = [&](const Expr& e) -> Expr {
    const auto v = ir::as_int(e);
    if (!v || *v < c || *v > c + reach) return e;
    return Expr(n) + ir::int_imm(*v - c);
  };
  const auto all = [&](std::vector<Expr> list) {
    for (Expr& e : list) e = sized(e);
    return list;
  };
  ir::BufferMap made;
  const auto renew = [&](const BufferRef& b) {
    return made[b] = ir::buffer(b->name, b->type, all(b->shape), b->scope);
  };
  std::vector<BufferRef> params;
  for (const BufferRef& p : f->params) params.push_back(renew(p));
  ir::walk<ir::Alloc>(f->body, [&](const ir::Alloc& a) { renew(a.buffer); });
  const ir::Stmt reduced = ir::rewrite(f->body, [&](const ir::Reduce& r) -> Expr {
    return ir::reduce(r.combiner, r.mins, all(r.extents), r.vars, r.source, r.component);
  });
  const auto graph = from_func(ir::func(f->name, params, ir::substitute(reduced, made)));
  if (!graph) return std::nullopt;
  RandomProgram out{graph.value().args, graph.value().outputs, ""};
  try {
    out.text = fmt::format("// n for {}\n{}", c, ir::to_string(to_func(Graph::of(out.outputs), out.args)));
  } catch (const Error&) {  // no input has n as an extent by itself
    return std::nullopt;
  }
  return out;
}
}  // namespace detail

/// The program with a size in it, or as it is where there is no extent that could be one.
inline RandomProgram with_size(RandomProgram program, uint64_t seed) {
  std::vector<int64_t> extents;  // leading ones first
  for (const bool leading : {true, false})
    for (const Tensor& t : program.args)
      for (int d = 0; t.op().is_placeholder() && d < t.ndim(); ++d)
        if ((d == 0) == leading && t.extent(d) > 1) extents.push_back(t.extent(d));
  if (!extents.empty() && seed % 3 == 0) std::rotate(extents.begin(), extents.begin() + 1, extents.end());
  std::set<int64_t> tried;
  for (const int64_t c : extents) {
    if (!tried.insert(c).second) continue;
    for (const int64_t least : {0, 1, 2})
      for (const int64_t reach : {2, 0}) try {
          if (auto sized = detail::with_extent_as_size(program, c, reach, least)) return *std::move(sized);
        } catch (const Error&) {  // e.g. no sum of one type
        }
  }
  return program;
}

/// The values of its size that a program is run for: none, one and few, and around powers of two.
inline std::vector<int64_t> size_values(uint64_t seed, int64_t least) {
  std::vector<int64_t> out;
  for (const int64_t v : {int64_t{0}, int64_t{1}, static_cast<int64_t>(2 + seed % 4), int64_t{8},
                          static_cast<int64_t>(9 + seed % 6)})
    if (v >= least) out.push_back(v);
  return out;
}

}  // namespace tc::test
