// The canonical form of a workload: one text for all its spellings. A key of
// one name means the same in every operator, so the rules go by name.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

#include "tc/te/ops.h"
#include "workload_detail.h"

namespace tc::detail {
namespace {

using List = std::vector<int64_t>;

struct Values {
  const WorkloadOp& op;
  std::vector<std::string>& values;

  [[nodiscard]] std::optional<size_t> find(std::string_view key) const {
    for (size_t i = 0; i < op.keys.size(); ++i)
      if (op.keys[i].name == key) return i;
    return std::nullopt;
  }
  [[nodiscard]] std::string* at(std::string_view key) const {
    const auto i = find(key);
    return i ? &values[*i] : nullptr;
  }
};

std::string join(const List& list) { return fmt::format("{}", fmt::join(list, "x")); }

// m and n, or a shape; a shape of two dimensions is m and n. Gives the shape.
std::optional<CanonicalError> normalize_shape(const Values& v, List& shape) {
  std::string &m = *v.at("m"), &n = *v.at("n"), &s = *v.at("shape");
  if (!s.empty() && (!m.empty() || !n.empty()))
    return CanonicalError{*v.find("shape"), "left out where m and n are given"};
  if (s.empty() && m.empty())
    return CanonicalError{*v.find("m"), "given, and n (or instead of both a shape, e.g. shape=4x5x6)"};
  if (s.empty() && n.empty()) return CanonicalError{*v.find("n"), "given with m"};
  if (s.empty()) {
    // a range is like no number that a list may hold
    const bool range = m.find("..") != std::string::npos;
    shape = {range ? std::numeric_limits<int64_t>::max() : split_list(m)[0], split_list(n)[0]};
    return std::nullopt;
  }
  shape = split_list(s);
  for (const int64_t e : shape)
    if (e < 0) return CanonicalError{*v.find("shape"), "extents of 0 or more"};
  if (shape.size() == 2) {
    m = std::to_string(shape[0]), n = std::to_string(shape[1]);
    s.clear();
  }
  return std::nullopt;
}

// Negative axes are counted from the end; those out of range stay for the
// operator to refuse.
List from_the_end(List axes, size_t rank) {
  for (int64_t& a : axes)
    if (a < 0 && a >= -static_cast<int64_t>(rank)) a += static_cast<int64_t>(rank);
  return axes;
}

void normalize_axes(const Values& v, const List& shape) {
  if (std::string* axis = v.at("axis")) {
    List axes = from_the_end(split_list(*axis), shape.size());
    std::sort(axes.begin(), axes.end());
    *axis = join(axes);
  }
  if (std::string* perm = v.at("perm"); perm && !perm->empty()) {
    const List p = from_the_end(split_list(*perm), shape.size());
    List reversed;
    for (size_t i = shape.size(); i-- > 0;) reversed.push_back(static_cast<int64_t>(i));
    *perm = p == reversed ? "" : join(p);
  }
}

void normalize_shapes(const Values& v, const List& shape) {
  if (std::string* rhs = v.at("rhs"); rhs && *rhs == join(shape)) rhs->clear();
  if (std::string* to = v.at("to"); to && v.op.name == "reshape") {
    List target = split_list(*to);
    int64_t have = 1, rest = 1;
    bool ok = std::count(target.begin(), target.end(), -1) == 1;
    for (const int64_t e : shape) ok = ok && !__builtin_mul_overflow(have, e, &have);
    for (const int64_t e : target) ok = ok && (e == -1 || (e > 0 && !__builtin_mul_overflow(rest, e, &rest)));
    if (ok && have % rest == 0) std::replace(target.begin(), target.end(), int64_t{-1}, have / rest);
    *to = join(target);
  }
}

// One number where all are the same; 2 of 4 where top = bottom and left = right.
std::optional<CanonicalError> shorten(const Values& v, std::string_view key,
                                      std::initializer_list<size_t> lengths) {
  std::string* text = v.at(key);
  if (!text) return std::nullopt;
  List list = split_list(*text);
  if (std::find(lengths.begin(), lengths.end(), list.size()) == lengths.end())
    return CanonicalError{*v.find(key), fmt::format("{} numbers joined by x", fmt::join(lengths, " or "))};
  if (list.size() == 4 && list[0] == list[2] && list[1] == list[3]) list.resize(2);
  if (std::all_of(list.begin(), list.end(), [&](int64_t e) { return e == list[0]; })) list.resize(1);
  *text = join(list);
  return std::nullopt;
}

void normalize_types(const Values& v) {
  const std::string* dtype = v.at("dtype");
  if (!dtype) return;
  if (std::string* w = v.at("wdtype"); w && *w == *dtype) w->clear();
  const auto type = ir::parse_dtype(*dtype);
  if (std::string* out = v.at("out"); out && type && *out == ir::to_string(op::sum_type(*type))) out->clear();
}

// The text of a key's default; that of `axis` depends on the rank.
std::string default_text(const WorkloadKey& key, size_t rank) {
  if (key.name == "axis" && rank > 0) return join(from_the_end(split_list(key.fallback), rank));
  return std::string(key.fallback);
}

size_t rank_of(const Values& v) {
  const std::string* shape = v.at("shape");
  if (!shape) return 0;
  return shape->empty() ? 2 : split_list(*shape).size();
}

}  // namespace

std::optional<CanonicalError> make_canonical(const WorkloadOp& op, std::vector<std::string>& values) {
  const Values v{op, values};
  for (size_t i = 0; i < values.size(); ++i)
    if (values[i].empty()) values[i] = op.keys[i].fallback;
  if (v.find("shape")) {
    List shape;
    if (auto error = normalize_shape(v, shape)) return error;
    normalize_axes(v, shape);
    normalize_shapes(v, shape);
  }
  for (const std::string_view key : {"stride", "dilation", "outpad"})
    if (auto error = shorten(v, key, {1, 2})) return error;
  if (auto error = shorten(v, "pad", {1, 2, 4})) return error;
  for (const std::string_view key : {"before", "after"})
    if (auto error = shorten(v, key, {1, rank_of(v)})) return error;
  normalize_types(v);
  return std::nullopt;
}

std::string canonical_text(const WorkloadOp& op, const std::vector<std::string>& values) {
  const size_t rank = rank_of({op, const_cast<std::vector<std::string>&>(values)});
  std::string out(op.name);
  for (size_t i = 0; i < values.size(); ++i) {
    const WorkloadKey& key = op.keys[i];
    const bool always = key.required || key.name == "dtype";
    if (!values[i].empty() && (always || values[i] != default_text(key, rank)))
      out += fmt::format(" {}={}", key.name, values[i]);
  }
  return out;
}

}  // namespace tc::detail
