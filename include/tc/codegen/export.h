// Ahead of time: compiled functions as files that need neither tc nor LLVM,
// only libtc_runtime.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "tc/codegen/abi.h"
#include "tc/codegen/target.h"
#include "tc/ir/stmt.h"

namespace tc::codegen {

/// One function of a library.
struct ExportFunc {
  ir::FuncRef func;  ///< in target form
  AbiSpec abi;
};

/// The files to write: FILE.o, FILE.h, libFILE.so, FILE.ll, FILE.s.
struct ExportFormats {
  bool object = true, header = true, shared = true, llvm = false, assembly = false;
  [[nodiscard]] static ExportFormats all() { return {true, true, true, true, true}; }
};

/// Writes the library at `path` ("dir/matmul" gives dir/matmul.o, dir/matmul.h,
/// dir/libmatmul.so, ...). All files are staged beside their places and renamed
/// when every one is complete; on an error none has changed. Errors: those of
/// compile, codegen.export.name (two functions of one symbol), io.write, and
/// codegen.export.linker where the shared library cannot be linked.
[[nodiscard]] Check export_library(const std::vector<ExportFunc>& funcs, const Target& target,
                                   std::string_view path, const ExportFormats& formats = {});

/// The C header of a library: a typed wrapper on plain pointers and the DLPack
/// entry of each function, with the shapes. C11 and C++.
[[nodiscard]] std::string header_text(const std::vector<ExportFunc>& funcs, std::string_view library);

/// A shared library made of one relocatable object. It needs libtc_runtime.so: the one
/// in the process, beside the library, or of this tc, in that order. Errors: codegen.export.linker.
[[nodiscard]] Check link_shared(const std::string& object_file, const std::string& output,
                                const std::string& soname);

}  // namespace tc::codegen
