// The table of workloads: one row an operator, its keys with their defaults,
// and how it is built. Nothing else in tc lists operators by name.
#include <fmt/format.h>

#include "tc/te/ops_quantized.h"
#include "tc/te/workload.h"

namespace tc {
namespace {

constexpr std::string_view kFloats = "f32 f64 f16 bf16";
constexpr std::string_view kNumbers = "f32 f64 f16 bf16 i8 i16 i32 i64 u8 u16 u32 u64";
constexpr std::string_view kActs = "none relu gelu sigmoid tanh";

using Keys = std::vector<WorkloadKey>;

Keys operator+(Keys a, const Keys& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

WorkloadKey need(std::string_view name, std::string_view doc, KeyKind kind = KeyKind::extent) {
  return {name, kind, "", doc, true, {}};
}
// A key that may be a range.
WorkloadKey sized(WorkloadKey key) {
  key.sized = true;
  return key;
}
WorkloadKey flag(std::string_view name, std::string_view doc) {
  return {name, KeyKind::flag, "0", doc, false, {}};
}
WorkloadKey list(std::string_view name, std::string_view fallback, std::string_view doc) {
  return {name, KeyKind::list, fallback, doc, false, {}};
}
WorkloadKey dtype_key(std::string_view choices) {
  return {"dtype", KeyKind::dtype, "f32", "element type of the first input", false, choices};
}
WorkloadKey act_key() { return {"act", KeyKind::choice, "none", "activation of the output", false, kActs}; }

// Types of products: what the second operand and the sums have.
Keys product_types() {
  return {
      dtype_key(kNumbers),
      {"wdtype", KeyKind::dtype, "",
       "element type of the second input; default dtype; i8 with u8 and u8 with i8 go as well", false,
       kNumbers},
      {"out", KeyKind::dtype, "",
       "type of sums and output; default i32 for integers of up to 16 bits, f32 for f16 and bf16, else dtype",
       false, kNumbers}};
}
// Operators of any shape take m and n, or a shape.
Keys any_shape(bool sized_rows = true) {
  return {{"m", KeyKind::extent, "", "rows; with n, instead of shape", false, {}, sized_rows},
          {"n", KeyKind::extent, "", "columns", false, {}},
          list("shape", "", "extents of the input, e.g. 4x5x6; MxN is m=M n=N")};
}
Keys image() {
  return {sized(need("n", "images")), need("c", "channels"), need("h", "height"), need("w", "width")};
}
Keys layout() { return {{"layout", KeyKind::choice, "nhwc", "order of the dimensions", false, "nhwc nchw"}}; }

Shape shape_of(const Workload& w, const WorkloadGraph& g) {
  return w.has("m") ? Shape{w.extent("m", g), w.integer("n")} : Shape(w.list("shape"));
}
Tensor input(const Workload& w, const Shape& shape, std::string name = "X") {
  return placeholder(shape, w.dtype(), std::move(name));
}
op::Layout layout_of(const Workload& w) {
  return w.word("layout") == "nchw" ? op::Layout::nchw : op::Layout::nhwc;
}
op::Act act_of(const Workload& w) {
  for (const auto act : {op::Act::relu, op::Act::gelu, op::Act::sigmoid, op::Act::tanh})
    if (op::to_string(act) == w.word("act")) return act;
  return op::Act::none;
}
// Lists were normalised to the fewest numbers that say the same.
op::Pair pair_of(const Workload& w, std::string_view key) {
  const auto v = w.list(key);
  return v.size() == 1 ? op::Pair(v[0]) : op::Pair(v[0], v[1]);
}
op::Padding padding_of(const Workload& w) {
  const auto v = w.list("pad");
  return v.size() == 1   ? op::Padding(v[0])
         : v.size() == 2 ? op::Padding(v[0], v[1])
                         : op::Padding(v[0], v[1], v[2], v[3]);
}
Shape image_shape(const Workload& w, const WorkloadGraph& g) {
  const Extent n = w.extent("n", g);
  const int64_t c = w.integer("c"), h = w.integer("h"), x = w.integer("w");
  return layout_of(w) == op::Layout::nhwc ? Shape{n, h, x, c} : Shape{n, c, h, x};
}
Tensor image_of(const Workload& w, const WorkloadGraph& g) { return input(w, image_shape(w, g)); }
void finish(WorkloadGraph& g, std::vector<Tensor> inputs, const Tensor& output,
            std::vector<int> constants = {}) {
  for (const int c : constants) g.constants.push_back(c);
  for (Tensor& t : inputs)
    if (t) g.args.push_back(std::move(t));
  g.args.push_back(output);
  g.outputs = {output};
}

void build_matmul(const Workload& w, WorkloadGraph& g) {
  const Extent m = w.extent("m", g), n = w.extent("n", g), k = w.extent("k", g);
  const bool ta = w.integer("ta"), tb = w.integer("tb");
  const Tensor a = input(w, ta ? Shape{k, m} : Shape{m, k}, "A");
  const Tensor b = placeholder(tb ? Shape{n, k} : Shape{k, n}, w.dtype("wdtype"), "B");
  finish(g, {a, b}, op::matmul(a, b, {.transpose_a = ta, .transpose_b = tb, .out = w.dtype("out")}), {1});
}
void build_batch_matmul(const Workload& w, WorkloadGraph& g) {
  const Extent batch = w.extent("b", g), m = w.extent("m", g), n = w.extent("n", g), k = w.extent("k", g);
  const bool ta = w.integer("ta"), tb = w.integer("tb");
  const Tensor a = input(w, ta ? Shape{batch, k, m} : Shape{batch, m, k}, "A");
  const Tensor b = placeholder(tb ? Shape{batch, n, k} : Shape{batch, k, n}, w.dtype("wdtype"), "B");
  finish(g, {a, b}, op::batch_matmul(a, b, {.transpose_a = ta, .transpose_b = tb, .out = w.dtype("out")}));
}
void build_dense(const Workload& w, WorkloadGraph& g) {
  const Extent m = w.extent("m", g);
  const int64_t n = w.integer("n"), k = w.integer("k");
  const Tensor x = input(w, {m, k}), weight = placeholder({n, k}, w.dtype("wdtype"), "W");
  const Tensor bias = w.integer("bias") ? placeholder({n}, w.dtype("out"), "bias") : Tensor();
  const Tensor c = op::dense(x, weight, bias, {.act = act_of(w), .out = w.dtype("out")});
  finish(g, {x, weight, bias}, c, bias ? std::vector{1, 2} : std::vector{1});
}

op::Conv2dOptions conv_options(const Workload& w) {
  op::Conv2dOptions o;
  o.stride = pair_of(w, "stride");
  o.padding = padding_of(w);
  o.layout = layout_of(w);
  o.act = act_of(w);
  o.out = w.dtype("out");
  return o;
}
template <class Conv>
void finish_conv(const Workload& w, WorkloadGraph& g, std::vector<int64_t> weight_shape, int64_t channels,
                 Conv conv, const op::Conv2dOptions& o) {
  const Tensor x = image_of(w, g), weight = placeholder(std::move(weight_shape), w.dtype("wdtype"), "W");
  const Tensor bias = w.integer("bias") ? placeholder({channels}, w.dtype("out"), "bias") : Tensor();
  finish(g, {x, weight, bias}, conv(x, weight, bias, o), bias ? std::vector{1, 2} : std::vector{1});
}
void build_conv2d(const Workload& w, WorkloadGraph& g) {
  op::Conv2dOptions o = conv_options(w);
  o.dilation = pair_of(w, "dilation");
  o.groups = w.integer("groups");
  const int64_t share = w.integer("c") / o.groups, k = w.integer("k"), r = w.integer("r"), s = w.integer("s");
  const bool nhwc = o.layout == op::Layout::nhwc;
  finish_conv(w, g, nhwc ? std::vector{r, s, share, k} : std::vector{k, share, r, s}, k, op::conv2d, o);
}
void build_depthwise(const Workload& w, WorkloadGraph& g) {
  op::Conv2dOptions o = conv_options(w);
  o.dilation = pair_of(w, "dilation");
  const int64_t c = w.integer("c"), mult = w.integer("mult"), r = w.integer("r"), s = w.integer("s");
  const bool nhwc = o.layout == op::Layout::nhwc;
  int64_t outputs = 0;
  if (__builtin_mul_overflow(c, mult, &outputs)) outputs = 0;  // then the operator refuses the shape
  finish_conv(w, g, nhwc ? std::vector{r, s, c, mult} : std::vector{c, mult, r, s}, outputs,
              op::depthwise_conv2d, o);
}
void build_conv2d_transpose(const Workload& w, WorkloadGraph& g) {
  op::Conv2dOptions o = conv_options(w);
  o.output_padding = pair_of(w, "outpad");
  o.groups = w.integer("groups");
  const int64_t c = w.integer("c"), k = w.integer("k"), share = k / o.groups, r = w.integer("r"),
                s = w.integer("s");
  TC_REQUIRE(k % o.groups == 0, Error("te.op.attr", "conv2d_transpose: groups must be a divisor of k")
                                    .fact("k", std::to_string(k))
                                    .fix("choose groups that divide k"));
  const bool nhwc = o.layout == op::Layout::nhwc;
  finish_conv(w, g, nhwc ? std::vector{r, s, c, share} : std::vector{c, share, r, s}, k, op::conv2d_transpose,
              o);
}

op::Requantize requantize_of(const Workload& w) {
  op::Requantize q;
  q.mul = w.integer("mul"), q.shift = w.integer("shift");
  q.round = w.integer("round") != 0, q.relu = w.word("act") == "relu";
  q.low = w.integer("low"), q.high = w.integer("high");
  return q;
}
Tensor i32_bias(const Workload& w, int64_t channels) {
  return w.integer("bias") ? placeholder({channels}, kI32, "bias") : Tensor();
}
op::Conv2dOptions qconv_options(const Workload& w) {
  op::Conv2dOptions o;
  o.stride = pair_of(w, "stride"), o.padding = padding_of(w), o.layout = layout_of(w);
  o.dilation = pair_of(w, "dilation");
  return o;
}
void build_qmatmul(const Workload& w, WorkloadGraph& g) {
  const Extent m = w.extent("m", g);
  const int64_t n = w.integer("n"), k = w.integer("k");
  const bool tb = w.integer("tb");
  const Tensor a = placeholder({m, k}, kI8, "A"),
               b = placeholder(tb ? std::vector{n, k} : std::vector{k, n}, kI8, "B"), bias = i32_bias(w, n);
  finish(g, {a, b, bias}, op::qmatmul(a, b, bias, {.transpose_b = tb, .requantize = requantize_of(w)}),
         bias ? std::vector{1, 2} : std::vector{1});
}
void build_qconv2d(const Workload& w, WorkloadGraph& g) {
  op::Conv2dOptions o = qconv_options(w);
  o.groups = w.integer("groups");
  const int64_t k = w.integer("k"), r = w.integer("r"), s = w.integer("s"), share = w.integer("c") / o.groups;
  const Tensor x = placeholder(image_shape(w, g), kI8, "X"), bias = i32_bias(w, k),
               weight = placeholder(
                   o.layout == op::Layout::nhwc ? std::vector{r, s, share, k} : std::vector{k, share, r, s},
                   kI8, "W");
  finish(g, {x, weight, bias}, op::qconv2d(x, weight, bias, o, requantize_of(w)),
         bias ? std::vector{1, 2} : std::vector{1});
}
void build_qdepthwise(const Workload& w, WorkloadGraph& g) {
  const op::Conv2dOptions o = qconv_options(w);
  const int64_t c = w.integer("c"), r = w.integer("r"), s = w.integer("s");
  const Tensor x = placeholder(image_shape(w, g), kI8, "X"), bias = i32_bias(w, c),
               weight = placeholder(o.layout == op::Layout::nhwc ? std::vector{r, s, c, int64_t{1}}
                                                                 : std::vector{c, int64_t{1}, r, s},
                                    kI8, "W");
  finish(g, {x, weight, bias}, op::qdepthwise_conv2d(x, weight, bias, o, requantize_of(w)),
         bias ? std::vector{1, 2} : std::vector{1});
}
void build_qadd(const Workload& w, WorkloadGraph& g) {
  const Tensor a = placeholder(shape_of(w, g), kI8, "A"), b = placeholder(shape_of(w, g), kI8, "B");
  finish(g, {a, b}, op::qadd(a, b, requantize_of(w)));
}

op::PoolOptions pool_options(const Workload& w) {
  op::PoolOptions o;
  o.kernel = op::Pair(w.integer("r"), w.integer("s"));
  o.stride = pair_of(w, "stride");
  o.padding = padding_of(w);
  o.layout = layout_of(w);
  return o;
}
void build_max_pool(const Workload& w, WorkloadGraph& g) {
  const Tensor x = image_of(w, g);
  finish(g, {x}, op::max_pool2d(x, pool_options(w)));
}
void build_avg_pool(const Workload& w, WorkloadGraph& g) {
  op::PoolOptions o = pool_options(w);
  o.count_include_pad = w.integer("count_include_pad");
  const Tensor x = image_of(w, g);
  finish(g, {x}, op::avg_pool2d(x, o));
}
void build_qavg_pool(const Workload& w, WorkloadGraph& g) {
  const Tensor x = placeholder(image_shape(w, g), kI8, "X");
  finish(g, {x}, op::qavg_pool2d(x, pool_options(w), requantize_of(w)));
}
void build_global_pool(const Workload& w, WorkloadGraph& g) {
  const Tensor x = image_of(w, g);
  finish(g, {x}, op::global_avg_pool(x, layout_of(w)));
}

template <Tensor (*F)(const Tensor&, const std::string&)>
void build_unary(const Workload& w, WorkloadGraph& g) {
  const Tensor x = input(w, shape_of(w, g));
  finish(g, {x}, F(x, "Y"));
}
template <Tensor (*F)(const Tensor&, const Tensor&, const std::string&)>
void build_binary(const Workload& w, WorkloadGraph& g) {
  const Tensor a = input(w, shape_of(w, g), "A"),
               b = input(w, w.has("rhs") ? Shape(w.list("rhs")) : shape_of(w, g), "B");
  finish(g, {a, b}, F(a, b, "Y"));
}
void build_clip(const Workload& w, WorkloadGraph& g) {
  const Tensor x = input(w, shape_of(w, g));
  finish(g, {x},
         op::clip(x, static_cast<double>(w.integer("low")), static_cast<double>(w.integer("high")), "Y"));
}
void build_cast(const Workload& w, WorkloadGraph& g) {
  const Tensor x = input(w, shape_of(w, g));
  finish(g, {x}, op::cast(x, w.dtype("to"), "Y"));
}
template <Tensor (*F)(const Tensor&, const op::ReduceOptions&)>
void build_reduce(const Workload& w, WorkloadGraph& g) {
  const Tensor x = input(w, shape_of(w, g));
  finish(
      g, {x},
      F(x,
        {.axes = w.list("axis"), .keepdims = w.integer("keepdims") != 0, .out = std::nullopt, .name = "Y"}));
}
template <Tensor (*F)(const Tensor&, const op::ArgOptions&)>
void build_arg(const Workload& w, WorkloadGraph& g) {
  const Tensor x = input(w, shape_of(w, g));
  finish(g, {x},
         F(x, {.axis = w.integer("axis"),
               .keepdims = w.integer("keepdims") != 0,
               .index = w.dtype("index"),
               .name = "Y"}));
}
template <Tensor (*F)(const Tensor&, int64_t, const std::string&)>
void build_softmax(const Workload& w, WorkloadGraph& g) {
  const Tensor x = input(w, shape_of(w, g));
  finish(g, {x}, F(x, w.integer("axis"), "Y"));
}
void build_layer_norm(const Workload& w, WorkloadGraph& g) {
  const Shape shape = shape_of(w, g);
  const auto axes =
      static_cast<std::ptrdiff_t>(std::min<int64_t>(w.integer("axes"), static_cast<int64_t>(shape.size())));
  const Shape last(shape.end() - axes, shape.end());
  const Tensor x = input(w, shape);
  if (w.integer("affine") == 0) return finish(g, {x}, op::layer_norm(x, {}, {}, {.axes = w.integer("axes")}));
  const Tensor gamma = input(w, last, "gamma"), beta = input(w, last, "beta");
  finish(g, {x, gamma, beta}, op::layer_norm(x, gamma, beta, {.axes = w.integer("axes")}), {1, 2});
}
void build_batch_norm(const Workload& w, WorkloadGraph& g) {
  const Tensor x = image_of(w, g);
  const int64_t c = w.integer("c");
  const Tensor gamma = input(w, {c}, "gamma"), beta = input(w, {c}, "beta"), mean = input(w, {c}, "mean"),
               var = input(w, {c}, "var");
  finish(g, {x, gamma, beta, mean, var},
         op::batch_norm(x, gamma, beta, mean, var, {.axis = layout_of(w) == op::Layout::nhwc ? 3 : 1}),
         {1, 2, 3, 4});
}
void build_cumsum(const Workload& w, WorkloadGraph& g) {
  const Tensor x = input(w, shape_of(w, g));
  finish(g, {x}, op::cumsum(x, w.integer("axis")));
}
template <op::Recurrent (*F)(const Tensor&, const Tensor&, const Tensor&, const op::RecurrentOptions&),
          int64_t gates>
void build_recurrent(const Workload& w, WorkloadGraph& g) {
  const int64_t n = w.integer("n"), k = w.integer("k");
  const Tensor x = input(w, {w.extent("t", g), w.extent("b", g), k}), weight = input(w, {gates * n, k}, "W"),
               recurrent = input(w, {gates * n, n}, "U");
  if (w.integer("bias") == 0) return finish(g, {x, weight, recurrent}, F(x, weight, recurrent, {}).y, {1, 2});
  const Tensor bias = input(w, {gates * n}, "B");
  finish(g, {x, weight, recurrent, bias}, F(x, weight, recurrent, {.bias = bias}).y, {1, 2, 3});
}
void build_transpose(const Workload& w, WorkloadGraph& g) {
  const Tensor x = input(w, shape_of(w, g));
  finish(g, {x}, op::transpose(x, w.list("perm")));
}
void build_reshape(const Workload& w, WorkloadGraph& g) {
  const Tensor x = input(w, shape_of(w, g));
  finish(g, {x}, op::reshape(x, w.list("to")));
}
void build_concat(const Workload& w, WorkloadGraph& g) {
  std::vector<Tensor> xs;
  for (int64_t i = 0; i < w.integer("count"); ++i)
    xs.push_back(input(w, shape_of(w, g), fmt::format("X{}", i)));
  finish(g, xs, op::concat(xs, w.integer("axis")));
}
void build_pad(const Workload& w, WorkloadGraph& g) {
  const Tensor x = input(w, shape_of(w, g));
  const auto each = [&](std::string_view key) {
    const auto v = w.list(key);
    return v.size() == 1 ? std::vector<int64_t>(static_cast<size_t>(x.ndim()), v[0]) : v;
  };
  finish(g, {x}, op::pad(x, each("before"), each("after"), static_cast<double>(w.integer("value"))));
}
void build_gather(const Workload& w, WorkloadGraph& g) {
  const Tensor x = input(w, shape_of(w, g)), i = placeholder({w.integer("k")}, w.dtype("index"), "I");
  finish(g, {x, i}, op::gather(x, i, w.integer("axis")));
}

// ---- the rows

Keys matmul_keys() {
  return Keys{sized(need("m", "rows of the output")), need("n", "columns of the output"),
              need("k", "elements of a product")};
}
Keys all_sized(Keys keys) {
  for (WorkloadKey& k : keys) k.sized = true;
  return keys;
}
Keys transposes() {
  return {flag("ta", "the first input is stored transposed"),
          flag("tb", "the second input is stored transposed")};
}
Keys conv_shape_keys(const Keys& between, const Keys& after) {
  return image() + between +
         Keys{need("r", "height of the kernel", KeyKind::count),
              need("s", "width of the kernel", KeyKind::count),
              list("stride", "1", "one number, or vertical x horizontal"),
              list("pad", "0", "one number, vertical x horizontal, or top x left x bottom x right")} +
         after + layout();
}
Keys conv_keys(const Keys& between, const Keys& after) {
  return conv_shape_keys(between, after) + Keys{flag("bias", "1 adds an input bias[k]"), act_key()} +
         product_types();
}
// How i32 becomes i8 again: op::Requantize.
Keys requantize_keys() {
  return {{"act", KeyKind::choice, "none", "relu cuts below 0", false, "none relu"},
          {"mul", KeyKind::integer, "1", "factor of the sums, 16 bits, not 0", false, {}},
          {"shift", KeyKind::integer, "0", "bits that the sums are moved right", false, {}},
          flag("round", "1 rounds to nearest, halves up; 0 floors"),
          {"low", KeyKind::integer, "-128", "lower bound of the result", false, {}},
          {"high", KeyKind::integer, "127", "upper bound of the result", false, {}}};
}
Keys pool_keys(const Keys& more) {
  return image() +
         Keys{need("r", "height of the window", KeyKind::count),
              need("s", "width of the window", KeyKind::count),
              list("stride", "1", "one number, or vertical x horizontal"),
              list("pad", "0", "one number, vertical x horizontal, or top x left x bottom x right")} +
         more + layout();
}
WorkloadKey axis_key(std::string_view fallback, std::string_view doc) {
  return {"axis", KeyKind::integer, fallback, doc, false, {}};
}
WorkloadKey index_key() { return {"index", KeyKind::dtype, "i64", "type of indices", false, "i64 i32"}; }
WorkloadKey keepdims() { return flag("keepdims", "reduced axes stay, with extent 1"); }
WorkloadKey groups() { return {"groups", KeyKind::count, "1", "groups of channels", false, {}}; }
WorkloadKey dilation() { return list("dilation", "1", "one number, or vertical x horizontal"); }

void add_products(std::vector<WorkloadOp>& t) {
  t.push_back({"matmul", "C[m,n] = sum over k of A[m,k] B[k,n]; B is constant",
               all_sized(matmul_keys()) + transposes() + product_types(), build_matmul});
  t.push_back({"batch_matmul", "b matrix products",
               all_sized(Keys{need("b", "matrices")} + matmul_keys()) + transposes() + product_types(),
               build_batch_matmul});
  t.push_back({"dense", "act(X[m,k] W[n,k]^T + bias[n]); W and bias are constant",
               matmul_keys() + Keys{flag("bias", "1 adds an input bias[n]"), act_key()} + product_types(),
               build_dense});
}
void add_images(std::vector<WorkloadOp>& t) {
  const Keys f32 = {dtype_key(kFloats)}, outputs = {need("k", "output channels")};
  t.push_back({"conv2d", "convolution; weights HWIO (nhwc) or OIHW (nchw), constant",
               conv_keys(outputs, {dilation(), groups()}), build_conv2d});
  t.push_back({"depthwise_conv2d",
               "convolution of each channel by itself; weights [r,s,c,mult] or [c,mult,r,s], constant",
               conv_keys({}, {dilation(),
                              {"mult", KeyKind::count, "1", "output channels for each channel", false, {}}}),
               build_depthwise});
  t.push_back(
      {"conv2d_transpose", "transposed convolution; weights [r,s,c,k/groups] or [c,k/groups,r,s], constant",
       conv_keys(outputs,
                 {list("outpad", "0", "output padding: one number, or vertical x horizontal"), groups()}),
       build_conv2d_transpose});
  t.push_back({"max_pool2d", "the greatest element of each window", pool_keys({}) + Keys{dtype_key(kNumbers)},
               build_max_pool});
  t.push_back({"avg_pool2d", "the mean of each window",
               pool_keys({flag("count_include_pad", "divide by the whole window at the border")}) + f32,
               build_avg_pool});
  t.push_back({"global_avg_pool", "the mean of each channel", image() + layout() + f32, build_global_pool});
  t.push_back({"batch_norm", "(X - mean) / sqrt(var + 1e-5) * gamma + beta per channel, all but X constant",
               image() + layout() + f32, build_batch_norm});
}
void add_quantized(std::vector<WorkloadOp>& t) {
  const Keys bias = {flag("bias", "1 adds an i32 input bias, one a channel")};
  t.push_back(
      {"qmatmul", "i8: requantized A[m,k] B[k,n] + bias[n]; B and bias are constant",
       matmul_keys() + Keys{flag("tb", "the second input is stored transposed")} + bias + requantize_keys(),
       build_qmatmul});
  t.push_back(
      {"qconv2d", "i8: requantized convolution + bias[k]; weights as conv2d, constant",
       conv_shape_keys({need("k", "output channels")}, {dilation(), groups()}) + bias + requantize_keys(),
       build_qconv2d});
  t.push_back({"qdepthwise_conv2d", "i8: requantized convolution of each channel by itself + bias[c]",
               conv_shape_keys({}, {dilation()}) + bias + requantize_keys(), build_qdepthwise});
  t.push_back({"qavg_pool2d", "i8: the sum of each window, requantized", pool_keys({}) + requantize_keys(),
               build_qavg_pool});
  t.push_back({"qadd", "i8: requantized A + B", any_shape() + requantize_keys(), build_qadd});
}
void add_elementwise(std::vector<WorkloadOp>& t) {
  const Keys floats = any_shape() + Keys{dtype_key(kFloats)},
             numbers = any_shape() + Keys{dtype_key(kNumbers)};
#define TC_X(f) t.push_back({#f, #f " of each element", floats, build_unary<op::f>});
  // clang-format off
  TC_X(exp) TC_X(log) TC_X(sqrt) TC_X(rsqrt) TC_X(tanh) TC_X(erf) TC_X(sigmoid) TC_X(sin) TC_X(cos)
  TC_X(floor) TC_X(ceil) TC_X(round) TC_X(gelu) TC_X(silu)
#undef TC_X
#define TC_X(f) t.push_back({#f, #f " of each element", numbers, build_unary<op::f>});
  TC_X(relu) TC_X(abs) TC_X(neg)
  // clang-format on
#undef TC_X
  const auto binary = [](std::string_view types) {
    return any_shape() +
           Keys{
               list("rhs", "", "shape of the second input, broadcast as in numpy; default that of the first"),
               dtype_key(types)};
  };
#define TC_X(f) \
  t.push_back({#f, #f " of two tensors, element by element", binary(kNumbers), build_binary<op::f>});
  // clang-format off
  TC_X(add) TC_X(sub) TC_X(mul) TC_X(div) TC_X(maximum) TC_X(minimum)
  // clang-format on
#undef TC_X
  t.push_back({"pow", "pow of two tensors, element by element", binary(kFloats), build_binary<op::pow>});
  t.push_back({"clip", "min(max(X, low), high)",
               any_shape() + Keys{{"low", KeyKind::integer, "0", "lower bound", false, {}},
                                  {"high", KeyKind::integer, "6", "upper bound", false, {}},
                                  dtype_key(kNumbers)},
               build_clip});
  t.push_back(
      {"cast", "each element in another type",
       any_shape() + Keys{dtype_key(kNumbers), {"to", KeyKind::dtype, "", "the other type", true, kNumbers}},
       build_cast});
}
void add_rows(std::vector<WorkloadOp>& t) {
  const Keys f32 = {dtype_key(kFloats)}, number = {dtype_key(kNumbers)};
  const Keys axes = {
      list("axis", "-1", "the axes to reduce, e.g. 1 or 0x2; negative ones count from the end"), keepdims()};
#define TC_X(f) t.push_back({#f, #f " over axes", any_shape() + axes + number, build_reduce<op::f>});
  // clang-format off
  TC_X(sum) TC_X(prod) TC_X(max) TC_X(min)
  // clang-format on
#undef TC_X
  t.push_back({"mean", "mean over axes", any_shape() + axes + f32, build_reduce<op::mean>});
  t.push_back({"variance", "mean squared distance from the mean over axes, in one pass",
               any_shape() + axes + f32, build_reduce<op::variance>});
  t.push_back({"logsumexp", "log of the sum of exp(X) over axes, in one pass", any_shape() + axes + f32,
               build_reduce<op::logsumexp>});
  const Keys arg =
      any_shape() + Keys{axis_key("-1", "the axis to search"), keepdims()} + number + Keys{index_key()};
  t.push_back({"argmax", "the first index of the greatest element", arg, build_arg<op::argmax>});
  t.push_back({"argmin", "the first index of the smallest element", arg, build_arg<op::argmin>});
  const Keys along = any_shape() + Keys{axis_key("-1", "the axis to normalise")} + f32;
  t.push_back({"softmax", "exp(X - max) / sum, along an axis", along, build_softmax<op::softmax>});
  t.push_back({"log_softmax", "X - max - log of the sum of exp(X - max), along an axis", along,
               build_softmax<op::log_softmax>});
  t.push_back({"layer_norm", "(X - mean) / sqrt(variance + 1e-5) * gamma + beta; gamma and beta are constant",
               any_shape() +
                   Keys{{"axes", KeyKind::count, "1", "how many last axes are normalised", false, {}},
                        {"affine", KeyKind::flag, "1", "whether gamma and beta take part", false, {}}} +
                   f32,
               build_layer_norm});
}
void add_recurrences(std::vector<WorkloadOp>& t) {
  const Keys layer = {sized(need("t", "times")),
                      sized(need("b", "sequences")),
                      need("k", "elements of an input"),
                      need("n", "units: elements of an output"),
                      flag("bias", "1 adds an input bias"),
                      dtype_key(kFloats)};
  t.push_back({"cumsum", "sums from the first element to each, along an axis",
               any_shape() + Keys{axis_key("-1", "the axis along which"), dtype_key(kNumbers)},
               build_cumsum});
  t.push_back({"lstm", "long short-term memory over X[t,b,k]; W[4n,k], U[4n,n] and bias[4n] are constant",
               layer, build_recurrent<op::lstm, 4>});
  t.push_back({"gru", "gated recurrent units over X[t,b,k]; W[3n,k], U[3n,n] and bias[3n] are constant",
               layer, build_recurrent<op::gru, 3>});
}
void add_moves(std::vector<WorkloadOp>& t) {
  const Keys number = {dtype_key(kNumbers)};
  t.push_back({"transpose", "axes in another order",
               any_shape(false) + Keys{list("perm", "", "which axis comes where; default reversed")} + number,
               build_transpose});
  WorkloadKey to = list("to", "", "the other shape");
  to.required = true;
  t.push_back({"reshape", "the same elements under another shape", any_shape(false) + Keys{to} + number,
               build_reshape});
  t.push_back({"concat", "count inputs of one shape, one after the other",
               any_shape(false) +
                   Keys{axis_key("0", "the axis along which"),
                        {"count", KeyKind::count, "2", "inputs, at most 64", false, {}}} +
                   number,
               build_concat});
  t.push_back({"pad", "elements of one value around the input",
               any_shape(false) +
                   Keys{list("before", "0", "one number, or one a dimension"),
                        list("after", "0", "one number, or one a dimension"),
                        {"value", KeyKind::integer, "0", "what is added", false, {}}} +
                   number,
               build_pad});
  t.push_back({"gather", "slices of X at k indices along an axis",
               any_shape(false) + Keys{need("k", "indices"), axis_key("0", "the axis along which")} + number +
                   Keys{index_key()},
               build_gather});
}

}  // namespace

std::span<const WorkloadOp> workload_table() {
  static const std::vector<WorkloadOp> kTable = [] {
    std::vector<WorkloadOp> t;
    add_products(t);
    add_images(t);
    add_quantized(t);
    add_elementwise(t);
    add_rows(t);
    add_recurrences(t);
    add_moves(t);
    return t;
  }();
  return kTable;
}

}  // namespace tc
