#include "accel_life.h"

#include "tc/autotune/api.h"
#include "tc/ir/print.h"
#include "tc/isa/assembler.h"
#include "tc/te/evaluate.h"

namespace tc::docs {

std::map<std::string, std::string> life_on_the_accelerator() {
  const Workload w = workload("qmatmul m=16 n=32 k=64 shift=6");
  const WorkloadGraph graph = w.build();
  BuildOptions options;
  options.target = Target::parse("accel:vta").value();
  options.name = "matmul";
  const Function f = build(w, Log(), 1, options).value();

  std::map<std::string, std::string> out;
  out["accel.te"] = ir::to_string(to_func(graph.graph, graph.args, "matmul"));
  out["accel.blocked"] = f.ir("te");
  out["accel.schedule"] = f.schedule_text();
  for (const DeviceProgram& p : f.programs()) {
    out["accel.listing"] = isa::disassemble(*p.program);
    const accel::CompileStats& s = p.stats;
    out["accel.stats"] = "instructions " + std::to_string(s.insns) + "  tokens " + std::to_string(s.tokens) +
                         "  micro-ops " + std::to_string(s.uops) + " in " + std::to_string(s.uop_kernels) +
                         " kernels  tiles of inp " + std::to_string(s.inp_tiles) + ", wgt " +
                         std::to_string(s.wgt_tiles) + ", acc " + std::to_string(s.acc_tiles) + "\n";
  }
  const std::string segments = f.ir("segments");
  const size_t device = segments.find("// device\n") + 10;
  out["accel.device"] = segments.substr(device, segments.find("\n// host", device) - device);

  std::vector<HostTensor> tensors = make_args(graph.args, 1);
  std::vector<DLTensor> views(tensors.size());
  std::vector<const DLTensor*> args;
  for (size_t i = 0; i < tensors.size(); ++i) {
    views[i].data = tensors[i].data();
    views[i].device = {kDLCPU, 0};
    views[i].ndim = static_cast<int32_t>(tensors[i].shape().size());
    views[i].dtype = codegen::dl_type(tensors[i].dtype());
    views[i].shape = const_cast<int64_t*>(tensors[i].shape().data());
    args.push_back(&views[i]);
  }
  const Profile profile = f.profile(args).value();
  out["accel.timeline"] = profile.timeline();
  const std::string table = profile.table();  // without the lines that have the host's milliseconds
  out["accel.counters"] = table.substr(table.find("\n\n") + 2);
  return out;
}

}  // namespace tc::docs
