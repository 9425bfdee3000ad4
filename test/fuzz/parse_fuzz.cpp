// Mutated text for everything that is read from text: IR, tensor expressions,
// schedules, workloads, intrinsics. All of it must be taken or refused with an Error,
// within bounds of time and memory; what is taken must print and parse back to the
// same thing, and a schedule that is taken must lower.
//
//   parse_fuzz CORPUS-FOLDER... [--count N | --seconds S] [--seed SEED] [--first N] [--show]
//
// Case N of a seed is the same on every machine for the same corpus; a failure
// prints both. --show prints the text of each case before it is tried.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "fuzz/mutate.h"
#include "tc/ir/equal.h"
#include "tc/ir/parse.h"
#include "tc/ir/print.h"
#include "tc/ir/traverse.h"
#include "tc/ir/verify.h"
#include "tc/schedule/intrinsic.h"
#include "tc/schedule/lower.h"
#include "tc/te/workload.h"

// A report of a sanitizer ends in SIGABRT, where the case is named.
extern "C" const char* __asan_default_options() { return "abort_on_error=1:allocator_may_return_null=1"; }
extern "C" const char* __ubsan_default_options() { return "abort_on_error=1:print_stacktrace=1"; }

namespace tc::test {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kSecondsPerCase = 20;

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

void require(bool condition, const char* what) {
  if (!condition) throw std::runtime_error(what);
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

struct Case {
  const char* kind;
  std::string text, steps;
};

std::string draw(Rng& random, const std::vector<std::string>& from, const std::vector<std::string>& others) {
  return Mutator(random).mutate(from[random.below(from.size())], others);
}

Case draw_case(Rng& random, const Corpus& corpus) {
  switch (random.below(8)) {
    case 0:
    case 1:
    case 2:
      return {"func", draw(random, corpus.funcs, corpus.funcs), ""};
    case 3: {  // from a value of a statement on
      const std::string& f = corpus.funcs[random.below(corpus.funcs.size())];
      const size_t cut = f.find("= ");
      const std::string value = cut == std::string::npos ? f : f.substr(cut + 2, f.find('\n', cut) - cut - 2);
      return {"expr", Mutator(random).mutate(value, corpus.funcs), ""};
    }
    case 4:
    case 5: {
      Case c{"schedule", corpus.funcs[random.below(corpus.funcs.size())],
             draw(random, corpus.schedules, corpus.schedules)};
      if (random.below(2)) c.text = Mutator(random).mutate(c.text, corpus.funcs);
      return c;
    }
    case 6:
      return {"workload", draw(random, corpus.workloads, corpus.workloads), ""};
    default:
      return {"intrinsic", draw_intrinsic(random, corpus), ""};
  }
}

bool try_case(const Case& c) {
  switch (c.kind[0]) {
    case 'f':
      return try_func(c.text);
    case 'e':
      (void)try_stmt(c.text);
      return try_expr(c.text);
    case 's':
      return try_schedule(c.text, c.steps);
    case 'w':
      return try_workload(c.text);
    default:
      return try_intrinsic(c.text);
  }
}

volatile std::sig_atomic_t current_case = 0, current_seed = 0;
void stopped(int signal) {
  char text[128];
  const int n = std::snprintf(text, sizeof text, "\n%s: parse_fuzz --seed %ld --first %ld --count 1 --show\n",
                              signal == SIGALRM ? "hang" : "crash", static_cast<long>(current_seed),
                              static_cast<long>(current_case));
  (void)!write(STDERR_FILENO, text, static_cast<size_t>(n));
  std::signal(SIGABRT, SIG_DFL);
  std::abort();
}

struct Options {
  std::vector<std::string> folders;
  int64_t count = 1000, seconds = 0, seed = 1, first = 0;
  bool show = false;
};

bool parse(int argc, char** argv, Options& o) {
  for (int i = 1; i < argc; ++i) {
    const std::string key = argv[i];
    int64_t* const value = key == "--count"     ? &o.count
                           : key == "--seconds" ? &o.seconds
                           : key == "--seed"    ? &o.seed
                           : key == "--first"   ? &o.first
                                                : nullptr;
    if (key == "--show")
      o.show = true;
    else if (value && i + 1 < argc)
      *value = std::atoll(argv[++i]);
    else if (value || key.starts_with("--"))
      return false;
    else
      o.folders.push_back(key);
  }
  return !o.folders.empty();
}

int run_all(const Options& o, const Corpus& corpus) {
  struct Tally {
    const char* kind;
    int64_t taken = 0, refused = 0;
  };
  Tally tallies[] = {{"func"}, {"expr"}, {"schedule"}, {"workload"}, {"intrinsic"}};
  const auto start = std::chrono::steady_clock::now();
  const auto over = [&](int64_t i) {
    if (o.seconds == 0) return i >= o.first + o.count;
    return std::chrono::steady_clock::now() - start >= std::chrono::seconds(o.seconds);
  };
  current_seed = static_cast<std::sig_atomic_t>(o.seed);
  for (int64_t i = o.first; !over(i); ++i) {
    current_case = static_cast<std::sig_atomic_t>(i);
    alarm(kSecondsPerCase);
    Rng random(mix_seed(static_cast<uint64_t>(o.seed), static_cast<uint64_t>(i)));
    const Case c = draw_case(random, corpus);
    if (o.show) std::printf("%s\n%s\n----\n%s\n", c.kind, c.text.c_str(), c.steps.c_str());
    std::fflush(stdout);
    try {
      const bool taken = try_case(c);
      for (Tally& t : tallies)
        if (std::strcmp(t.kind, c.kind) == 0) ++(taken ? t.taken : t.refused);
    } catch (const std::exception& e) {  // an Error that was thrown and not returned, too
      std::fprintf(stderr, "case %lld of seed %lld (%s): %s\n%s\n----\n%s\n", static_cast<long long>(i),
                   static_cast<long long>(o.seed), c.kind, e.what(), c.text.c_str(), c.steps.c_str());
      return 1;
    }
  }
  for (const Tally& t : tallies)
    std::printf("%-10s %lld taken, %lld refused\n", t.kind, static_cast<long long>(t.taken),
                static_cast<long long>(t.refused));
  return 0;
}

}  // namespace
}  // namespace tc::test

int main(int argc, char** argv) {
  using namespace tc::test;
  Options o;
  if (!parse(argc, argv, o))
    return std::fprintf(
               stderr, "parse_fuzz CORPUS... [--count N | --seconds S] [--seed SEED] [--first N] [--show]\n"),
           2;
  const Corpus corpus = corpus_of(o.folders);
  if (corpus.funcs.empty() || corpus.schedules.empty() || corpus.workloads.empty())
    return std::fprintf(stderr, "the corpus needs functions, schedules and a file workloads.txt\n"), 2;
  for (const int s : {SIGALRM, SIGABRT}) std::signal(s, stopped);
  return run_all(o, corpus);
}
