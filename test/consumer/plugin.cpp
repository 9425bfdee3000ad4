// Loads a compiled library and finds its function.
#include <cstdio>

#include "tc/runtime/module.h"

extern "C" int load_matmul(const char* library) {
  tc::runtime::Module module;
  tc::runtime::Function matmul;
  tc::runtime::Status status = tc::runtime::Module::load(library, &module);
  if (status.ok()) status = module.find("matmul", &matmul);
  if (!status.ok()) std::puts(status.text.c_str());
  return status.ok() ? 0 : 1;
}
