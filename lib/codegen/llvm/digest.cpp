#include <llvm/Config/llvm-config.h>
#include <llvm/Support/BLAKE3.h>

#include "../fingerprint.h"

namespace tc::codegen {

std::string digest(std::string_view bytes) {
  llvm::BLAKE3 hash;
  hash.update(llvm::StringRef(bytes.data(), bytes.size()));
  const auto sum = hash.final<16>();
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (const uint8_t b : sum) {
    out += kHex[b >> 4];
    out += kHex[b & 15];
  }
  return out;
}

std::string llvm_version() { return LLVM_VERSION_STRING; }

}  // namespace tc::codegen
