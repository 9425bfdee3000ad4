// Steps about where data is kept: cache_read, set_scope, layout and storage_align.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <set>

#include "state.h"
#include "tc/te/extern.h"

namespace tc {
namespace {

void redirect(StageState& reader, const StageState& from, const StageState& to) {
  if (reader.external) {
    auto body = std::make_shared<ExternBody>(*reader.external);
    for (BufferRef& read : body->tensors)
      for (size_t i = 0; i < from.buffers.size(); ++i)
        if (from.buffers[i].same(read)) read = to.buffers[i];
    reader.external = std::move(body);
  }
  for (Expr& v : reader.values)
    v = ir::rewrite(v, [&](const ir::Load& l) -> Expr {
      for (size_t i = 0; i < from.buffers.size(); ++i)
        if (from.buffers[i].same(l.buffer)) return ir::load(to.buffers[i], l.indices);
      return nullptr;
    });
}

Check cache_read(ScheduleState& state, int id, Step step) {
  const auto scope = scope_of(step);
  if (!scope) return scope.error();
  const std::vector<int> all = state.readers(id);
  std::vector<int> chosen;
  for (const std::string& n : step.names) {
    const auto reader = stage_of(state, n);
    if (!reader) return reader.error();
    if (std::find(all.begin(), all.end(), reader.value()) == all.end())
      return Error("schedule.cache_read.reader", fmt::format("{} does not read {}", n, step.stage))
          .fact("stage", step.stage)
          .fix("name stages that read it, or none for all");
    chosen.push_back(reader.value());
  }
  if (step.names.empty()) chosen = all;
  if (chosen.empty())
    return Error("schedule.cache_read.reader", fmt::format("nothing reads {}", step.stage))
        .fact("stage", step.stage)
        .fix("leave the step out");
  if (auto error = name_new_stage(state, step, "_r")) return error;
  StageState copy = copy_stage(state.stages[static_cast<size_t>(id)], step.into[0], scope.value());
  const int scan = state.stages[static_cast<size_t>(id)].scan;
  for (const int r : chosen)  // it is read in the loop over time, so it is made there
    if (state.stages[static_cast<size_t>(r)].scan == scan) copy.scan = scan;
  for (const int r : chosen)
    redirect(state.stages[static_cast<size_t>(r)], state.stages[static_cast<size_t>(id)], copy);
  // after its source, and after all inputs, which come first
  int at = id + 1;
  while (at < static_cast<int>(state.stages.size()) && state.stages[static_cast<size_t>(at)].is_input) ++at;
  insert_stage(state, at, std::move(copy));
  state.steps.push_back(std::move(step));
  return std::nullopt;
}

Expected<LayoutDim> parse_dim(const StageState& s, const std::string& text) {
  const size_t cut = text.find_first_of("/%");
  const auto axis = [&]() -> int {
    const std::string name = text.substr(0, cut);
    for (int i = 0; i < s.rank(); ++i)
      if (s.axes[static_cast<size_t>(i)].name == name) return i;
    return -1;
  }();
  std::string names;
  for (int i = 0; i < s.rank(); ++i) names += (i ? ", " : "") + s.axes[static_cast<size_t>(i)].name;
  const Error bad =
      Error("schedule.layout.dim", fmt::format("`{}` is no dimension of a layout of {}", text, s.name))
          .fact("stage", s.name)
          .fact("axes", names)
          .fix("use an axis, axis/n or axis%n with n from 1 to 2^31");
  if (axis < 0) return bad;
  LayoutDim dim{axis, 1, 0};
  if (cut == std::string::npos) return dim;
  // axis/a, axis%b or axis/a%b
  size_t i = cut;
  while (i < text.size()) {
    const char op = text[i];
    int64_t n = 0;
    const auto [p, error] = std::from_chars(text.data() + i + 1, text.data() + text.size(), n);
    if (error != std::errc() || n < 1 || n > (int64_t{1} << 31)) return bad;
    if (op == '/' && dim.div == 1 && dim.mod == 0)
      dim.div = n;
    else if (op == '%' && dim.mod == 0)
      dim.mod = n;
    else
      return bad;
    i = static_cast<size_t>(p - text.data());
  }
  return dim;
}

// Whether no two values of [0, extent) have the same pieces; tried, for pieces that do not chain.
bool tells_apart(const std::vector<LayoutDim>& pieces, int64_t extent) {
  constexpr int64_t kMaxTried = 1 << 16;
  if (extent > kMaxTried) return false;
  std::set<std::vector<int64_t>> seen;
  for (int64_t v = 0; v < extent; ++v) {
    std::vector<int64_t> all;
    for (const LayoutDim& p : pieces) all.push_back(p.mod != 0 ? v / p.div % p.mod : v / p.div);
    if (!seen.insert(std::move(all)).second) return false;
  }
  return true;
}

// Per axis the pieces, ordered by divisor, chain: x%a, x/a%b, x/(a*b). The last may be left
// out, or have a remainder taken, where the others tell all values apart. Others are tried.
Check check_bijective(const StageState& s, const std::vector<LayoutDim>& dims) {
  for (int axis = 0; axis < s.rank(); ++axis) {
    std::vector<LayoutDim> pieces;
    for (const LayoutDim& d : dims)
      if (d.axis == axis) pieces.push_back(d);
    std::sort(pieces.begin(), pieces.end(), [](const LayoutDim& a, const LayoutDim& b) {
      return a.div != b.div ? a.div < b.div : a.mod != 0 && b.mod == 0;  // x%1 before x/1
    });
    int64_t covered = 1;
    bool ok = true, whole = false;
    for (const LayoutDim& piece : pieces) {
      ok = ok && !whole && piece.div == covered;
      whole = piece.mod == 0;
      if (__builtin_mul_overflow(covered, std::max<int64_t>(piece.mod, 1), &covered))
        covered = std::numeric_limits<int64_t>::max();
    }
    const int64_t extent = ir::as_int(s.buffers[0]->shape[static_cast<size_t>(axis)])
                               .value_or(std::numeric_limits<int64_t>::max());
    if (extent > 1 && (!ok || (!whole && extent > covered)) && !tells_apart(pieces, extent))
      return Error("schedule.layout.bijective",
                   fmt::format("the layout of {} does not tell all values of {} apart", s.name,
                               s.axes[static_cast<size_t>(axis)].name))
          .fact("stage", s.name)
          .fact("axis", s.axes[static_cast<size_t>(axis)].name)
          .fix("give each axis whole (x), or as x/n and x%n, or as x/(n*m), x/n%m and x%n");
  }
  return std::nullopt;
}

Check set_layout(ScheduleState& state, int id, const Step& step) {
  StageState& s = state.stages[static_cast<size_t>(id)];
  if (s.is_output)
    return Error("schedule.layout.output",
                 fmt::format("cannot change the layout of {}: it is an output", s.name))
        .fact("stage", s.name)
        .fix("transpose it in the expression, or cache_write it and lay out the cache");
  if (!s.align.empty())
    return Error("schedule.storage_align.layout",
                 fmt::format("cannot change the layout of {}: the strides of its dimensions are set", s.name))
        .fact("stage", s.name)
        .fix("layout first, then storage_align");
  std::vector<LayoutDim> dims;
  for (const std::string& text : step.names) {
    auto dim = parse_dim(s, text);
    if (!dim) return dim.error();
    dims.push_back(dim.value());
  }
  if (auto error = check_bijective(s, dims)) return error;
  s.layout = std::move(dims);
  s.layout_text = fmt::format("{}", fmt::join(step.names, ","));
  state.steps.push_back(step);
  return std::nullopt;
}

// The dimensions of the storage, as text.
std::vector<std::string> dims_of(const StageState& s) {
  std::vector<std::string> out;
  if (s.layout.empty())
    for (int d = 0; d < s.rank(); ++d) out.push_back(s.axes[static_cast<size_t>(d)].name);
  for (size_t at = 0; !s.layout.empty() && at <= s.layout_text.size();) {
    const size_t end = std::min(s.layout_text.find(',', at), s.layout_text.size());
    out.push_back(s.layout_text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

constexpr int64_t kMaxAlignment = 1 << 16;

Check storage_align(ScheduleState& state, int id, const Step& step) {
  StageState& s = state.stages[static_cast<size_t>(id)];
  if (step.axes.size() != 1)
    return Error("schedule.parse", "storage_align takes one dimension")
        .fix("write e.g. storage_align T y factor=16");
  const std::vector<std::string> dims = dims_of(s);
  const std::string all = fmt::format("{}", fmt::join(dims, ", "));
  const auto refuse = [&](const char* code, std::string why, std::string fix) {
    return Error(code, fmt::format("cannot align {} of {}: {}", step.axes[0], s.name, why))
        .fact("stage", s.name)
        .fact("dimensions", all)
        .fix(std::move(fix));
  };
  if (s.is_input || s.is_output)
    return refuse("schedule.storage_align.argument",
                  fmt::format("it is an {} and the caller's", s.is_input ? "input" : "output"),
                  "use cache_read or cache_write, and align the copy");
  const auto found = std::find(dims.begin(), dims.end(), step.axes[0]);
  if (found == dims.end())
    return refuse("schedule.storage_align.dim", "its storage has no such dimension",
                  "name one of them but the last");
  const auto dim = static_cast<int>(found - dims.begin());
  if (dim + 1 == static_cast<int>(dims.size()))
    return refuse(
        "schedule.storage_align.dim", "it is the last dimension, whose neighbours are adjacent",
        dim == 0 ? "a stage of one dimension has no stride to choose" : "align " + dims[dims.size() - 2]);
  if (step.number < 1 || step.number > kMaxAlignment || step.offset < 0 || step.offset >= step.number)
    return refuse("schedule.storage_align.factor",
                  fmt::format("no stride is a multiple of {} and {} more", step.number, step.offset),
                  fmt::format("give a factor of 1 to {} and an offset below it", kMaxAlignment));
  if (step.offset != 0 && dim + 2 != static_cast<int>(dims.size()))
    return refuse("schedule.storage_align.factor", "its stride is a product of the dimensions inside it",
                  fmt::format("give an offset to {} only, or the offset 0", dims[dims.size() - 2]));
  for (const Alignment& a : s.align)
    if (a.dim == dim)
      return refuse("schedule.storage_align.twice", "its stride is set already", "give each stride once");
  s.align.push_back({dim, step.number, step.offset});
  state.steps.push_back(step);
  return std::nullopt;
}

}  // namespace

Check apply_storage_step(ScheduleState& state, const Step& step) {
  const auto found = stage_of(state, step.stage);
  if (!found) return found.error();
  const int id = found.value();
  StageState& s = state.stages[static_cast<size_t>(id)];
  switch (step.kind) {
    case StepKind::cache_read:
      return cache_read(state, id, step);
    case StepKind::layout:
      return set_layout(state, id, step);
    case StepKind::storage_align:
      return storage_align(state, id, step);
    default: {
      const auto scope = scope_of(step);
      if (!scope) return scope.error();
      if (s.is_input || s.is_output)
        return Error("schedule.scope", fmt::format("cannot keep {} elsewhere: it is an {} and the caller's",
                                                   s.name, s.is_input ? "input" : "output"))
            .fact("stage", s.name)
            .fix("use cache_read or cache_write");
      s.scope = scope.value();
      state.steps.push_back(step);
      return std::nullopt;
    }
  }
}

}  // namespace tc
