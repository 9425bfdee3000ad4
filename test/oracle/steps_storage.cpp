// Steps about where data is kept, when it is fetched, and what an intrinsic computes.
#include "oracle/steps.h"

#include <algorithm>
#include <charconv>

namespace tc::test::oracle {

Meaning Apply::set_scope() {
  if (s().is_input || s().is_output) return none("the memory is the caller's");
  return {};
}

Meaning Apply::layout() {
  if (s().is_output) return none("the memory is the caller's");
  if (!s().align.empty()) return none("the strides of its dimensions are set");
  std::vector<Piece> pieces;
  for (const std::string& text : step_.names) {
    const size_t cut = std::min(text.find_first_of("/%"), text.size());
    Piece piece{-1, 1, 0, text};
    for (size_t d = 0; d < s().dims.size(); ++d)
      if (s().axes[at(s().dims[d].axis)].name == text.substr(0, cut)) piece.dim = static_cast<int>(d);
    if (piece.dim < 0) return none("no such dimension");
    for (size_t i = cut; i < text.size();) {
      int64_t n = 0;
      const auto [p, error] = std::from_chars(text.data() + i + 1, text.data() + text.size(), n);
      if (error != std::errc() || n < 1) return none("no such dimension");
      (text[i] == '/' ? piece.div : piece.mod) = n;
      i = static_cast<size_t>(p - text.data());
    }
    pieces.push_back(piece);
  }
  s().layout = std::move(pieces);
  s().has_layout = true;
  return {};
}

Meaning Apply::storage_align() {
  if (s().is_input || s().is_output) return none("the memory is the caller's");
  const std::vector<std::string> dims = s().storage_dims();
  const auto found = step_.axes.size() == 1 ? std::find(dims.begin(), dims.end(), step_.axes[0]) : dims.end();
  if (found == dims.end() || found + 1 == dims.end()) return none("no dimension with a stride");
  if (step_.number < 1 || step_.offset < 0 || step_.offset >= step_.number) return none("no such stride");
  if (step_.offset != 0 && found + 2 != dims.end()) return none("the stride is a product");
  const auto dim = static_cast<size_t>(found - dims.begin());
  for (const Alignment& a : s().align)
    if (a.dim == dim) return none("the stride is set");
  s().align.push_back({dim, step_.number, step_.offset});
  return {};
}

Meaning Apply::double_buffer() {
  if (s().is_input || s().is_output) return none("the memory is the caller's");
  if (s().at_stage < 0) return none("it is computed once");
  if (s().rolling) return none("a ring keeps what the next iteration needs");
  s().doubled = true;
  return {};
}
Meaning Apply::rolling_buffer() {
  if (s().is_input || s().is_output) return none("the memory is the caller's");
  if (s().at_stage < 0) return none("it is computed once");
  if (s().doubled) return none("a ring keeps what the next iteration needs");
  s().rolling = true;
  return {};
}

Meaning Apply::prefetch() {
  const int axis = step_.axes.size() == 1 ? loop_of(s(), step_.axes[0]) : -1;
  const int tensor = step_.names.size() == 1 ? m_.find(step_.names[0]) : -1;
  if (axis < 0 || tensor < 0 || step_.number < 0) return none("no such loop, tensor or distance");
  for (const Hint& h : s().hints)
    if (h.axis == axis && h.tensor == tensor) return none("it is asked for already");
  s().hints.push_back({axis, tensor});
  return {};
}
// What stages ask for must be what they read, and be there: not computed inside the loop
// where it is asked for.
Meaning Apply::check_hints() {
  for (size_t i = 0; i < m_.stages.size(); ++i) {
    const Stage& q = m_.stages[i];
    for (const Hint& h : q.hints) {
      if (q.inlined) return none("it asks for what it reads in its loops");
      const auto readers = m_.readers(h.tensor);
      if (m_.stages[at(h.tensor)].inlined ||
          std::find(readers.begin(), readers.end(), static_cast<int>(i)) == readers.end())
        return none("what is asked for is not read");
      if (q.tensor && q.position(h.axis) >= q.position(q.tensor->axis))
        return none("the loop is an intrinsic's");
      int inner = h.tensor;
      while (inner >= 0 && m_.stages[at(inner)].at_stage != static_cast<int>(i))
        inner = m_.stages[at(inner)].at_stage;
      if (inner >= 0 && q.position(m_.stages[at(inner)].at_axis) >= q.position(h.axis))
        return none("what is asked for is computed in the loop");
    }
  }
  return {};
}

// Whether the loops compute what the intrinsic does is seen when they run.
Meaning Apply::tensorize() {
  const int axis = step_.axes.size() == 1 ? loop_of(s(), step_.axes[0]) : -1;
  if (axis < 0) return none("no such loop");
  if (s().tensor) return none("an intrinsic is there already");
  if (s().values.size() != 1) return none("an intrinsic computes one tensor");
  auto intrinsic = builtin_intrinsic(step_.intrinsic);
  if (!intrinsic) return none("no such intrinsic");
  s().tensor = {axis, std::make_shared<const Intrinsic>(std::move(intrinsic).value()), step_.reassociate};
  return {};
}

}  // namespace tc::test::oracle
