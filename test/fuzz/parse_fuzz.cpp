// Mutated text for everything that is read from text: IR, tensor expressions,
// schedules, workloads, intrinsics. All of it must be taken or refused with an Error,
// within bounds of time and memory; what is taken must print and parse back to the
// same thing, and a schedule that is taken must lower.
//
//   parse_fuzz CORPUS... [--count N | --seconds S] [--seed SEED] [--first N] [--show]
//
// Case N of a seed is the same for the same corpus: files, and folders of files.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "fuzz/harness.h"
#include "fuzz/mutate.h"
#include "tc/ir/equal.h"
#include "tc/ir/parse.h"
#include "tc/ir/print.h"
#include "tc/ir/traverse.h"
#include "tc/ir/verify.h"
#include "tc/schedule/intrinsic.h"
#include "tc/schedule/lower.h"
#include "tc/te/workload.h"

namespace tc::test {
namespace {

namespace fs = std::filesystem;

/// Texts by what reads them.
struct Corpus {
  std::vector<std::string> funcs, schedules, workloads;
};

std::string contents(const fs::path& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// Cuts a file of a golden or of a case at its lines of dashes: programs and steps.
void add_file(Corpus& corpus, const fs::path& path) {
  const std::string text = contents(path);
  if (path.filename() == "workloads.txt") {
    std::stringstream lines(text);
    for (std::string line; std::getline(lines, line);)
      if (!line.empty()) corpus.workloads.push_back(line);
    corpus.workloads.insert(corpus.workloads.end(),
                            {"matmul m=1..16..64 n=8..9 k=4", "conv2d n=1..8 c=4 h=8 w=8 k=4 r=3 s=3 pad=1",
                             "lstm t=1..4 b=0..2 k=5 n=4", "add m=1..1..9 n=5 rhs=5"});
    return;
  }
  std::string piece;
  const auto flush = [&] {
    if (piece.find("func ") != std::string::npos)
      corpus.funcs.push_back(piece);
    else if (!piece.empty())
      corpus.schedules.push_back(piece);
    piece.clear();
  };
  std::stringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("----"))
      flush();
    else
      piece += line + "\n";
  flush();
}

Corpus corpus_of(const std::vector<std::string>& folders) {
  std::vector<fs::path> paths;
  for (const std::string& folder : folders) {
    if (fs::is_regular_file(folder)) paths.emplace_back(folder);
    if (!fs::is_directory(folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (entry.is_regular_file() &&
          (entry.path().extension() == ".tc" || entry.path().extension() == ".txt"))
        paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());  // the same cases whatever the file system's order
  Corpus corpus;
  for (const fs::path& p : paths) add_file(corpus, p);
  return corpus;
}

// ---- what is tried; true where the text was taken

bool try_func(const std::string& text) {
  const auto f = ir::parse_func(text);
  if (!f) return (void)f.error().str(), false;
  const std::string printed = ir::to_string(f.value());
  const auto again = ir::parse_func(printed);
  require(again.ok(), "what is printed does not parse");
  require(ir::equal(f.value(), again.value()), "a function changes in its text");
  for (const auto form : {ir::Form::te, ir::Form::nested, ir::Form::target})
    (void)ir::verify(f.value(), form);
  return true;
}

bool try_expr(const std::string& text) {
  ir::ParseScope scope;
  for (const char* name : {"x", "y", "k"}) scope.add(ir::var(name));
  for (const char* name : {"A", "B", "C"})
    scope.add(ir::buffer(name, ir::kF32, {ir::int_imm(8), ir::int_imm(16)}));
  const auto e = ir::parse_expr(text, scope);
  if (!e) return (void)e.error().str(), false;
  const auto again = ir::parse_expr(ir::to_string(e.value()), scope);
  require(again.ok(), "what is printed does not parse");
  require(ir::equal(e.value(), again.value()), "an expression changes in its text");
  return true;
}

bool try_stmt(const std::string& text) {
  const auto s = ir::parse_stmt(text);
  if (!s) return (void)s.error().str(), false;
  (void)ir::to_string(s.value());
  return true;
}

double points_of(const Graph& g) {
  double sum = 0;
  for (const auto& op : g.ops) {
    double points = 1;
    for (const Expr& e : op->shape)
      points *= static_cast<double>(std::max<int64_t>(ir::as_int(e).value_or(0), 1));
    for (const ReduceAxis& k : op->reduce_axes())
      points *= static_cast<double>(std::max<int64_t>(ir::as_int(k.extent).value_or(0), 1));
    sum += points;
  }
  return sum;
}

// A combiner that names a variable of the loops around it: verify does not see it yet.
bool has_open_combiner(const FuncRef& f) {
  bool open = false;
  ir::walk<ir::Combiner>(f, [&](const ir::Combiner& c) {
    for (const Expr& e : c.results)
      ir::walk<ir::Var>(e, [&](const ir::Var& v) {
        const auto is_own = [&](const VarRef& own) { return own.get() == &v; };
        open |= std::none_of(c.lhs.begin(), c.lhs.end(), is_own) &&
                std::none_of(c.rhs.begin(), c.rhs.end(), is_own);
      });
  });
  return open;
}

/// Applies the steps that are legal to the program, which may be none, and lowers.
bool try_schedule(const std::string& program, const std::string& steps) {
  const auto parsed = parse_steps(steps);
  if (parsed) {
    const auto again = parse_steps(to_text(parsed.value()));
    require(again.ok() && again.value() == parsed.value(), "steps change in their text");
  } else {
    (void)parsed.error().str();
  }
  const auto f = ir::parse_func(program);
  if (!f || has_open_combiner(f.value())) return false;
  const auto g = from_func(f.value());
  if (!g) return (void)g.error().str(), false;
  if (g.value().outputs.empty() || points_of(Graph::of(g.value().outputs)) > 1e12) return false;
  Schedule s(g.value().outputs);
  if (!lower(s, g.value().args)) return false;  // a size that no input has, an argument that nothing reads
  if (parsed)
    for (const Step& step : parsed.value())
      if (const Check error = s.apply(step)) (void)error->str();
  (void)s.loops();
  Schedule again(g.value().outputs);
  const auto replay = again.apply(parse_steps(s.text()).value());
  require(!replay, "a schedule does not replay from its text");
  const auto lowered = lower(s, g.value().args);
  if (!lowered) throw std::runtime_error("a legal schedule does not lower: " + lowered.error().str());
  require(!ir::verify(lowered.value().func, ir::Form::nested), "what is lowered is no nested form");
  return parsed.ok();
}

bool try_workload(const std::string& text) {
  const auto w = parse_workload(text);
  if (!w) return (void)w.error().str(), false;
  const auto again = parse_workload(w.value().text());
  require(again.ok() && again.value() == w.value(), "a workload changes in its text");
  for (const Workload& bucket : w.value().buckets()) {
    const auto parsed = parse_workload(bucket.text());
    require(parsed.ok() && parsed.value() == bucket, "a bucket changes in its text");
  }
  (void)w.value().build();
  return true;
}

const char* const kIntrinsic[] = {
    "func dot(A: i8[4], B: i8[4, 4], C: i32[4]) {\n"
    "  compute C[i] = sum(cast(i32, A[k]) * cast(i32, B[i, k]), k in [0, +4))\n}\n",
    "func update(A: i8[4], B: i8[4, 4], C: i32[4]) {\n"
    "  C[ramp(0, 1, 4)] = dot(C[ramp(0, 1, 4)], A[ramp(0, 1, 4)], B[ramp(0, 1, 16) / 4, ramp(0, 1, 16) % "
    "4])\n}\n",
    "func init(A: i8[4], B: i8[4, 4], C: i32[4]) {\n  C[ramp(0, 1, 4)] = broadcast(i32(0), 4)\n}\n"};
const char* const kNames[] = {"dot_u8_i8_16x4", "gemm_f32_6x16x1", "dot_i16_i16_8x2", "gemm_i32_1x4x3"};

/// The texts of the programs one after the other, or a name.
std::string draw_intrinsic(Rng& random, const Corpus& corpus) {
  Mutator mutator(random);
  if (random.below(4) == 0) return mutator.mutate(kNames[random.below(std::size(kNames))], corpus.schedules);
  std::string texts;
  for (const char* text : kIntrinsic)
    texts += (random.below(2) ? mutator.mutate(text, corpus.funcs) : text) + std::string("----\n");
  return texts;
}

bool try_intrinsic(const std::string& text) {
  const size_t first = text.find("----\n");
  if (first == std::string::npos) {
    const auto made = builtin_intrinsic(text);
    if (!made) (void)made.error().str();
    return made.ok();
  }
  const size_t second = std::min(text.find("----\n", first + 5), text.size());
  const size_t third = std::min(second + 5, text.size());
  const auto made = make_intrinsic("mine", text.substr(0, first), text.substr(first + 5, second - first - 5),
                                   text.size() % 2 ? text.substr(third, text.rfind("----") - third) : "");
  if (!made) (void)made.error().str();
  return made.ok();
}

std::string draw(Rng& random, const std::vector<std::string>& from, const std::vector<std::string>& others) {
  std::string text = Mutator(random).mutate(from[random.below(from.size())], others);
  if (showing()) show(text);
  return text;
}

/// From a value of a statement on; also as a statement.
bool fuzz_expr(Rng& random, const Corpus& corpus) {
  const std::string& f = corpus.funcs[random.below(corpus.funcs.size())];
  const size_t cut = f.find("= ");
  const std::string value = cut == std::string::npos ? f : f.substr(cut + 2, f.find('\n', cut) - cut - 2);
  const std::string text = draw(random, {value}, corpus.funcs);
  (void)try_stmt(text);
  return try_expr(text);
}

bool fuzz_schedule(Rng& random, const Corpus& corpus) {
  const std::string& f = corpus.funcs[random.below(corpus.funcs.size())];
  const std::string program = random.below(2) ? draw(random, {f}, corpus.funcs) : f;
  if (showing()) show(program);
  return try_schedule(program, draw(random, corpus.schedules, corpus.schedules));
}

bool fuzz_intrinsic(Rng& random, const Corpus& corpus) {
  const std::string text = draw_intrinsic(random, corpus);
  if (showing()) show(text);
  return try_intrinsic(text);
}

}  // namespace
}  // namespace tc::test

int main(int argc, char** argv) {
  using namespace tc::test;
  const FuzzOptions o = fuzz_options(argc, argv, "parse_fuzz CORPUS...");
  const Corpus corpus = corpus_of(o.rest);
  if (corpus.funcs.empty() || corpus.schedules.empty() || corpus.workloads.empty())
    return std::fprintf(stderr, "the corpus needs functions, schedules and a file workloads.txt\n"), 2;
  FuzzKind kinds[] = {
      {"func", [&](tc::Rng& r) { return try_func(draw(r, corpus.funcs, corpus.funcs)); }, 3},
      {"expr", [&](tc::Rng& r) { return fuzz_expr(r, corpus); }},
      {"schedule", [&](tc::Rng& r) { return fuzz_schedule(r, corpus); }, 2},
      {"workload", [&](tc::Rng& r) { return try_workload(draw(r, corpus.workloads, corpus.workloads)); }},
      {"intrinsic", [&](tc::Rng& r) { return fuzz_intrinsic(r, corpus); }}};
  return run_fuzz(kinds, o, "parse_fuzz CORPUS...");
}
