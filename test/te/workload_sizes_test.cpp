// Workloads with sizes: ranges in their text, buckets, and what they compute at each value.
#include <fmt/format.h>

#include <cstring>

#include "op_check.h"
#include "tc/support/rng.h"
#include "tc/te/workload.h"

namespace tc::test {
namespace {

std::string canonical(const std::string& text) {
  const auto w = parse_workload(text);
  return w ? w.value().text() : w.error().code();
}
std::vector<std::string> texts(const std::vector<Workload>& all) {
  std::vector<std::string> out;
  for (const Workload& w : all) out.push_back(w.text());
  return out;
}

const char* const kSized[] = {
    "matmul m=1..5..9 n=6 k=7 dtype=f32",
    "matmul m=0..4 n=6 k=7 ta=1 dtype=i8",
    "matmul m=3 n=1..6 k=0..7 tb=1 dtype=f32",
    "matmul m=1..4 n=1..4 k=2..4 dtype=f32",
    "batch_matmul b=1..3 m=1..4 n=4 k=5 dtype=f32",
    "dense m=1..8 n=4 k=5 bias=1 act=gelu dtype=f32",
    "qmatmul m=1..7 n=5 k=7 bias=1 act=relu mul=3 shift=4 round=1",
    "conv2d n=1..3 c=4 h=5 w=6 k=6 r=3 s=3 stride=2 pad=1 groups=2 layout=nchw bias=1 act=relu dtype=f32",
    "conv2d n=1..2 c=4 h=5 w=6 k=6 r=1 s=1 dtype=f32",
    "depthwise_conv2d n=1..2 c=4 h=5 w=6 r=3 s=3 pad=1 mult=2 dtype=f32",
    "conv2d_transpose n=1..2 c=4 h=3 w=3 k=2 r=3 s=3 stride=2 pad=1 outpad=1 groups=2 dtype=f32",
    "qconv2d n=1..2 c=3 h=5 w=6 k=4 r=3 s=3 stride=2 pad=1 bias=1 shift=5",
    "qdepthwise_conv2d n=1..2 c=3 h=5 w=6 r=3 s=3 pad=1 bias=1 shift=3",
    "max_pool2d n=1..2 c=2 h=7 w=7 r=3 s=3 stride=2 pad=1 dtype=i8",
    "avg_pool2d n=1..2 c=2 h=7 w=7 r=3 s=3 stride=2 pad=1 count_include_pad=1 dtype=f32",
    "qavg_pool2d n=1..2 c=3 h=4 w=4 r=2 s=2 stride=2 shift=2",
    "global_avg_pool n=1..2 c=2 h=7 w=7 layout=nchw dtype=f32",
    "batch_norm n=1..2 c=2 h=3 w=3 dtype=f32",
    "gelu m=0..9 n=5 dtype=f32",
    "add m=1..9 n=5 rhs=5 dtype=f32",
    "clip m=1..9 n=3 low=-1 dtype=f32",
    "cast m=1..9 n=3 dtype=f32 to=i8",
    "sum m=1..9 n=7 dtype=f32",
    "mean m=1..9 n=7 axis=0 keepdims=1 dtype=f32",
    "argmax m=1..9 n=7 dtype=f32",
    "softmax m=1..3..17 n=7 dtype=f32",
    "layer_norm m=1..9 n=7 dtype=f32",
    "logsumexp m=1..9 n=7 dtype=f32",
    "cumsum m=1..9 n=4 axis=0 dtype=f32",
    "cumsum m=1..9 n=4 dtype=f32",
    "qadd m=1..9 n=4 shift=1 round=1",
    "lstm t=1..3 b=1..2 k=5 n=4 bias=1 dtype=f32",
    "gru t=3 b=1..2 k=5 n=4 dtype=f32",
};

TEST(WorkloadSizes, TextsParseToThemselves) {
  for (const char* text : kSized) {
    const auto w = parse_workload(text);
    ASSERT_TRUE(w) << text << "\n" << w.error().str();
    EXPECT_EQ(w.value().text(), text);
    EXPECT_FALSE(w.value().ranges().empty()) << text;
    for (const auto& all : {w.value().buckets(), w.value().judged()})
      for (const Workload& b : all) EXPECT_EQ(canonical(b.text()), b.text());
    for (const Workload& b : w.value().buckets()) EXPECT_EQ(texts(b.buckets()), texts({b}));
    for (const Workload& one : w.value().judged()) EXPECT_TRUE(one.ranges().empty()) << one.text();
  }
  EXPECT_EQ(canonical("matmul k=7 n=6 m=01..16..0064"), "matmul m=1..16..64 n=6 k=7 dtype=f32");
  EXPECT_EQ(canonical("add m=1..8 n=4 rhs=1x4"), "add m=1..8 n=4 rhs=1x4 dtype=f32");
}

// What a size computes is what the number in its place computes.
TEST(WorkloadSizes, ComputeWhatTheNumbersCompute) {
  for (const char* text : kSized) {
    const Workload w = workload(text);
    const WorkloadGraph sized = w.build();
    ASSERT_EQ(sized.sizes.size(), w.ranges().size());
    EXPECT_EQ(sizes_of(sized.args).size(), sized.sizes.size()) << text;
    for (const Workload& one : w.judged()) {
      const WorkloadGraph numbers = one.build();
      const auto want = make_args(numbers.args, 5), got = make_args(numbers.args, 5);
      ASSERT_EQ(evaluate(numbers.args, views_of(want)), std::nullopt) << one.text();
      const Check wrong = evaluate(sized.args, views_of(got));
      ASSERT_EQ(wrong, std::nullopt) << one.text() << "\n" << wrong->str();
      EXPECT_EQ(std::memcmp(want.back().data(), got.back().data(), want.back().bytes()), 0) << one.text();
      EXPECT_EQ(numbers.constants, sized.constants);
    }
  }
}

TEST(WorkloadSizes, BucketsAreEveryCombination) {
  EXPECT_EQ(texts(workload("matmul m=1..1..64 n=8..16..32 k=4").buckets()),
            (std::vector<std::string>{
                "matmul m=1..1 n=8..16 k=4 dtype=f32", "matmul m=1..1 n=17..32 k=4 dtype=f32",
                "matmul m=2..64 n=8..16 k=4 dtype=f32", "matmul m=2..64 n=17..32 k=4 dtype=f32"}));
  const Workload numbers = workload("matmul m=3 n=4 k=5");
  EXPECT_EQ(texts(numbers.buckets()), texts({numbers}));
  EXPECT_EQ(texts(numbers.judged()), texts({numbers}));
}

TEST(WorkloadSizes, AreJudgedAtTheEndsAndAtAnAwkwardMiddle) {
  const auto rows = [](const std::string& range) {
    std::vector<int64_t> out;
    for (const Workload& w : workload("relu m=" + range + " n=4").judged()) out.push_back(w.integer("m"));
    return out;
  };
  EXPECT_EQ(rows("17..64"), (std::vector<int64_t>{17, 41, 64}));
  EXPECT_EQ(rows("1..16..64"), (std::vector<int64_t>{1, 11, 16, 17, 41, 64}));
  EXPECT_EQ(rows("4..4"), (std::vector<int64_t>{4}));
  EXPECT_EQ(rows("4..5"), (std::vector<int64_t>{4, 5}));
  EXPECT_EQ(rows("0..2"), (std::vector<int64_t>{0, 1, 2}));
  EXPECT_EQ(texts(workload("matmul m=1..8 n=2..9 k=4").judged()),
            (std::vector<std::string>{"matmul m=1 n=2 k=4 dtype=f32", "matmul m=4 n=5 k=4 dtype=f32",
                                      "matmul m=1 n=9 k=4 dtype=f32", "matmul m=8 n=2 k=4 dtype=f32",
                                      "matmul m=8 n=9 k=4 dtype=f32"}));
}

TEST(WorkloadSizes, WorkIsTheMeanOfTheJudgedCalls) {
  const Workload w = workload("matmul m=1..8..32 n=16 k=8");
  double flops = 0, bytes = 0;
  const auto judged = w.judged();
  for (const Workload& one : judged) {
    flops += one.build().flops / static_cast<double>(judged.size());
    bytes += one.build().bytes / static_cast<double>(judged.size());
  }
  EXPECT_NEAR(w.build().flops, flops, 1e-9 * flops);
  EXPECT_NEAR(w.build().bytes, bytes, 1e-9 * bytes);
  EXPECT_EQ(w.at({100}).text(), "matmul m=100 n=16 k=8 dtype=f32");
  EXPECT_EQ(w.build().sizes[0].least, 1);
  EXPECT_EQ(w.build().sizes[0].greatest, 32);
}

TEST(WorkloadSizes, ErrorsShowThePlace) {
  const struct {
    const char *text, *code, *place;
  } kCases[] = {
      {"matmul m=16..1 n=4 k=4", "workload.value", "16..^"},
      {"matmul m=1..16..16 n=4 k=4", "workload.value", "1..16..^^"},
      {"matmul m=1.. n=4 k=4", "workload.value", "1..^"},
      {"matmul m=..4 n=4 k=4", "workload.value", "^"},
      {"matmul m=1...4 n=4 k=4", "workload.value", "1..^^"},
      {"matmul m=1..four n=4 k=4", "workload.value", "1..^^^^"},
      {"matmul m=-1..4 n=4 k=4", "workload.value", "^^"},
      {"matmul m=1..2147483648 n=4 k=4", "workload.value", ""},
      {"dense m=1..4 n=1..4 k=4", "workload.value", "^^^^"},
      {"conv2d n=1 c=4 h=1..8 w=8 k=4 r=3 s=3", "workload.value", "^^^^"},
      {"transpose m=1..4 n=4", "workload.value", "^^^^"},
      {"relu shape=1..4x4", "workload.value", ""},
      {"matmul m=1..4 n=4 k=4 ta=0..1", "workload.value", ""},
      {"batch_matmul b=1..2 m=1..2 n=1..2 k=1..2", "workload.value", "^^^^^^"},
      {"matmul m=1..2..3..4..5..6..7..8..9 n=1..2..3..4..5..6..7..8..9..10 k=4", "workload.value", "^^^"},
      {"matmul m=1..2000000000 n=2000 k=4", "workload.size", ""},
      {"argmax m=0..4 n=4 axis=0", "te.op.empty", ""},
  };
  for (const auto& c : kCases) {
    const auto w = parse_workload(c.text);
    ASSERT_FALSE(w) << c.text;
    EXPECT_EQ(w.error().code(), c.code) << w.error().str();
    const std::string place = c.place;
    const size_t carets = std::min(place.find('^'), place.size());
    EXPECT_NE(w.error().str().find(place.substr(carets)), std::string::npos) << w.error().str();
    EXPECT_NE(w.error().str().find("fix"), std::string::npos) << w.error().str();
  }
  std::string many = "relu n=4 m=1";
  for (int i = 2; i < 70; ++i) many += fmt::format("..{}", i);
  EXPECT_EQ(canonical(many), "workload.value");
  EXPECT_EQ(canonical("graph: func main(a0: f32[n], a1: f32[n]) { compute a1[i] = a0[i] }"),
            "te.shape.symbolic");
}

TEST(WorkloadSizes, MutatedRangesAreParsedOrRefused) {
  Rng random(11);
  const std::string alphabet = "0123456789..=x -mnkb";
  const auto below = [&](size_t n) {
    return static_cast<size_t>(random.between(0, static_cast<int64_t>(n) - 1));
  };
  int sized = 0;
  for (int i = 0; i < 4000; ++i) {
    std::string text = kSized[below(std::size(kSized))];
    for (int64_t n = random.between(1, 3); n > 0; --n) {
      const size_t dots = text.find("..");
      const size_t near = dots == std::string::npos ? below(text.size()) : dots - 3 + below(8);
      const size_t at = std::min(near, text.size() - 1);
      const std::string c(1, alphabet[below(alphabet.size())]);
      if (random.between(0, 1) == 0)
        text.replace(at, 1, c);
      else
        text.insert(at, c);
    }
    const auto w = parse_workload(text);
    if (!w) {
      EXPECT_NE(w.error().kind(), ErrorKind::internal) << text << "\n" << w.error().str();
      continue;
    }
    EXPECT_EQ(canonical(w.value().text()), w.value().text()) << text;
    const auto buckets = w.value().buckets();
    EXPECT_LE(buckets.size(), Workload::kMaxBuckets);
    sized += !w.value().ranges().empty();
    for (const auto& all : {buckets, w.value().judged()})
      for (const Workload& one : all) EXPECT_EQ(canonical(one.text()), one.text()) << text;
  }
  EXPECT_GT(sized, 200);
}

}  // namespace
}  // namespace tc::test
