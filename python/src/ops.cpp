// tc.op: the operator library, with options as keyword arguments.
#include "tc/te/ops.h"
#include "convert.h"
#include "tc/te/ops_quantized.h"

namespace tc::python {
namespace {

using namespace tc::op;
namespace te = tc::op;

[[noreturn]] void bad_attr(const std::string& what, const std::string& got, const std::string& choices) {
  throw Error("te.op.attr", what + " is " + got)
      .fact("attribute", what)
      .fact("expected", choices)
      .fact("got", got);
}

Act to_act(py::handle v) {
  if (v.is_none()) return Act::none;
  const auto word = py::str(v).cast<std::string>();
  for (const Act a : {Act::none, Act::relu, Act::gelu, Act::sigmoid, Act::tanh})
    if (te::to_string(a) == word) return a;
  bad_attr("act", word, "none relu gelu sigmoid tanh");
}
Layout to_layout(py::handle v) {
  const auto word = py::str(v).cast<std::string>();
  for (const Layout l : {Layout::nhwc, Layout::nchw})
    if (te::to_string(l) == word) return l;
  bad_attr("layout", word, "nhwc nchw");
}
std::optional<DType> to_out(py::handle v) { return v.is_none() ? std::nullopt : std::optional(to_dtype(v)); }
std::vector<int64_t> numbers(py::handle v, const char* what) {
  if (!is_sequence(v)) return {to_int(v, what)};
  std::vector<int64_t> out;
  for (const py::handle n : py::reinterpret_borrow<py::object>(v)) out.push_back(to_int(n, what));
  return out;
}
Pair to_two(py::handle v, const char* what) {
  const auto n = numbers(v, what);
  if (n.size() == 1) return n[0];
  if (n.size() == 2) return {n[0], n[1]};
  bad_attr(what, std::to_string(n.size()) + " numbers", "one number or (vertical, horizontal)");
}
Padding to_padding(py::handle v) {
  const auto n = numbers(v, "padding");
  if (n.size() == 1) return n[0];
  if (n.size() == 2) return {n[0], n[1]};
  if (n.size() == 4) return {n[0], n[1], n[2], n[3]};
  bad_attr("padding", std::to_string(n.size()) + " numbers",
           "one number, (vertical, horizontal) or (top, left, bottom, right)");
}
Tensor to_bias(py::handle v) {
  if (v.is_none()) return {};
  TC_REQUIRE(py::isinstance<Tensor>(v),
             Error("te.tensors", "the operands are tensors; this is " + a_type(v))
                 .fix("give what tc.placeholder and tc.compute returned, or None"));
  return v.cast<Tensor>();
}
std::vector<int64_t> to_axes(py::handle v) {
  return v.is_none() ? std::vector<int64_t>{} : numbers(v, "an axis");
}

Conv2dOptions conv_options(py::handle stride, py::handle padding, py::handle dilation, int64_t groups,
                           py::handle layout, py::handle act, py::handle out, py::handle output_padding,
                           std::string name) {
  Conv2dOptions o;
  o.stride = to_two(stride, "stride"), o.padding = to_padding(padding),
  o.dilation = to_two(dilation, "dilation"), o.groups = groups;
  o.layout = to_layout(layout), o.act = to_act(act), o.out = to_out(out),
  o.output_padding = to_two(output_padding, "output_padding"), o.name = std::move(name);
  return o;
}

using Conv = Tensor (*)(const Tensor&, const Tensor&, const Tensor&, const Conv2dOptions&);
void def_conv(py::module_& m, const char* name, Conv f, const char* doc) {
  m.def(
      name,
      [f](const Tensor& x, const Tensor& w, py::handle bias, py::handle stride, py::handle padding,
          py::handle dilation, int64_t groups, py::handle layout, py::handle act, py::handle out,
          py::handle output_padding, std::string stage) {
        return f(x, w, to_bias(bias),
                 conv_options(stride, padding, dilation, groups, layout, act, out, output_padding,
                              std::move(stage)));
      },
      py::arg("x"), py::arg("weight"), py::arg("bias") = py::none(), py::kw_only(), py::arg("stride") = 1,
      py::arg("padding") = 0, py::arg("dilation") = 1, py::arg("groups") = 1, py::arg("layout") = "nhwc",
      py::arg("act") = "none", py::arg("out") = py::none(), py::arg("output_padding") = 0,
      py::arg("name") = "Y", doc);
}

using Pool = Tensor (*)(const Tensor&, const PoolOptions&);
void def_pool(py::module_& m, const char* name, Pool f, const char* doc) {
  m.def(
      name,
      [f](const Tensor& x, py::handle kernel, py::handle stride, py::handle padding, py::handle layout,
          bool count, std::string stage) {
        PoolOptions o;
        o.kernel = to_two(kernel, "kernel"), o.stride = to_two(stride, "stride"),
        o.padding = to_padding(padding), o.layout = to_layout(layout);
        o.count_include_pad = count, o.name = std::move(stage);
        return f(x, o);
      },
      py::arg("x"), py::kw_only(), py::arg("kernel") = 2, py::arg("stride") = 2, py::arg("padding") = 0,
      py::arg("layout") = "nhwc", py::arg("count_include_pad") = false, py::arg("name") = "Y", doc);
}

using Fold = Tensor (*)(const Tensor&, const ReduceOptions&);
void def_reduction(py::module_& m, const char* name, Fold f, const char* doc) {
  m.def(
      name,
      [f](const Tensor& x, py::handle axis, bool keepdims, py::handle out, std::string stage,
          py::handle axes) {
        TC_REQUIRE(
            axis.is_none() || axes.is_none(),
            Error("te.op.axis", "axis and axes are both given, and mean the same").fix("leave out axes"));
        return f(x, {to_axes(axis.is_none() ? axes : axis), keepdims, to_out(out), std::move(stage)});
      },
      py::arg("x"), py::arg("axis") = py::none(), py::kw_only(), py::arg("keepdims") = false,
      py::arg("out") = py::none(), py::arg("name") = "Y", py::arg("axes") = py::none(), doc);
}

using Arg = Tensor (*)(const Tensor&, const ArgOptions&);
void def_arg(py::module_& m, const char* name, Arg f, const char* doc) {
  m.def(
      name,
      [f](const Tensor& x, int64_t axis, bool keepdims, py::handle index, std::string stage) {
        return f(x, {axis, keepdims, to_dtype(index), std::move(stage)});
      },
      py::arg("x"), py::arg("axis") = -1, py::kw_only(), py::arg("keepdims") = false,
      py::arg("index") = "i64", py::arg("name") = "Y", doc);
}

void bind_products(py::module_& m) {
  using Product = Tensor (*)(const Tensor&, const Tensor&, const MatmulOptions&);
  const auto def = [&m](const char* name, Product f, const char* doc) {
    m.def(
        name,
        [f](const Tensor& a, const Tensor& b, bool ta, bool tb, py::handle out, std::string stage) {
          return f(a, b, {ta, tb, to_out(out), std::move(stage)});
        },
        py::arg("a"), py::arg("b"), py::kw_only(), py::arg("transpose_a") = false,
        py::arg("transpose_b") = false, py::arg("out") = py::none(), py::arg("name") = "C", doc);
  };
  def("matmul", &te::matmul,
      "a[m,k] b[k,n] -> [m,n]; transposed operands are a[k,m] and b[n,k]. Stages: C[y, x | k].");
  def("batch_matmul", &te::batch_matmul,
      "a[b,m,k] b[b,k,n] -> [b,m,n]; a batch of 1 goes with any other. Stages: C[b, y, x | k].");
  m.def(
      "dense",
      [](const Tensor& x, const Tensor& w, py::handle bias, py::handle act, py::handle out,
         std::string stage) {
        return te::dense(x, w, to_bias(bias), {to_act(act), to_out(out), std::move(stage)});
      },
      py::arg("x"), py::arg("weight"), py::arg("bias") = py::none(), py::kw_only(), py::arg("act") = "none",
      py::arg("out") = py::none(), py::arg("name") = "C",
      "x[m,k] weight[n,k] bias[n] -> act(x weight^T + bias) [m,n]. Stages: C[y, x | k]; with bias or "
      "activation C_out[y, x].");
  def_conv(
      m, "conv2d", &te::conv2d,
      "Cross-correlation; weights [r,s,c/groups,k] for nhwc, [k,c/groups,r,s] for nchw.\n"
      "Stages: Y[n, h, w, co | r, s, ci] (nchw: Y[n, co, h, w | ci, r, s]); with bias or activation also "
      "Y_out with the\naxes of Y. Padding is no stage, but a condition on the terms of the sum.");
  def_conv(m, "depthwise_conv2d", &te::depthwise_conv2d,
           "Each channel by itself; weights [r,s,c,m] for nhwc, [c,m,r,s] for nchw.");
  def_conv(
      m, "conv2d_transpose", &te::conv2d_transpose,
      "The gradient of conv2d to its input; weights [r,s,c,k/groups] for nhwc, [c,k/groups,r,s] for nchw.");
  def_pool(m, "max_pool2d", &te::max_pool2d,
           "The greatest element of each window. Stages: X_pad; Y[n, h, w, c | r, s].");
  def_pool(m, "avg_pool2d", &te::avg_pool2d, "The mean of each window. Stages: X_pad; Y_sum; Y.");
  m.def(
      "global_avg_pool",
      [](const Tensor& x, py::handle layout, const std::string& name) {
        return te::global_avg_pool(x, to_layout(layout), name);
      },
      py::arg("x"), py::kw_only(), py::arg("layout") = "nhwc", py::arg("name") = "Y",
      "The mean of each channel.");
}

// ---- int8

// The keywords of Requantize, behind those of the operator.
#define TC_REQUANTIZE_ARGS                                                                     \
  py::arg("mul") = 1, py::arg("shift") = 0, py::arg("round") = false, py::arg("act") = "none", \
  py::arg("low") = -128, py::arg("high") = 127

te::Requantize to_requantize(int64_t mul, int64_t shift, bool round, py::handle act, int64_t low,
                             int64_t high) {
  const Act a = to_act(act);
  if (a != Act::none && a != Act::relu) bad_attr("act", std::string(te::to_string(a)), "none relu");
  return {mul, shift, round, a == Act::relu, low, high};
}

using QConv = Tensor (*)(const Tensor&, const Tensor&, const Tensor&, const Conv2dOptions&,
                         const te::Requantize&);
void def_qconv(py::module_& m, const char* name, QConv f, const char* doc) {
  m.def(
      name,
      [f](const Tensor& x, const Tensor& w, py::handle bias, py::handle stride, py::handle padding,
          py::handle dilation, int64_t groups, py::handle layout, int64_t mul, int64_t shift, bool round,
          py::handle act, int64_t low, int64_t high, std::string stage) {
        return f(x, w, to_bias(bias),
                 conv_options(stride, padding, dilation, groups, layout, py::none(), py::none(), py::int_(0),
                              std::move(stage)),
                 to_requantize(mul, shift, round, act, low, high));
      },
      py::arg("x"), py::arg("weight"), py::arg("bias") = py::none(), py::kw_only(), py::arg("stride") = 1,
      py::arg("padding") = 0, py::arg("dilation") = 1, py::arg("groups") = 1, py::arg("layout") = "nhwc",
      TC_REQUANTIZE_ARGS, py::arg("name") = "Y", doc);
}

void bind_quantized(py::module_& m) {
  m.def(
      "requantize",
      [](const Tensor& x, int64_t mul, int64_t shift, bool round, py::handle act, int64_t low, int64_t high,
         const std::string& name) {
        return te::requantize(x, to_requantize(mul, shift, round, act, low, high), name);
      },
      py::arg("x"), py::kw_only(), TC_REQUANTIZE_ARGS, py::arg("name") = "Y",
      "i32 to i8: x * mul, moved right by shift bits (floor; round: halves up), then relu, then cut to "
      "[low, high].");
  m.def(
      "qmatmul",
      [](const Tensor& a, const Tensor& b, py::handle bias, bool tb, int64_t mul, int64_t shift, bool round,
         py::handle act, int64_t low, int64_t high, std::string name) {
        return te::qmatmul(a, b, to_bias(bias),
                           {tb, to_requantize(mul, shift, round, act, low, high), std::move(name)});
      },
      py::arg("a"), py::arg("b"), py::arg("bias") = py::none(), py::kw_only(), py::arg("transpose_b") = false,
      TC_REQUANTIZE_ARGS, py::arg("name") = "C",
      "i8: a[m,k] b[k,n], summed in i32, with an i32 bias[n], requantized as by requantize. Stages: C[y, x | "
      "k], "
      "C_out.");
  def_qconv(m, "qconv2d", &te::qconv2d,
            "i8: conv2d summed in i32, with an i32 bias, requantized as by requantize. Stages: Y, Y_out.");
  def_qconv(m, "qdepthwise_conv2d", &te::qdepthwise_conv2d, "The same of each channel by itself.");
  m.def(
      "qavg_pool2d",
      [](const Tensor& x, py::handle kernel, py::handle stride, py::handle padding, py::handle layout,
         int64_t mul, int64_t shift, bool round, py::handle act, int64_t low, int64_t high,
         std::string stage) {
        PoolOptions o;
        o.kernel = to_two(kernel, "kernel"), o.stride = to_two(stride, "stride"),
        o.padding = to_padding(padding), o.layout = to_layout(layout), o.name = std::move(stage);
        return te::qavg_pool2d(x, o, to_requantize(mul, shift, round, act, low, high));
      },
      py::arg("x"), py::kw_only(), py::arg("kernel") = 2, py::arg("stride") = 2, py::arg("padding") = 0,
      py::arg("layout") = "nhwc", TC_REQUANTIZE_ARGS, py::arg("name") = "Y",
      "i8: the sum of each window, requantized; padding counts as zeros.");
  m.def(
      "qadd",
      [](const Tensor& a, const Tensor& b, int64_t mul, int64_t shift, bool round, py::handle act,
         int64_t low, int64_t high, const std::string& name) {
        return te::qadd(a, b, to_requantize(mul, shift, round, act, low, high), name);
      },
      py::arg("a"), py::arg("b"), py::kw_only(), TC_REQUANTIZE_ARGS, py::arg("name") = "Y",
      "i8: a + b, summed in i32 and requantized.");
}
#undef TC_REQUANTIZE_ARGS

void bind_elementwise(py::module_& m) {
#define TC_X(f)                                                                                  \
  m.def(                                                                                         \
      #f, [](const Tensor& x, const std::string& name) { return te::f(x, name); }, py::arg("x"), \
      py::kw_only(), py::arg("name") = "", #f " of each element.");
  TC_OP_UNARY(TC_X)
#undef TC_X
#define TC_X(f)                                                                                        \
  m.def(                                                                                               \
      #f, [](const Tensor& a, const Tensor& b, const std::string& name) { return te::f(a, b, name); }, \
      py::arg("a"), py::arg("b"), py::kw_only(), py::arg("name") = "",                                 \
      #f " of each pair of elements; shapes broadcast.");
  TC_OP_BINARY(TC_X)
#undef TC_X
  m.def(
      "clip",
      [](const Tensor& x, double low, double high, const std::string& name) {
        return te::clip(x, low, high, name);
      },
      py::arg("x"), py::arg("low"), py::arg("high"), py::kw_only(), py::arg("name") = "",
      "min(max(x, low), high).");
  m.def(
      "cast",
      [](const Tensor& x, py::handle dtype, const std::string& name) {
        return te::cast(x, to_dtype(dtype), name);
      },
      py::arg("x"), py::arg("dtype"), py::kw_only(), py::arg("name") = "", "The elements in another type.");
  m.def(
      "broadcast_to",
      [](const Tensor& x, py::handle shape, const std::string& name) {
        return te::broadcast_to(x, to_shape(shape), name);
      },
      py::arg("x"), py::arg("shape"), py::kw_only(), py::arg("name") = "",
      "Repeated to the shape, as numpy does.");
}

void bind_moves(py::module_& m) {
  m.def(
      "transpose",
      [](const Tensor& x, py::handle perm, const std::string& name) {
        return te::transpose(x, to_axes(perm), name);
      },
      py::arg("x"), py::arg("perm") = py::none(), py::kw_only(), py::arg("name") = "Y",
      "Axis j at the place where perm has j; no perm reverses all.");
  m.def(
      "reshape",
      [](const Tensor& x, py::handle shape, const std::string& name) {
        return te::reshape(x, to_shape(shape), name);
      },
      py::arg("x"), py::arg("shape"), py::kw_only(), py::arg("name") = "Y",
      "The same elements in row-major order; one extent may be -1.");
  m.def(
      "concat",
      [](py::handle xs, int64_t axis, const std::string& name) {
        return te::concat(to_tensors(xs, "the parts"), axis, name);
      },
      py::arg("xs"), py::arg("axis") = 0, py::kw_only(), py::arg("name") = "Y",
      "One after the other along an axis.");
  m.def(
      "pad",
      [](const Tensor& x, py::handle before, py::handle after, double value, const std::string& name) {
        return te::pad(x, numbers(before, "before"), numbers(after, "after"), value, name);
      },
      py::arg("x"), py::arg("before"), py::arg("after"), py::arg("value") = 0.0, py::kw_only(),
      py::arg("name") = "Y", "Elements of `value` added before and after, per dimension.");
  m.def(
      "gather",
      [](const Tensor& x, const Tensor& indices, int64_t axis, const std::string& name) {
        return te::gather(x, indices, axis, name);
      },
      py::arg("x"), py::arg("indices"), py::arg("axis") = 0, py::kw_only(), py::arg("name") = "Y",
      "y[a, i, b] = x[a, indices[i], b]; indices out of range are clamped.");
}

void bind_normalisation(py::module_& m) {
  m.def(
      "softmax",
      [](const Tensor& x, int64_t axis, const std::string& name) { return te::softmax(x, axis, name); },
      py::arg("x"), py::arg("axis") = -1, py::kw_only(), py::arg("name") = "Y",
      "exp(x - max) / sum of it. Stages: M[... | k], E[...], S[... | k], Y.");
  m.def(
      "log_softmax",
      [](const Tensor& x, int64_t axis, const std::string& name) { return te::log_softmax(x, axis, name); },
      py::arg("x"), py::arg("axis") = -1, py::kw_only(), py::arg("name") = "Y",
      "(x - max) - log(sum of exp(x - max)). Stages: M, S, L, Y.");
  m.def(
      "layer_norm",
      [](const Tensor& x, py::handle gamma, py::handle beta, int64_t axes, double eps, std::string name) {
        return te::layer_norm(x, to_bias(gamma), to_bias(beta),
                              {.axes = axes, .eps = eps, .name = std::move(name)});
      },
      py::arg("x"), py::arg("gamma") = py::none(), py::arg("beta") = py::none(), py::kw_only(),
      py::arg("axes") = 1, py::arg("eps") = 1e-5, py::arg("name") = "Y",
      "(x - mean) / sqrt(variance + eps) * gamma + beta over the last axes. Stages: S, mean, V, rstd, Y.");
  m.def(
      "batch_norm",
      [](const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& mean, const Tensor& var,
         int64_t axis, double eps, std::string name) {
        return te::batch_norm(x, gamma, beta, mean, var, {.axis = axis, .eps = eps, .name = std::move(name)});
      },
      py::arg("x"), py::arg("gamma"), py::arg("beta"), py::arg("mean"), py::arg("var"), py::kw_only(),
      py::arg("axis") = -1, py::arg("eps") = 1e-5, py::arg("name") = "Y",
      "(x - mean) / sqrt(var + eps) * gamma + beta per channel, with statistics given. Stages: scale, Y.");
}

}  // namespace

using Layer = te::Recurrent (*)(const Tensor&, const Tensor&, const Tensor&, const te::RecurrentOptions&);
te::RecurrentOptions layer_options(py::handle bias, py::handle recurrent_bias, py::handle h0, py::handle c0,
                                   std::string name) {
  return {.bias = to_bias(bias),
          .recurrent_bias = to_bias(recurrent_bias),
          .h0 = to_bias(h0),
          .c0 = to_bias(c0),
          .name = std::move(name)};
}
void bind_recurrences(py::module_& m) {
  m.def(
      "cumsum",
      [](const Tensor& x, int64_t axis, const std::string& name) { return te::cumsum(x, axis, name); },
      py::arg("x"), py::arg("axis") = -1, py::kw_only(), py::arg("name") = "Y",
      "Sums from the first element to each, along an axis. Stages: Y_0, the scan Y_sum, Y.");
  m.def(
      "lstm",
      [](const Tensor& x, const Tensor& weight, const Tensor& recurrent, py::handle bias,
         py::handle recurrent_bias, py::handle h0, py::handle c0, std::string name) {
        const te::Recurrent r =
            te::lstm(x, weight, recurrent, layer_options(bias, recurrent_bias, h0, c0, std::move(name)));
        return py::make_tuple(r.y, r.h, r.c);
      },
      py::arg("x"), py::arg("weight"), py::arg("recurrent"), py::kw_only(), py::arg("bias") = py::none(),
      py::arg("recurrent_bias") = py::none(), py::arg("h0") = py::none(), py::arg("c0") = py::none(),
      py::arg("name") = "Y",
      "x[t,b,k], weight[4n,k], recurrent[4n,n], gates i, f, g, o: the outputs [t,b,n] and the last h and c "
      "[b,n].\n"
      "Stages: P, the scan R, Y_c, Y_h, Y.");
  m.def(
      "gru",
      [](const Tensor& x, const Tensor& weight, const Tensor& recurrent, py::handle bias,
         py::handle recurrent_bias, py::handle h0, std::string name) {
        const te::Recurrent r = te::gru(x, weight, recurrent,
                                        layer_options(bias, recurrent_bias, h0, py::none(), std::move(name)));
        return py::make_tuple(r.y, r.h);
      },
      py::arg("x"), py::arg("weight"), py::arg("recurrent"), py::kw_only(), py::arg("bias") = py::none(),
      py::arg("recurrent_bias") = py::none(), py::arg("h0") = py::none(), py::arg("name") = "Y",
      "x[t,b,k], weight[3n,k], recurrent[3n,n], gates r, z, n: the outputs [t,b,n] and the last h [b,n].\n"
      "Stages: P, the scan R, Y_h, Y.");
}

void bind_ops(py::module_& root) {
  py::module_ m = root.def_submodule(
      "op", "The operator library: functions from tensors to tensors. Stages and axes have fixed names.");
  bind_products(m);
  bind_quantized(m);
  bind_elementwise(m);
  def_reduction(m, "sum", &te::sum, "The sum over one axis, several, or all. Stages: Y[... | k].");
  def_reduction(m, "prod", &te::prod, "The product over one axis, several, or all.");
  def_reduction(m, "max", &te::max, "The greatest over one axis, several, or all.");
  def_reduction(m, "min", &te::min, "The least over one axis, several, or all.");
  def_reduction(m, "mean", &te::mean, "The mean over one axis, several, or all. Stages: Y_sum, Y.");
  def_reduction(
      m, "variance", &te::variance,
      "The variance over one axis, several, or all, in one pass. Stages: {Y_count, Y_mean, Y_squares}, Y.");
  def_reduction(
      m, "logsumexp", &te::logsumexp,
      "The log of the sum of exp(x) over one axis, several, or all, in one pass. Stages: {Y_max, Y_sum}, Y.");
  def_arg(m, "argmax", &te::argmax,
          "The first index of the greatest along an axis. Stages: {Y_value, Y}[... | k].");
  def_arg(m, "argmin", &te::argmin, "The first index of the least along an axis.");
  bind_normalisation(m);
  bind_recurrences(m);
  bind_moves(m);
}

}  // namespace tc::python
