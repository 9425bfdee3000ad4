// The intrinsics that come with tc, made from their names.
#include <fmt/format.h>

#include <charconv>

#include "tc/schedule/intrinsic.h"

namespace tc {
namespace {

std::vector<std::string_view> pieces(std::string_view text, char at) {
  std::vector<std::string_view> out;
  for (;;) {
    const size_t cut = text.find(at);
    out.push_back(text.substr(0, cut));
    if (cut == std::string_view::npos) return out;
    text.remove_prefix(cut + 1);
  }
}

// "6x16x1" as numbers from 1 to 64; empty where it is something else.
std::vector<int64_t> sizes_of(std::string_view text) {
  std::vector<int64_t> out;
  for (const std::string_view piece : pieces(text, 'x')) {
    int64_t n = 0;
    const auto [p, error] = std::from_chars(piece.data(), piece.data() + piece.size(), n);
    if (error != std::errc() || p != piece.data() + piece.size() || n < 1 || n > 64 || piece[0] == '0')
      return {};
    out.push_back(n);
  }
  return out;
}

bool is_narrow(std::string_view t) { return t == "i8" || t == "u8" || t == "i16"; }
bool is_number(std::string_view t) {
  for (const char* name : {"f64", "f32", "f16", "bf16", "i64", "i32", "i16", "i8", "u64", "u32", "u16", "u8"})
    if (t == name) return true;
  return false;
}

// n consecutive elements from x on, as an index.
std::string lanes(int64_t x, int64_t n) {
  return n == 1 ? std::to_string(x) : fmt::format("ramp({}, 1, {})", x, n);
}

Expected<Intrinsic> dot(std::string_view name, std::string_view a, std::string_view b, int64_t n,
                        int64_t group) {
  const std::string params = fmt::format("(A: {}[{}], B: {}[{}, {}], C: i32[{}])", a, group, b, n, group, n);
  const std::string c = "C[" + lanes(0, n) + "]", all = lanes(0, n * group);
  const std::string at = n == 1 ? "0, " + all : fmt::format("{} / {}, {} % {}", all, group, all, group);
  const std::string body =
      fmt::format("func dot{} {{ compute C[i] = sum(cast(i32, A[k]) * cast(i32, B[i, k]), k in [0, +{})) }}",
                  params, group);
  const std::string update =
      fmt::format("func update{} {{ {} = dot({}, A[{}], B[{}]) }}", params, c, c, lanes(0, group), at);
  const std::string init = fmt::format("func init{} {{ {} = {} }}", params, c,
                                       n == 1 ? "i32(0)" : fmt::format("broadcast(i32(0), {})", n));
  return make_intrinsic(std::string(name), body, update, init, {{1}, {group, 1}, {1}});
}

// Rows of vectors of up to 16 lanes, one product after the other.
Expected<Intrinsic> gemm(std::string_view name, std::string_view type, int64_t m, int64_t n, int64_t k) {
  const std::string params =
      fmt::format("(A: {}[{}, {}], B: {}[{}, {}], C: {}[{}, {}])", type, m, k, type, k, n, type, m, n);
  const int64_t width = n % 16 == 0 ? 16 : n % 8 == 0 ? 8 : n;
  const auto spread = [&](const std::string& e) {
    return width == 1 ? e : fmt::format("broadcast({}, {})", e, width);
  };
  const char* zero = type[0] == 'f' || type[0] == 'b' ? "0.0" : "0";
  std::string update = "func update" + params + " {\n", init = "func init" + params + " {\n";
  for (int64_t x = 0; x < n; x += width)
    for (int64_t y = 0; y < m; ++y)
      init += fmt::format("C[{}, {}] = {}\n", y, lanes(x, width), spread(fmt::format("{}({})", type, zero)));
  for (int64_t z = 0; z < k; ++z)
    for (int64_t y = 0; y < m; ++y)
      for (int64_t x = 0; x < n; x += width) {
        const std::string c = fmt::format("C[{}, {}]", y, lanes(x, width));
        update += fmt::format("{} = {} + {} * B[{}, {}]\n", c, c, spread(fmt::format("A[{}, {}]", y, z)), z,
                              lanes(x, width));
      }
  return make_intrinsic(
      std::string(name),
      fmt::format("func gemm{} {{ compute C[i, j] = sum(A[i, k] * B[k, j], k in [0, +{})) }}", params, k),
      update + "}", init + "}");
}

}  // namespace

Expected<Intrinsic> builtin_intrinsic(std::string_view name) {
  const auto parts = pieces(name.substr(0, 80), '_');
  const auto sizes = sizes_of(parts.back());
  if (parts.size() == 4 && parts[0] == "dot" && is_narrow(parts[1]) && is_narrow(parts[2]) &&
      sizes.size() == 2 && (sizes[1] == 2 || sizes[1] == 4))
    return dot(name, parts[1], parts[2], sizes[0], sizes[1]);
  if (parts.size() == 3 && parts[0] == "gemm" && is_number(parts[1]) && sizes.size() == 3 &&
      sizes[0] * sizes[1] * sizes[2] <= 16384)
    return gemm(name, parts[1], sizes[0], sizes[1], sizes[2]);
  return Error("schedule.tensorize.intrinsic", fmt::format("there is no intrinsic {}", name.substr(0, 80)))
      .fact("built in", "dot_TYPE_TYPE_NxG such as dot_u8_i8_16x4, gemm_TYPE_MxNxK such as gemm_f32_6x16x1")
      .fix("declare it: make_intrinsic and Schedule::declare");
}

}  // namespace tc
