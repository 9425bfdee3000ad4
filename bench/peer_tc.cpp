// tc as a peer of the side-by-side runner: operators built as users build them,
// with the schedules of the log named by TC_LOG (the default schedule without).
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "peers/peer.h"
#include "tc/autotune/api.h"
#include "tc/runtime/c_api.h"

namespace {

using namespace tc;

struct Context {
  std::optional<Function> f;
  std::vector<runtime::Tensor> tensors;  // plain, in call order
  std::vector<runtime::Tensor> packed;
  std::vector<void*> data;
  codegen::Kernel::Raw raw = nullptr;
  bool nhwc_output = false;
  int64_t channels = 0, pixels = 0;
};

const autotune::Log& tuned_log() {
  static const autotune::Log log = [] {
    const char* path = std::getenv("TC_LOG");
    if (!path) return autotune::Log();
    const std::string paths[] = {path};
    auto loaded = autotune::Log::load(paths);
    if (!loaded) std::fprintf(stderr, "%s\n", loaded.error().what());
    return loaded ? std::move(loaded).value() : autotune::Log();
  }();
  return log;
}

std::string workload_of(const std::string& op, const void* shape) {
  if (op == "mm" || op == "mmd") {
    const auto& s = *static_cast<const mm_shape*>(shape);
    return s.b > 1 ? fmt::format("batch_matmul b={} m={} n={} k={}", s.b, s.m, s.n, s.k)
                   : fmt::format("matmul m={} n={} k={}", s.m, s.n, s.k);
  }
  if (op == "cv") {
    const auto& s = *static_cast<const cv_shape*>(shape);
    if (s.g > 1)
      return fmt::format("depthwise_conv2d n=1 c={} h={} w={} r={} s={} stride={} pad={}", s.ic, s.hw, s.hw,
                         s.k, s.k, s.s, s.p);
    return fmt::format("conv2d n=1 c={} h={} w={} k={} r={} s={} stride={} pad={}", s.ic, s.hw, s.hw, s.oc,
                       s.k, s.k, s.s, s.p);
  }
  const auto& s = *static_cast<const rw_shape*>(shape);
  const std::string sizes = fmt::format("m={} n={}", s.rows, s.cols);
  if (op == "layernorm") return "layer_norm " + sizes + " affine=0";
  if (op == "rowsum") return "sum " + sizes + " axis=1";
  return op + " " + sizes;
}

// The runner's images and weights are NCHW and OIHW; ours NHWC and HWIO.
void to_nhwc(const float* in, float* out, int64_t channels, int64_t pixels) {
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t p = 0; p < pixels; ++p) out[p * channels + c] = in[c * pixels + p];
}
void weights_to_hwio(const cv_shape& s, const float* in, float* out) {
  const int64_t icg = s.ic / s.g, taps = int64_t{s.k} * s.k;
  for (int64_t oc = 0; oc < s.oc; ++oc)
    for (int64_t ic = 0; ic < icg; ++ic)
      for (int64_t t = 0; t < taps; ++t) {
        const int64_t to = s.g > 1 ? t * s.oc + oc : (t * icg + ic) * s.oc + oc;
        out[to] = in[(oc * icg + ic) * taps + t];
      }
}

void fill(Context& c, const std::string& op, const void* shape, const float* in0, const float* in1) {
  const auto copy = [&](size_t i, const float* from) {
    std::memcpy(c.tensors[i].data(), from, static_cast<size_t>(c.tensors[i].bytes()));
  };
  if (op == "cv") {
    const auto& s = *static_cast<const cv_shape*>(shape);
    to_nhwc(in0, c.tensors[0].as<float>(), s.ic, int64_t{s.hw} * s.hw);
    weights_to_hwio(s, in1, c.tensors[1].as<float>());
    c.nhwc_output = true;
    c.channels = s.oc;
    c.pixels = int64_t{cv_out(&s)} * cv_out(&s);
    return;
  }
  copy(0, in0);
  if (op == "mm" || op == "mmd")
    copy(1, in1);
  else if (op == "add")
    copy(1, in0);
}

}  // namespace

extern "C" const char* peer_name(void) { return "tc"; }

extern "C" void* peer_make(const char* op_name, const void* shape, int threads, const float* in0,
                           const float* in1) {
  const std::string op(op_name);
  auto c = std::make_unique<Context>();
  try {
    tc_set_num_threads(threads);
    const Workload w = parse_workload(workload_of(op, shape)).value();
    c->f = build(w, tuned_log(), threads).value();
    if (std::getenv("TC_VERBOSE"))
      std::fprintf(stderr, "%s: %s\n", w.text().c_str(), c->f->explain().c_str());
    for (const codegen::AbiArg& a : c->f->abi().args)
      c->tensors.emplace_back(a.shape, DLDataType{kDLFloat, 32, 1});
    fill(*c, op, shape, in0, in1);
    if (op == "mmd" && !c->f->packs().empty()) return nullptr;  // packing would have to be timed
    for (runtime::Tensor& t : c->tensors) c->data.push_back(t.data());
    if (op != "cv") c->data[0] = const_cast<float*>(in0);  // read in place, as the other peers do
    c->packed.reserve(c->f->packs().size());
    for (const Pack& p : c->f->packs()) {
      c->packed.push_back(c->f->pack(p.arg, *c->tensors[static_cast<size_t>(p.arg)].dl()).value());
      c->data[static_cast<size_t>(p.arg)] = c->packed.back().data();
    }
    c->raw = c->f->kernel().raw();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "tc: %s: %s\n", op_name, e.what());
    return nullptr;
  }
  return c.release();
}

extern "C" void peer_run(void* p) {
  auto* c = static_cast<Context*>(p);
  if (c->raw(c->data.data()) != 0) std::fprintf(stderr, "tc: %s\n", tc_last_error());
}
extern "C" void peer_out(void* p, float* out) {
  auto* c = static_cast<Context*>(p);
  const auto* y = c->tensors.back().as<float>();
  if (!c->nhwc_output) {
    std::memcpy(out, y, static_cast<size_t>(c->tensors.back().bytes()));
    return;
  }
  for (int64_t k = 0; k < c->channels; ++k)
    for (int64_t q = 0; q < c->pixels; ++q) out[k * c->pixels + q] = y[q * c->channels + k];
}
extern "C" void peer_drop(void* p) { delete static_cast<Context*>(p); }
