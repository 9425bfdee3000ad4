#include "tc/te/workload.h"

#include <fmt/format.h>

#include "op_check.h"
#include "tc/support/rng.h"

namespace tc::test {
namespace {

std::string canonical(const std::string& text) {
  const auto w = parse_workload(text);
  return w ? w.value().text() : w.error().code();
}
const Error& error_of(const Expected<Workload>& w) {
  static const Error kNone("none", "");
  return w ? kNone : w.error();
}

const char* const kOneOfEach[] = {
    "qmatmul m=3 n=5 k=7 bias=1 act=relu mul=3 shift=4 round=1",
    "qconv2d n=1 c=3 h=5 w=6 k=4 r=3 s=3 stride=2 pad=1 bias=1 shift=5 low=-100 high=100",
    "qdepthwise_conv2d n=1 c=3 h=5 w=6 r=3 s=3 pad=1 layout=nchw bias=1 shift=3",
    "qavg_pool2d n=1 c=3 h=4 w=4 r=2 s=2 stride=2 shift=2",
    "qadd m=3 n=4 shift=1 round=1",
    "matmul m=3 n=5 k=7 dtype=f32",
    "matmul m=3 n=5 k=7 ta=1 tb=1 dtype=u8 wdtype=i8",
    "batch_matmul b=2 m=3 n=4 k=5 tb=1 dtype=f32",
    "dense m=3 n=4 k=5 bias=1 act=gelu dtype=f32",
    "conv2d n=1 c=4 h=5 w=6 k=6 r=3 s=3 stride=2 pad=1x0x2x1 dilation=1x2 groups=2 layout=nchw bias=1 "
    "act=relu dtype=f32",
    "conv2d n=1 c=3 h=5 w=5 k=2 r=3 s=3 pad=1 dtype=i8",
    "depthwise_conv2d n=1 c=4 h=5 w=6 r=3 s=3 pad=1 mult=2 dtype=f32",
    "conv2d_transpose n=1 c=4 h=3 w=3 k=2 r=3 s=3 stride=2 pad=1 outpad=1 groups=2 dtype=f32",
    "max_pool2d n=1 c=2 h=7 w=7 r=3 s=3 stride=2 pad=1 dtype=i8",
    "avg_pool2d n=1 c=2 h=7 w=7 r=3 s=3 stride=2 pad=1 count_include_pad=1 dtype=f32",
    "global_avg_pool n=1 c=2 h=7 w=7 layout=nchw dtype=f32",
    "batch_norm n=1 c=2 h=3 w=3 dtype=f32",
    "exp m=3 n=5 dtype=f64",
    "gelu shape=3x4x5 dtype=f32",
    "relu shape=7 dtype=i8",
    "add shape=2x3x4 rhs=4 dtype=f32",
    "div m=2 n=3 dtype=i32",
    "pow m=2 n=3 dtype=f32",
    "clip m=2 n=3 low=-1 dtype=f32",
    "cast m=2 n=3 dtype=f32 to=i8",
    "sum m=5 n=7 axis=0 dtype=f32",
    "mean shape=2x3x4 axis=0x2 keepdims=1 dtype=f32",
    "argmax m=5 n=7 axis=0 dtype=f32 index=i32",
    "softmax m=3 n=7 dtype=f32",
    "log_softmax shape=2x3x4 axis=1 dtype=f32",
    "layer_norm shape=2x3x4 axes=2 dtype=f32",
    "variance m=5 n=7 axis=0 dtype=f32",
    "logsumexp m=5 n=7 axis=0x1 dtype=f32",
    "cumsum shape=2x3x4 axis=1 dtype=i8",
    "lstm t=3 b=2 k=5 n=4 bias=1 dtype=f32",
    "gru t=3 b=2 k=5 n=4 dtype=f32",
    "transpose m=3 n=5 dtype=f32",
    "transpose shape=2x3x4 perm=0x2x1 dtype=f32",
    "reshape m=3 n=4 to=2x6 dtype=f32",
    "concat m=3 n=4 axis=1 count=3 dtype=f32",
    "pad m=3 n=4 before=1 after=0x2 value=-1 dtype=f32",
    "gather m=10 n=4 k=3 dtype=f32",
};

TEST(Workload, CanonicalTextsParseToThemselvesAndRun) {
  for (const char* text : kOneOfEach) {
    const auto w = parse_workload(text);
    ASSERT_TRUE(w) << w.error().str();
    EXPECT_EQ(w.value().text(), text);
    const WorkloadGraph g = w.value().build();
    EXPECT_GT(g.bytes, 0) << text;
    for (const int c : g.constants) EXPECT_TRUE(g.args[static_cast<size_t>(c)].op().is_placeholder());
    (void)run(g.args);
    const auto graph = Workload::from_graph(g.args);
    ASSERT_TRUE(graph) << graph.error().str();
    EXPECT_EQ(canonical(graph.value().text()), graph.value().text());
  }
}

TEST(Workload, EveryRowOfTheTableIsTried) {
  for (const WorkloadOp& op : workload_table()) {
    std::string text(op.name);
    for (const WorkloadKey& key : op.keys) {
      const bool given = key.required || key.name == "m" || key.name == "n";
      if (given)
        text += fmt::format(" {}={}", key.name,
                            key.kind == KeyKind::list    ? "2x8"
                            : key.kind == KeyKind::dtype ? "f64"
                                                         : "4");
    }
    const auto w = parse_workload(text);
    ASSERT_TRUE(w) << w.error().str();
    EXPECT_EQ(canonical(w.value().text()), w.value().text());
  }
}

TEST(Workload, TwoSpellingsHaveOneText) {
  EXPECT_EQ(canonical("  matmul k=7   n=5 m=3 "), "matmul m=3 n=5 k=7 dtype=f32");
  EXPECT_EQ(canonical("matmul m=3 n=5 k=7 dtype=float32 ta=0 out=f32 wdtype=f32"),
            "matmul m=3 n=5 k=7 dtype=f32");
  EXPECT_EQ(canonical("matmul m=3 n=5 k=7 dtype=i8 out=i32"), "matmul m=3 n=5 k=7 dtype=i8");
  EXPECT_EQ(canonical("matmul m=03 n=5 k=7"), "matmul m=3 n=5 k=7 dtype=f32");
  EXPECT_EQ(canonical("conv2d n=1 c=4 h=5 w=5 k=4 r=3 s=3 stride=2x2 pad=1x1x1x1 dilation=1x1 groups=1 "
                      "layout=nhwc act=none bias=0"),
            "conv2d n=1 c=4 h=5 w=5 k=4 r=3 s=3 stride=2 pad=1 dtype=f32");
  EXPECT_EQ(canonical("conv2d n=1 c=4 h=5 w=5 k=4 r=3 s=3 stride=1 pad=1x2x1x2"),
            "conv2d n=1 c=4 h=5 w=5 k=4 r=3 s=3 pad=1x2 dtype=f32");
  EXPECT_EQ(canonical("sum shape=5x7 axis=-1"), "sum m=5 n=7 dtype=f32");
  EXPECT_EQ(canonical("sum shape=5x7x2 axis=-1x0"), "sum shape=5x7x2 axis=0x2 dtype=f32");
  EXPECT_EQ(canonical("sum m=5 n=7 axis=1"), "sum m=5 n=7 dtype=f32");
  EXPECT_EQ(canonical("add m=5 n=7 rhs=5x7"), "add m=5 n=7 dtype=f32");
  EXPECT_EQ(canonical("transpose m=5 n=7 perm=-1x0"), "transpose m=5 n=7 dtype=f32");
  EXPECT_EQ(canonical("reshape m=3 n=4 to=-1x6"), "reshape m=3 n=4 to=2x6 dtype=f32");
  EXPECT_EQ(canonical("pad m=3 n=4 before=2x2"), "pad m=3 n=4 before=2 dtype=f32");
}

TEST(Workload, KnowsItsWorkAndItsConstants) {
  const WorkloadGraph g = parse_workload("matmul m=64 n=32 k=16").value().build();
  EXPECT_EQ(g.flops, 2.0 * 64 * 32 * 16);
  EXPECT_EQ(g.bytes, 4.0 * (64 * 16 + 16 * 32 + 64 * 32));
  EXPECT_EQ(g.constants, std::vector<int>{1});
  const WorkloadGraph c =
      parse_workload("conv2d n=1 c=64 h=56 w=56 k=64 r=3 s=3 pad=1 bias=1 act=relu").value().build();
  EXPECT_EQ(c.flops, 2.0 * 56 * 56 * 64 * 64 * 9 + 2.0 * 56 * 56 * 64);  // padding costs nothing
  EXPECT_EQ(c.constants, (std::vector<int>{1, 2}));
  EXPECT_EQ(c.args.size(), 4u);
  EXPECT_TRUE(parse_workload("batch_matmul b=2 m=3 n=4 k=5").value().build().constants.empty());
}

TEST(Workload, ErrorsShowThePlace) {
  const struct {
    const char *text, *code, *fix;
  } kCases[] = {
      {"", "workload.syntax", ""},
      {"   ", "workload.syntax", ""},
      {"m=3", "workload.syntax", ""},
      {"mtmul m=3", "workload.operator", "did you mean matmul?"},
      {"conv3d n=1", "workload.operator", "did you mean conv2d?"},
      {"zzzzzzzzzzz", "workload.operator", "use one of the operators listed"},
      {"matmul m=3 n=4 kk=5", "workload.key", "did you mean k?"},
      {"matmul m=3 n=4", "workload.missing", "add k="},
      {"matmul m=3 n=4 k=5 k=5", "workload.duplicate", "keep one of them"},
      {"matmul m=3 n=4 k", "workload.syntax", ""},
      {"matmul m=3 n=4 =5", "workload.syntax", ""},
      {"matmul m=3 n=4 k=", "workload.value", "write e.g. k=64"},
      {"matmul m=3 n=4 k=-1", "workload.value", ""},
      {"matmul m=3 n=4 k=2147483648", "workload.value", ""},
      {"matmul m=3 n=4 k=99999999999999999999999", "workload.value", ""},
      {"matmul m=3 n=4 k=1.5", "workload.value", ""},
      {"matmul m=3 n=4 k=5 dtype=f31", "workload.value", ""},
      {"matmul m=3 n=4 k=5 dtype=bool", "workload.value", ""},
      {"matmul m=3 n=4 k=5 dtype=f32 wdtype=f64", "te.op.dtype", ""},
      {"matmul m=200000000 n=200000000 k=1", "workload.size", ""},
      {"matmul m=2147483647 n=2147483647 k=2147483647 dtype=f64", "te.shape.overflow", ""},
      {"conv2d n=1 c=4 h=5 w=5 k=4 r=3 s=3 pad=1x2x3", "workload.value", ""},
      {"conv2d n=1 c=4 h=5 w=5 k=4 r=0 s=3", "workload.value", ""},
      {"conv2d n=1 c=4 h=1 w=5 k=4 r=3 s=3", "te.op.shape", ""},
      {"conv2d n=1 c=4 h=5 w=5 k=4 r=3 s=3 groups=3", "te.op.attr", ""},
      {"conv2d n=1 c=4 h=5 w=5 k=4 r=3 s=3 layout=nwhc", "workload.value", ""},
      {"conv2d_transpose n=1 c=4 h=5 w=5 k=5 r=3 s=3 groups=2", "te.op.attr", ""},
      {"exp", "workload.missing", "add m="},
      {"exp m=3", "workload.missing", "add n="},
      {"exp m=3 n=4 shape=3x4", "workload.value", ""},
      {"exp shape=3x", "workload.value", ""},
      {"exp shape=x3", "workload.value", ""},
      {"exp shape=1x1x1x1x1x1x1x1x1", "workload.value", ""},
      {"exp shape=3x-4x5", "workload.value", ""},
      {"exp m=3 n=4 dtype=i32", "workload.value", ""},
      {"sum m=3 n=4 axis=2", "te.op.axis", ""},
      {"sum m=3 n=4 axis=1x1", "te.op.axis", ""},
      {"argmax m=3 n=0", "te.op.empty", ""},
      {"concat m=3 n=4 count=65", "workload.value", ""},
      {"pad m=3 n=4 before=1x2x3", "workload.value", ""},
      {"matmul\tm=3", "workload.syntax", ""},
      {"graph:", "ir.parse", ""},
      {"graph: func main(", "ir.parse", ""},
      {"graph: func main(a: f32[4]) { a[0] = 1.0 }", "te.func.form", ""},
  };
  for (const auto& c : kCases) {
    const auto w = parse_workload(c.text);
    EXPECT_EQ(error_of(w).code(), c.code) << c.text << "\n" << error_of(w).str();
    if (*c.fix) {
      EXPECT_EQ(error_of(w).how_to_fix(), c.fix) << c.text;
    }
  }
  EXPECT_EQ(error_of(parse_workload("matmul m=3 n=4 kk=5")).str(),
            "error[workload.key]: matmul has no such key\n"
            "  keys  m n k ta tb dtype wdtype out\n"
            "    matmul m=3 n=4 kk=5\n"
            "                   ^^\n"
            "  fix   did you mean k?");
  EXPECT_EQ(error_of(parse_workload(std::string(5000, 'a'))).code(), "workload.size");
  EXPECT_EQ(error_of(parse_workload("matmul " + std::string(4000, 'a'))).code(), "workload.syntax");
}

TEST(Workload, HelpListsEveryOperatorAndKey) {
  const std::string help = workload_help();
  for (const WorkloadOp& op : workload_table())
    EXPECT_NE(help.find(std::string(op.name) + ": "), std::string::npos);
  EXPECT_NE(help.find("  pad                one number, vertical x horizontal, or top x left x bottom x "
                      "right (integers joined by x; default 0)"),
            std::string::npos)
      << help;
}

TEST(Workload, GraphsThatDifferInNamesAloneHaveOneText) {
  const auto make = [](const char* a, const char* axis) {
    const Tensor x = placeholder({4, 5}, kF32, a);
    const ReduceAxis k = reduce_axis(0, 5, axis);
    const Tensor t = compute({4}, [&](Expr i) { return sum(x(i, k), k); }, "T", {axis});
    return Workload::from_graph({x, compute({4}, [&](Expr i) { return t(i) * 2; }, "U")}).value().text();
  };
  EXPECT_EQ(make("A", "k"), make("other", "q"));
  EXPECT_EQ(make("A", "k"),
            "graph: func main(a0: f32[4, 5], a1: f32[4]) { alloc t0: f32[4] compute t0[i0] = sum(a0[i0, k0], "
            "k0 in [0, +5)) "
            "compute a1[i0] = t0[i0] * 2.0 }");
}

// Texts near to legal ones: nothing may crash, and what parses is canonical.
TEST(Workload, MutatedTextsAreParsedOrRefused) {
  Rng random(7);
  std::vector<std::string> seeds(std::begin(kOneOfEach), std::end(kOneOfEach));
  for (const char* text : kOneOfEach)
    seeds.push_back(Workload::from_graph(parse_workload(text).value().build().args).value().text());
  const std::string alphabet = "abcdefgkmnrsx0123456789=-. :[](){}+*,\"\n\xff";
  int parsed = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text = seeds[static_cast<size_t>(random.between(0, static_cast<int64_t>(seeds.size()) - 1))];
    for (int64_t n = random.between(1, 4); n > 0 && !text.empty(); --n) {
      const auto at = static_cast<size_t>(random.between(0, static_cast<int64_t>(text.size()) - 1));
      const char c =
          alphabet[static_cast<size_t>(random.between(0, static_cast<int64_t>(alphabet.size()) - 1))];
      switch (random.between(0, 4)) {
        case 0:
          text[at] = c;
          break;
        case 1:
          text.insert(at, 1, c);
          break;
        case 2:
          text.erase(at, 1);
          break;
        case 3:
          text.insert(
              at,
              text.substr(static_cast<size_t>(random.between(0, static_cast<int64_t>(text.size()) - 1)), 12));
          break;
        default:
          text.resize(at);
          break;
      }
    }
    const auto w = parse_workload(text);
    if (!w) {
      EXPECT_NE(w.error().kind(), ErrorKind::internal) << text << "\n" << w.error().str();
      continue;
    }
    ++parsed;
    EXPECT_EQ(canonical(w.value().text()), w.value().text()) << text;
  }
  EXPECT_GT(parsed, 200);
}

}  // namespace
}  // namespace tc::test
