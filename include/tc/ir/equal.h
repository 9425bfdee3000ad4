// Structural comparison: equal up to the names and identities of bound
// variables and buffers (alpha-equality), and the hash that goes with it.
#pragma once
#include "tc/ir/stmt.h"

namespace tc::ir {

/// Free variables and buffers are equal only to themselves. Null equals null.
[[nodiscard]] bool equal(const Expr& a, const Expr& b);
[[nodiscard]] bool equal(const Stmt& a, const Stmt& b);
/// Functions compare whole: parameters correspond by position, names of
/// parameters and of the function do not count.
[[nodiscard]] bool equal(const FuncRef& a, const FuncRef& b);

/// equal(a, b) implies hash(a) == hash(b). A function's hash is stable across
/// processes and machines; that of an open expression is not.
[[nodiscard]] uint64_t hash(const Expr& e);
[[nodiscard]] uint64_t hash(const Stmt& s);
[[nodiscard]] uint64_t hash(const FuncRef& f);

}  // namespace tc::ir
