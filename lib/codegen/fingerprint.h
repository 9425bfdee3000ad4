// What a compiled object depends on, as bytes. Private.
#pragma once
#include <string>
#include <string_view>

#include "tc/codegen/abi.h"
#include "tc/codegen/target.h"

namespace tc::codegen {

/// A change of the code generator that changes objects counts this up.
inline constexpr int kCodegenEpoch = 2;

/// Functions of equal structure have equal bytes, whatever their variables are
/// called; different ones have different bytes.
std::string canonical_bytes(const ir::Func& func);
/// The key of the object of (func, abi, target) for this code generator: 32 hex digits.
std::string cache_key(const ir::Func& func, const AbiSpec& abi, const Target& target);
/// 32 hex digits of BLAKE3 (lib/codegen/llvm/digest.cpp).
std::string digest(std::string_view bytes);
/// "19.1.7"
std::string llvm_version();

}  // namespace tc::codegen
