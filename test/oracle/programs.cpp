#include "oracle/programs.h"

#include "property/random_workload.h"
#include "tc/ir/parse.h"
#include "tc/te/extern.h"

namespace tc::test::oracle {
namespace {

double points_of(const RandomProgram& p) {
  double sum = 0;
  for (const auto& op : Graph::of(p.outputs).ops) {
    double n = 1;
    for (const Expr& e : op->shape) n *= static_cast<double>(std::max<int64_t>(ir::as_int(e).value_or(1), 1));
    for (const ReduceAxis& k : op->reduce_axes())
      n *= static_cast<double>(std::max<int64_t>(ir::as_int(k.extent).value_or(1), 1));
    sum += n;
  }
  return sum;
}

// Of loops that run once everything is legal and little is said: few programs fold over such.
bool folds_once(const RandomProgram& p) {
  for (const auto& op : Graph::of(p.outputs).ops)
    for (const ReduceAxis& k : op->reduce_axes())
      if (ir::is_int(k.extent, 1)) return true;
  return false;
}

RandomProgram parsed(const std::string& text) {
  const ParsedGraph g = from_func(ir::parse_func(text).value()).value();
  return {g.args, g.outputs, text};
}

// An epilogue or a sum over windows of what comes before it.
RandomProgram windows(Rng& random) {
  const int64_t step = random.between(1, 3), size = random.between(2, 4), width = random.between(2, 5),
                rows = random.between(2, 6), all = (rows - 1) * step + size, pad = random.between(0, 1);
  const std::string first =
      pad ? fmt::format("if_then_else(y >= 1 && y < {}, A[y - 1, x] + i32(1), i32(0))", all - 1)
          : "A[y, x] + i32(1)";
  const bool sums = random.below(2) == 0, two = random.below(2) == 0;
  std::string read = two ? "U" : "T", value;
  if (sums)
    value = fmt::format("sum({}[y * {} + r, x], r in [0, +{}))", read, step, size);
  else
    for (int64_t r = 0; r < size; ++r)
      value += fmt::format("{}{}[y * {} + {}, x]", r ? " + " : "", read, step, r);
  return parsed(fmt::format(
      "func main(A: i32[{0}, {1}], D: i32[{2}, {1}]) {{\n  alloc T: i32[{0}, {1}]\n  compute T[y, x] = "
      "{3}\n{4}"
      "  compute D[y, x] = {5}\n}}",
      all, width, rows, first,
      two ? fmt::format("  alloc U: i32[{0}, {1}]\n  compute U[y, x] = T[y, x] * i32(2)\n", all, width) : "",
      value));
}

// Products of matrices, of types for which there are intrinsics.
RandomProgram products(Rng& random) {
  const int64_t m = random.between(1, 5), n = random.between(2, 6), k = random.between(2, 6);
  const bool turned = random.below(2) == 0, narrow = random.below(2) == 0, plus = random.below(3) == 0;
  const char* type = narrow ? "i8" : random.below(3) ? "f32" : "i32";
  const std::string b = turned ? "B[x, k]" : "B[k, x]";
  const std::string out = narrow ? "i32" : type;
  const char op = random.below(6) == 0 ? '+' : '*';  // few that are no products after all
  const std::string value = narrow ? fmt::format("cast(i32, A[y, k]) {} cast(i32, {})", op, b)
                                   : fmt::format("A[y, k] {} {}", op, b);
  return parsed(
      fmt::format("func main(A: {0}[{1}, {2}], B: {0}[{3}, {4}], C: {5}[{1}, {6}]) {{\n{8}  compute {9}[y, "
                  "x] = sum({7}, k in [0, "
                  "+{2}))\n{10}}}",
                  type, m, k, turned ? n : k, turned ? k : n, out, n, value,
                  plus ? fmt::format("  alloc P: {}[{}, {}]\n", out, m, n) : "", plus ? "P" : "C",
                  plus ? fmt::format("  compute C[y, x] = max(P[y, x], cast({}, 0))\n", out) : ""));
}

// What reads a tensor the other way around, along its diagonal, or at two places.
RandomProgram turned(Rng& random) {
  static constexpr const char* kReads[] = {"T[y, x]", "T[x, y]", "T[y, y]", "T[x, x]", "T[y, 0]", "T[1, x]"};
  const int64_t n = random.between(2, 5);
  // of two reads the region is a box around both, more than is read: no loops to judge intrinsics by
  const bool two = random.below(4) != 0, sums = !two && random.below(2) == 0;
  std::string value = kReads[random.below(6)];
  if (two) value += std::string(" - ") + kReads[random.below(6)];
  return parsed(fmt::format(
      "func main(A: i32[{0}, {0}], D: i32[{0}, {0}]) {{\n  alloc T: i32[{0}, {0}]\n"
      "  compute T[i, j] = {1}\n  compute D[y, x] = {2}\n}}",
      n, sums ? fmt::format("sum(A[i, k] * A[k, j], k in [0, +{}))", n) : "A[i, j] + i32(1)", value));
}

// A program that turns rows around and adds others, with something before and after it.
RandomProgram externs(Rng& random) {
  const int64_t m = random.between(2, 5), n = random.between(2, 5);
  const Tensor a = placeholder({m, n}, kI32, "A"), b = placeholder({m, n}, kI32, "B");
  const Tensor t =
      random.below(3) ? compute({m, n}, [&](Expr y, Expr x) { return a(y, x) * 2 + b(y, x); }, "T") : a;
  const auto body =
      ir::parse_func(fmt::format("func turn(X: i32[{0}, {1}], Y: i32[{0}, {1}], R: i32[{0}, {1}]) {{ for i "
                                 "in [0, +{0}) {{ for j in [0, +{1}) "
                                 "{{ R[i, j] = X[{2} - i, j] + Y[i, j] }} }} }}",
                                 m, n, m - 1));
  const Tensor r = extern_func(body.value(), {t, b})[0];
  const Tensor d =
      random.below(3) ? compute({m, n}, [&](Expr y, Expr x) { return r(y, x) - b(y, x); }, "D") : r;
  RandomProgram p{{a, b, d}, {d}, ""};
  p.text = ir::to_string(to_func(Graph::of(p.outputs), p.args));
  return p;
}

// One that is a recurrence, of those that are drawn.
RandomProgram recurrence(uint64_t seed) {
  RandomOptions options;
  options.max_points = 300, options.max_stages = 3, options.max_rank = 3, options.gathers = false;
  for (uint64_t i = 0;; ++i) {
    RandomProgram p = random_program(mix_seed(seed, 1000 + i) >> 1, options);
    const auto scans = Graph::of(p.outputs).scans;
    if (points_of(p) <= 500 && std::any_of(scans.begin(), scans.end(), [](int s) { return s >= 0; }))
      return p;
  }
}

}  // namespace

RandomProgram judged_program(uint64_t seed) {
  Rng random(mix_seed(seed, 16));
  switch (seed % 25) {
    case 3:
    case 11:
    case 23:
      return windows(random);
    case 8:
      return products(random);
    case 13:
      return externs(random);
    case 16:
      return turned(random);
    case 18:
      return recurrence(seed);
    default:
      break;
  }
  RandomOptions options;
  options.max_points = 500;
  options.max_stages = seed % 3 == 0 ? 5 : 3;
  options.max_rank = 3;
  options.gathers = false;
  for (uint64_t i = 0;; ++i) {
    const uint64_t s = mix_seed(seed, i) >> 1;
    RandomProgram p = seed % 5 == 4 ? WorkloadDice(s).roll() : random_program(s, options);
    if (points_of(p) <= 800 && (!folds_once(p) || seed % 50 == 0)) return p;
  }
}

}  // namespace tc::test::oracle
