// How a compiled function looks from outside. Target-form IR knows only flat
// buffers; the shapes, names and types that users see are given beside it.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tc/ir/stmt.h"
#include "tc/runtime/dlpack.h"

namespace tc::codegen {

/// One argument of a compiled function, in the order of the function's parameters.
struct AbiArg {
  std::string name;
  ir::DType type;
  std::vector<int64_t> shape;  ///< row-major, compact; its product is the flat parameter's extent
  bool is_output = false;      ///< the function writes it
  int alignment = 0;           ///< bytes that callers guarantee; 0: that of the element type
  /// Where sizes stand in the shape: every extent, and -1 in `shape` for those that are no numbers.
  std::vector<ir::Expr> extents = {};
};

/// The outer form of a function.
struct AbiSpec {
  std::string workload;  ///< text for people and logs; may be empty
  std::vector<AbiArg> args;

  /// The sizes that a call binds, in the order in which arguments have them as extents.
  [[nodiscard]] std::vector<ir::VarRef> sizes() const;
  /// Their values in a call with these arguments, which have the ranks that args says: what a call
  /// through Kernel::raw must give itself.
  [[nodiscard]] std::vector<int64_t> size_values(std::span<const DLTensor* const> call) const;

  /// The flat parameters of `func` as they are; outputs are those it stores to.
  [[nodiscard]] static AbiSpec of(const ir::Func& func);
};

/// Nothing, or the error codegen.abi that says which argument does not describe
/// its parameter.
[[nodiscard]] Check check_abi(const ir::Func& func, const AbiSpec& abi);

/// "64", "n + 2": one extent of an argument.
[[nodiscard]] std::string extent_text(const AbiArg& arg, size_t dim);

/// The DLPack type of scalars of `type`; a bool takes a byte.
[[nodiscard]] DLDataType dl_type(ir::DType type);

/// `name` as a C and C++ identifier that no keyword, libc entry point or symbol
/// of the runtime has: the stem of a compiled function's symbols.
[[nodiscard]] std::string symbol_name(std::string_view name);

}  // namespace tc::codegen
