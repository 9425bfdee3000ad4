// IR as text. What is printed here, parse.h reads back: parse(print(x)) equals
// x up to names, and printing that again gives the same text.
//
// Variables are identities and their names only hints; where two that are live
// at once share a name, or a name is a word of the language, the printer adds
// _1, _2, ... Characters that no name may have are printed as _.
#pragma once
#include <iosfwd>
#include <string>

#include "tc/ir/stmt.h"

namespace tc::ir {

/// One line. Names of free variables and buffers stand for themselves.
[[nodiscard]] std::string to_string(const Expr& e);
/// One line a statement, indented by two spaces a level, no newline at the end.
[[nodiscard]] std::string to_string(const Stmt& s);
[[nodiscard]] std::string to_string(const FuncRef& f);
/// "A: f32[64, 64] register", as in an alloc.
[[nodiscard]] std::string to_string(const BufferRef& b);

std::ostream& operator<<(std::ostream& out, const Expr& e);
std::ostream& operator<<(std::ostream& out, const Stmt& s);
std::ostream& operator<<(std::ostream& out, const FuncRef& f);
// found by GoogleTest
void PrintTo(const Expr& e, std::ostream* out);
void PrintTo(const Stmt& s, std::ostream* out);
void PrintTo(const FuncRef& f, std::ostream* out);

}  // namespace tc::ir
