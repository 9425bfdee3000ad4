// What LLVM knows about processors: detection of the host, and the features
// that a processor's name stands for.
#include <fmt/format.h>
#include <llvm/ADT/StringMap.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/TargetParser/Host.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "../target_parts.h"
#include "tc/support/source_text.h"

namespace tc::codegen {

namespace {

const std::set<std::string>& isa_names() {
  static const std::set<std::string> names = [] {
    std::set<std::string> out;
    for (const auto& f : llvm::sys::getHostCPUFeatures()) out.insert(f.getKey().str());
    return out;
  }();
  return names;
}

int64_t cache_bytes(int name, int64_t otherwise) {
  const long v = sysconf(name);
  return v > 0 ? v : otherwise;
}

}  // namespace

CpuFeatures cpu_features(const std::string& triple, const std::string& cpu) {
  static const bool ready = !llvm::InitializeNativeTarget();
  CpuFeatures out;
  std::string why;
  const llvm::Target* t = ready ? llvm::TargetRegistry::lookupTarget(triple, why) : nullptr;
  if (!t) return out;
  // an empty name first: asking for an unknown processor would print to stderr
  std::unique_ptr<llvm::MCSubtargetInfo> generic(t->createMCSubtargetInfo(triple, "", ""));
  if (!generic) return out;
  if (!generic->isCPUStringValid(cpu)) {
    std::vector<std::string> names;
    for (const auto& d : generic->getAllProcessorDescriptions()) names.emplace_back(d.Key);
    out.near = nearest(cpu, names);
    return out;
  }
  std::unique_ptr<llvm::MCSubtargetInfo> info(t->createMCSubtargetInfo(triple, cpu, ""));
  out.known = true;
  for (const auto& f : info->getEnabledProcessorFeatures()) {
    const std::string name = f.Key;
    out.is_64_bit = out.is_64_bit || name == "64bit";
    (isa_names().count(name) ? out.isa : out.tune).push_back(name);
  }
  std::sort(out.isa.begin(), out.isa.end());
  std::sort(out.tune.begin(), out.tune.end());
  return out;
}

bool is_isa_feature(const std::string& name) { return isa_names().count(name) != 0; }

const Target& detected_host() {
  static const Target host = [] {
    Target t;
    t.triple = llvm::sys::getProcessTriple();
    t.cpu = llvm::sys::getHostCPUName().str();
    t.tune = cpu_features(t.triple, t.cpu).tune;
    for (const auto& f : llvm::sys::getHostCPUFeatures())
      if (f.getValue()) t.isa.push_back(f.getKey().str());
    std::sort(t.isa.begin(), t.isa.end());
    set_vector_registers(t);
    t.l1_bytes = cache_bytes(_SC_LEVEL1_DCACHE_SIZE, t.l1_bytes);
    t.l2_bytes = cache_bytes(_SC_LEVEL2_CACHE_SIZE, t.l2_bytes);
    t.l3_bytes = cache_bytes(_SC_LEVEL3_CACHE_SIZE, 0);
    return t;
  }();
  return host;
}

}  // namespace tc::codegen
