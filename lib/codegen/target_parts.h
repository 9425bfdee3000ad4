// What target.cpp asks of lib/codegen/llvm, and shares with it. Private.
#pragma once
#include "tc/codegen/target.h"

namespace tc::codegen {

struct CpuFeatures {
  bool known = false;  // LLVM has a processor of this name
  bool is_64_bit = false;
  std::string near;                    // where it is unknown: the name most like it, if one is
  std::vector<std::string> isa, tune;  // sorted
};
CpuFeatures cpu_features(const std::string& triple, const std::string& cpu);
bool is_isa_feature(const std::string& name);
const Target& detected_host();
std::string machine_key(const Target& target);  // equal for targets that get the same code
void set_vector_registers(Target& target);      // from its features

}  // namespace tc::codegen
