// The same workload built for the accelerator and for the CPU gives the same bytes.
#include <gtest/gtest.h>

#include <cstring>

#include "accelgen/resnet_layers.h"
#include "tc/autotune/api.h"
#include "tc/te/evaluate.h"

namespace tc::autotune {
namespace {

// Runs the workload on inputs drawn from one seed; the result's bytes.
std::vector<HostTensor> outputs_of(const Workload& workload, const codegen::Target& target) {
  BuildOptions options;
  options.target = target;
  const Function f = build(workload, Log(), 1, options).value();
  std::vector<HostTensor> tensors = make_args(workload.build().args, 1, Fill::uniform);
  std::vector<DLTensor> views;
  for (const HostTensor& t : tensors) {
    DLTensor v = {};
    v.data = t.data(), v.device = {kDLCPU, 0}, v.ndim = static_cast<int>(t.shape().size());
    v.dtype = codegen::dl_type(t.dtype());
    v.shape = const_cast<int64_t*>(t.shape().data());
    views.push_back(v);
  }
  std::vector<const DLTensor*> args;
  for (const DLTensor& v : views) args.push_back(&v);
  if (target.is_accel()) {
    EXPECT_FALSE(f.programs().empty());
    const auto profile = f.profile(args);  // in time
    EXPECT_TRUE(profile) << profile.error().str();
  } else {
    f(args);
  }
  return tensors;
}

class AccelAndCpu : public testing::TestWithParam<const char*> {};

TEST_P(AccelAndCpu, GiveTheSameBytes) {
  const Workload w = parse_workload(GetParam()).value();
  const auto device = outputs_of(w, codegen::Target::parse("accel:vta").value());
  const auto host = outputs_of(w, codegen::Target::host());
  ASSERT_EQ(device.size(), host.size());
  for (size_t i = 0; i < host.size(); ++i)
    EXPECT_EQ(std::memcmp(device[i].data(), host[i].data(), host[i].bytes()), 0) << "argument " << i;
}

// What the ALU computes on the way has no tiles in the plans that fill ACC.
INSTANTIATE_TEST_SUITE_P(Epilogues, AccelAndCpu,
                         testing::Values("abs m=512 n=512 dtype=i8", "sub m=512 n=512 dtype=i8"));

INSTANTIATE_TEST_SUITE_P(Layers, AccelAndCpu, testing::ValuesIn(accel::kResnetLayers));

}  // namespace
}  // namespace tc::autotune
