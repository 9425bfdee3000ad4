// Small instances of the operator library, as programs: what people schedule.
// Only operators whose results are exact on small integers, whatever the order of
// their sums; so no means and no transcendental functions.
#pragma once
#include "tc/te/workload.h"
#include "te/random_te.h"

namespace tc::test {

class WorkloadDice {
 public:
  /// With `integers`, elements are bytes mostly: what the accelerator takes.
  explicit WorkloadDice(uint64_t seed, bool integers = false) : random_(seed * 4 + 3), integers_(integers) {}

  /// A random operator; sizes that do not go together are drawn again.
  RandomProgram roll() {
    for (;;) {
      const std::string text = draw();
      const auto w = parse_workload(text);
      if (!w) continue;
      const WorkloadGraph g = w.value().build();
      RandomProgram p{g.args, g.outputs, ""};
      p.text = fmt::format("// {}\n{}", w.value().text(), ir::to_string(to_func(g.graph, g.args)));
      return p;
    }
  }

 private:
  int64_t below(int64_t n) { return random_.between(0, n - 1); }
  std::string one(std::initializer_list<const char*> words) {
    return words.begin()[below(static_cast<int64_t>(words.size()))];
  }
  std::string size() { return one({"1", "2", "3", "4", "5", "7", "8", "9"}); }
  std::string small() { return one({"1", "1", "2", "2", "3"}); }
  std::string sizes(std::initializer_list<const char*> keys) {
    std::string out;
    for (const char* k : keys) out += fmt::format(" {}={}", k, size());
    return out;
  }
  std::string shape() {
    std::string out = size();
    for (int64_t n = below(3); n > 0; --n) out += "x" + one({"1", "2", "3", "5", "8"});
    return " shape=" + out;
  }
  std::string product_type() {
    if (integers_ && below(8)) return " dtype=i8";
    return one({" dtype=f32", " dtype=f32", " dtype=f32", " dtype=f64", " dtype=i8", " dtype=u8 wdtype=i8",
                " dtype=i32", " dtype=f16", " dtype=bf16"});
  }
  std::string number_type() {
    if (integers_ && below(8)) return one({" dtype=i8", " dtype=i8", " dtype=i32"});
    return one({" dtype=f32", " dtype=f32", " dtype=f64", " dtype=i8", " dtype=u8", " dtype=i32",
                " dtype=i64", " dtype=f16"});
  }
  std::string image() {
    return fmt::format(" n={} c={} h={} w={} layout={}", small(), size(), size(), size(),
                       one({"nhwc", "nchw"}));
  }
  std::string window() {
    return fmt::format(" r={} s={} stride={} pad={}", small(), small(), one({"1", "1", "2", "2x1"}),
                       one({"0", "1", "1", "0x1", "1x0x0x1"}));
  }

  std::string requantize() {
    return fmt::format(" shift={} round={} mul={}", below(9), below(2), one({"1", "1", "3", "-2"})) +
           one({"", "", " act=relu", " low=-5 high=90"});
  }
  std::string quantized() {
    switch (below(5)) {
      case 0:
        return "qmatmul" + sizes({"m", "n", "k"}) + one({"", " bias=1"}) + requantize();
      case 1:
        return "qconv2d" + image() + " k=" + size() + window() + one({"", " bias=1"}) + requantize();
      case 2:
        return "qdepthwise_conv2d" + image() + window() + one({"", " bias=1"}) + requantize();
      case 3:
        return "qavg_pool2d" + image() + window() + requantize();
      default:
        return "qadd" + shape() + requantize();
    }
  }

  std::string draw() {
    if (below(integers_ ? 2 : 14) == 0) return quantized();
    switch (below(14)) {
      case 0:
      case 1:
        return "matmul" + sizes({"m", "n", "k"}) + one({"", "", " ta=1", " tb=1"}) + product_type();
      case 2:
        return "batch_matmul" + sizes({"b", "m", "n", "k"}) + one({"", " tb=1"}) + product_type();
      case 3:
        return "dense" + sizes({"m", "n", "k"}) + one({"", " bias=1", " bias=1 act=relu"}) + product_type();
      case 4:
      case 5:
        return "conv2d" + image() + " k=" + size() + window() + one({"", " dilation=2", " groups=2"}) +
               one({"", " bias=1", " bias=1 act=relu"}) + product_type();
      case 6:
        return "depthwise_conv2d" + image() + window() + one({"", " mult=2", " dilation=2"}) +
               one({"", " bias=1 act=relu"}) + product_type();
      case 7:
        return "conv2d_transpose" + image() + " k=" + small() + window() + one({"", " outpad=1"}) +
               product_type();
      case 8:
        return "max_pool2d" + image() + window() + number_type();
      case 9:
        return one({"add", "mul", "maximum", "sub"}) + shape() + number_type();
      case 10:
        if (below(4) == 0) return "cumsum" + shape() + one({"", " axis=0"}) + number_type();
        return one({"sum", "max", "min", "argmax", "argmin"}) + shape() +
               one({"", " axis=0", " keepdims=1"}) + number_type();
      case 11:
        return "concat" + shape() + one({"", " axis=-1", " count=3"}) + number_type();
      case 12:
        return "pad" + shape() + fmt::format(" before={} after={} value={}", below(3), below(3), below(2)) +
               number_type();
      default:
        return one({"transpose", "relu", "abs"}) + shape() + number_type();
    }
  }

  Rng random_;
  bool integers_;
};

}  // namespace tc::test
