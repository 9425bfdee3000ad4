#include "oracle/memory.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "oracle/steps.h"

namespace tc::test::oracle {

int64_t Memory::element_number(int stage, const Point& coordinates) const {
  int64_t n = 0;
  for (size_t d = 0; d < coordinates.size(); ++d) n = n * m_.stages[at(stage)].shape[d] + coordinates[d];
  return n;
}

std::string Memory::name(int stage, const Point& coordinates) const {
  return fmt::format("{}[{}]", m_.stages[at(stage)].name, fmt::join(coordinates, ", "));
}

const Storage& Memory::storage_of(int stage, const Point& coordinates) const {
  if (!lives(stage))
    throw Fault{fmt::format("{} is touched where its stage is not computed", name(stage, coordinates)),
                false};
  return *live_[at(stage)].back();
}

Point Memory::address(int stage, const Point& coordinates) const {
  const Stage& s = m_.stages[at(stage)];
  const Storage& storage = storage_of(stage, coordinates);
  Point local = coordinates;
  for (size_t d = 0; d < local.size(); ++d) {
    local[d] -= storage.lo[d];
    if (static_cast<int>(d) == storage.ring_dim) local[d] = ir::floor_mod(local[d], storage.size[d]);
  }
  if (!s.has_layout) return local;
  Point out;
  for (const Piece& p : s.layout) {
    const int64_t v = ir::floor_div(local[at(p.dim)], p.div);
    out.push_back(p.mod > 0 ? ir::floor_mod(v, p.mod) : v);
  }
  return out;
}

Point Memory::steps(int stage) const {
  const Stage& s = m_.stages[at(stage)];
  Point shape = storage_of(stage, {}).size;
  if (s.has_layout) {
    const Point plain = std::exchange(shape, {});
    for (const Piece& p : s.layout)
      shape.push_back(p.mod > 0 ? p.mod : (plain[at(p.dim)] + p.div - 1) / p.div);
  }
  Point out(shape.size(), 1);
  for (size_t d = shape.size(); d-- > 1;) {
    for (const Alignment& a : s.align)
      if (a.dim + 1 == d)
        while (out[d] * shape[d] % a.factor != a.offset) ++shape[d];
    out[d - 1] = out[d] * shape[d];
  }
  return out;
}

Cell& Memory::touch(int stage, const Point& coordinates, bool writes) {
  spend();
  (void)storage_of(stage, coordinates);
  Cell& cell = live_[at(stage)].back()->cells[address(stage, coordinates)];
  bool races = conflict(cell.writer, node_);
  if (writes)
    for (const int r : cell.readers) races |= conflict(r, node_);
  if (races) throw Fault{fmt::format("iterations race on {}", name(stage, coordinates)), false};
  if (writes)
    cell.writer = node_, cell.readers.clear();
  else if (std::find(cell.readers.begin(), cell.readers.end(), node_) == cell.readers.end())
    cell.readers.push_back(node_);
  return cell;
}

// Whether two accesses stand in different iterations of one run of such a loop.
bool Memory::conflict(int a, int b) const {
  if (a < 0 || a == b) return false;
  const auto up = [&](int& n) { n = nodes_[at(n)].parent; };
  while (nodes_[at(a)].depth > nodes_[at(b)].depth) up(a);
  while (nodes_[at(b)].depth > nodes_[at(a)].depth) up(b);
  if (a == b) return false;
  while (nodes_[at(a)].parent != nodes_[at(b)].parent) up(a), up(b);
  return nodes_[at(a)].loop == nodes_[at(b)].loop;
}

void Memory::enter(int outer, int loop) {
  nodes_.push_back({outer, nodes_[at(outer)].depth + 1, loop});
  node_ = static_cast<int>(nodes_.size()) - 1;
}

}  // namespace tc::test::oracle
