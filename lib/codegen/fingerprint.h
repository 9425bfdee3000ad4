// What a compiled object depends on, as bytes. Private.
#pragma once
#include <string>
#include <string_view>

#include "tc/codegen/abi.h"
#include "tc/codegen/target.h"

namespace tc::codegen {

/// A change of the code generator that changes objects counts this up.
inline constexpr int kCodegenEpoch = 3;

/// Functions of equal structure have equal bytes, whatever their variables are
/// called; different ones have different bytes.
std::string canonical_bytes(const ir::Func& func);
/// The key of the object of (func, abi, target) for this code generator, 32 hex digits.
/// `func` is in target form; or, with `compiler` the build that lowers it, in another.
std::string cache_key(const ir::Func& func, const AbiSpec& abi, const Target& target,
                      std::string_view compiler = "");
/// Which build of tc this is: the build identifier that the linker wrote into the
/// library or program that this code is part of; "" where it wrote none.
const std::string& build_id();
/// 32 hex digits of BLAKE3 (lib/codegen/llvm/digest.cpp).
std::string digest(std::string_view bytes);
/// "19.1.7"
std::string llvm_version();

}  // namespace tc::codegen
