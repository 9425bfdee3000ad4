// What is checked of every stage, however it was made: that each read lies inside
// the tensor read, and that its reductions mean something. Private to lib/te.
#pragma once
#include <unordered_map>

#include "tc/te/tensor.h"

namespace tc {

/// Where a stage stands in a scan: the position of each buffer's stage, and its own.
struct ScanPlace {
  const std::unordered_map<const ir::Buffer*, int>& stages;
  int self;
};

/// Error te.bounds for the first read, in the values of stage `name` over `axes`
/// of extents `shape`, that can leave its tensor or cannot be shown to stay inside.
/// What if_then_else says counts, and what assume asserts, also of numbers that memory holds; select
/// evaluates both sides, so what it says does not. Error te.assume for an assertion that never holds, and
/// te.overflow where arithmetic on axes leaves 64 bits.
/// Error te.scan.future for a read of the scan's own stages at a time that is neither
/// earlier nor, of a stage before this one, the same.
Check check_accesses(const std::string& name, const std::vector<VarRef>& axes, const std::vector<Expr>& shape,
                     const std::vector<Expr>& values, const ScanPlace* place = nullptr);
/// The same of every access of a statement in nested form, stores too.
Check check_statement(const std::string& name, const ir::Stmt& body);

/// Error te.reducer.* for a combiner that breaks its laws, or a source that is not
/// shown to be one of the combiner's states.
Check check_reductions(const std::string& name, const std::vector<VarRef>& axes,
                       const std::vector<Expr>& shape, const std::vector<Expr>& values);

}  // namespace tc
