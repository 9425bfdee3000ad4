#include "tc/te/shape.h"

#include <fmt/format.h>

#include "tc/ir/print.h"
#include "tc/ir/simplify.h"

namespace tc {

bool operator==(const Extent& a, const Extent& b) {
  if (a.number() && b.number()) return a.number() == b.number();
  return a.expr_.same(b.expr_) || ir::is_int(ir::simplify(a.expr_ - b.expr_), 0);
}
Extent operator+(const Extent& a, const Extent& b) { return ir::simplify(a.expr_ + b.expr_); }
Extent operator-(const Extent& a, const Extent& b) { return ir::simplify(a.expr_ - b.expr_); }
Extent operator*(const Extent& a, const Extent& b) { return ir::simplify(a.expr_ * b.expr_); }
Extent operator/(const Extent& a, int64_t b) { return ir::simplify(a.expr_ / ir::int_imm(b)); }

bool Extent::at_least(int64_t least) const {
  if (number()) return *number() >= least;
  return ir::prove(expr_ >= ir::int_imm(least)) == true;
}

std::string to_string(const Extent& e) { return ir::to_string(e.expr()); }
std::string to_string(const Shape& shape) {
  std::string out = "[";
  for (const Extent& e : shape) out += (out.size() > 1 ? ", " : "") + to_string(e);
  return out + "]";
}

}  // namespace tc
