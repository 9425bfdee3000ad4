// tensorc interpret: runs the text of a function on generated inputs in the reference
// interpreter, with all its checks, and says who wrote an element.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "declare.h"
#include "inputs.h"
#include "output.h"
#include "tc/ir/interpret.h"
#include "tc/ir/parse.h"
#include "tc/ir/traverse.h"
#include "tc/ir/verify.h"
#include "tc/support/rng.h"
#include "tc/te/evaluate.h"

namespace tc::cli {
namespace {

constexpr size_t kMaxText = size_t{16} << 20;
constexpr int64_t kShown = 8;  // elements of an output

struct Options {
  std::string file, watch;
  uint64_t seed = 0;
  int64_t max_writes = 1000;
};

// "C[3, 4]", or "s[]" of no dimensions.
ir::Watch parse_watch(const std::string& text) {
  const auto refuse = [&] {
    return Error("cli.watch", fmt::format("`{}` names no element", text))
        .fix("name a buffer and an index, e.g. --watch \"C[3, 4]\"");
  };
  const size_t open = text.find('[');
  TC_REQUIRE(open != std::string::npos && open > 0 && text.back() == ']', refuse());
  ir::Watch out;
  out.buffer = text.substr(0, open);
  const char *at = text.data() + open + 1, *const end = text.data() + text.size() - 1;
  const auto skip = [&] { at = std::find_if(at, end, [](char c) { return c != ' '; }); };
  for (skip(); at != end; skip()) {
    int64_t n = 0;
    const auto [p, error] = std::from_chars(at, end, n);
    TC_REQUIRE(error == std::errc(), refuse());
    out.index.push_back(n);
    at = p;
    skip();
    if (at == end) break;
    TC_REQUIRE(*at == ',' && at + 1 != end, refuse());
    ++at;
  }
  return out;
}

struct Argument {
  std::string name;
  bool is_output;
  HostTensor tensor;
};

// Inputs hold small integers. Of what the function stores to nothing is given.
std::vector<Argument> make_arguments(const ir::Func& f, uint64_t seed) {
  std::set<const ir::Buffer*> stored;
  ir::walk_all(*f.body, [&](const ir::Node& n) {
    if (n.kind == ir::Kind::Store) stored.insert(static_cast<const ir::Store&>(n).buffer.get());
    if (n.kind == ir::Kind::Compute)
      for (const BufferRef& b : static_cast<const ir::Compute&>(n).buffers) stored.insert(b.get());
  });
  double bytes = 0;
  std::vector<std::vector<int64_t>> shapes;
  for (const BufferRef& b : f.params) {
    std::vector<int64_t>& shape = shapes.emplace_back();
    double size = b->type.bytes();
    for (const Expr& e : b->shape) {
      const auto n = ir::as_int(e);
      TC_REQUIRE(n, Error("cli.shape", fmt::format("the shape of {} is not constant", b->name))
                        .fix("write numbers in the place of its extents"));
      shape.push_back(*n);
      size *= static_cast<double>(*n);
    }
    bytes += 9 * size;  // with what the interpreter notes of each element
  }
  require_memory(bytes);
  Rng random(seed * 0x9e3779b97f4a7c15ull + 1);
  std::vector<Argument> out;
  for (size_t i = 0; i < shapes.size(); ++i) {
    const ir::Buffer& b = *f.params[i];
    out.push_back({b.name, stored.count(&b) != 0, HostTensor(b.type, shapes[i])});
    if (out.back().is_output) continue;
    const bool sign = b.type.is_float() || b.type.is_signed();
    for (int64_t n = 0; n < out.back().tensor.size(); ++n)
      out.back().tensor.set(n, static_cast<double>(random.between(sign ? -4 : 0, 4)));
  }
  return out;
}

std::string line_of(const ir::Write& w) {
  std::string loops;
  for (const auto& [name, value] : w.loops)
    loops += fmt::format("{}{} = {}", loops.empty() ? "" : ", ", name, value);
  return fmt::format("{:>12}  {}{}{}\n", ir::to_string(w.value), w.statement,
                     w.lane < 0 ? "" : fmt::format("  lane {}", w.lane),
                     loops.empty() ? "" : "  at " + loops);
}

Json json_of(const ir::Watch& w) {
  Json writes = Json::array();
  for (const ir::Write& one : w.writes) {
    Json loops = Json::object();
    for (const auto& [name, value] : one.loops) loops[name] = value;
    writes.push_back(
        {{"value", one.value.as_double()}, {"statement", one.statement}, {"loops", std::move(loops)}});
    if (one.lane >= 0) writes.back()["lane"] = one.lane;
  }
  return {{"buffer", w.buffer}, {"index", w.index}, {"count", w.count}, {"writes", std::move(writes)}};
}

int run(const Options& o, bool json) {
  const FuncRef f = ir::parse_func(read_file(o.file, kMaxText), o.file).value();
  if (ir::verify(f, ir::Form::te))
    if (const Check error = ir::verify(f, ir::Form::nested)) throw *error;
  ir::Watch watch;
  if (!o.watch.empty()) watch = parse_watch(o.watch);
  watch.max_writes = o.max_writes;
  const std::vector<Argument> arguments = make_arguments(*f, o.seed);
  std::vector<ir::TensorView> views;
  for (const Argument& a : arguments) views.push_back(a.tensor.view());
  ir::InterpretOptions options;
  if (!o.watch.empty()) options.watch = &watch;
  if (const Check error = ir::interpret(f, views, options)) throw *error;

  std::string text;
  Json outputs = Json::object();
  for (const Argument& a : arguments) {
    if (!a.is_output) continue;
    std::vector<double> first;
    for (int64_t i = 0; i < std::min(kShown, a.tensor.size()); ++i) first.push_back(a.tensor.get(i));
    text += fmt::format("{} [{}]: {}{}\n", a.name, fmt::join(a.tensor.shape(), ", "), fmt::join(first, " "),
                        a.tensor.size() > kShown ? " ..." : "");
    outputs[a.name] = {{"shape", a.tensor.shape()}, {"first", first}};
  }
  if (json) {
    Json out = {{"outputs", std::move(outputs)}};
    if (!o.watch.empty()) out["watch"] = json_of(watch);
    print_json(out);
    return kDone;
  }
  if (o.watch.empty()) {
    print(text);
    return kDone;
  }
  print(fmt::format("{}[{}] is written {} time{}\n", watch.buffer, fmt::join(watch.index, ", "), watch.count,
                    watch.count == 1 ? "" : "s"));
  for (const ir::Write& w : watch.writes) print(line_of(w));
  if (watch.count > static_cast<int64_t>(watch.writes.size()))
    note(fmt::format("the first {} of {}; --max-writes shows more", watch.writes.size(), watch.count));
  return kDone;
}

}  // namespace

void add_interpret(CLI::App& app, Call& call) {
  add_command<Options>(
      app, call, "interpret", "Run a function's text in the checking interpreter; say who wrote an element",
      [](CLI::App& sub, Options& o) {
        sub.add_option("FILE", o.file, "The function; - reads standard input")->required();
        sub.add_option("--watch", o.watch, "List each write of this element, e.g. \"C[3, 4]\"");
        sub.add_option("--max-writes", o.max_writes, "Of which as many are listed")
            ->check(CLI::Range(0, 1'000'000));
        sub.add_option("--seed", o.seed, "Of the inputs, which are small integers");
      },
      run);
}

}  // namespace tc::cli
