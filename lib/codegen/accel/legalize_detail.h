// The parts of legalisation. Private to lib/codegen/accel.
#pragma once
#include <functional>
#include <optional>

#include "tc/codegen/accel_legalize.h"
#include "tc/ir/interval.h"
#include "tc/ir/traverse.h"

namespace tc::accel::detail {

/// A value, or why there is none.
template <class T>
struct Outcome {
  std::optional<T> value;
  std::string why;
  Outcome(T v) : value(std::move(v)) {}                    // NOLINT(implicit)
  Outcome(std::string reason) : why(std::move(reason)) {}  // NOLINT(implicit)
  explicit operator bool() const { return value.has_value(); }
};

/// The signed integer type of so many bits.
[[nodiscard]] inline DType int_type(int64_t bits) {
  return {ir::TypeCode::int_, static_cast<uint8_t>(bits), 1};
}

/// A variable and how many values it takes, from 0 on.
struct Dim {
  VarRef var;
  int64_t extent = 0;
};

/// Which variables of an expression run over the rows and columns of tiles; null where none does.
struct Lanes {
  VarRef row, column;
  int64_t rows = 1, columns = 1;              // of a tile
  int64_t row_extent = 1, column_extent = 1;  // of the variables
};
[[nodiscard]] int64_t tiles(int64_t extent, int64_t tile);

/// `element` (of any scalar type, read only where `inside` holds) for all values of its variables,
/// blocked: [tiles of rows, tiles of columns, dims..., rows, columns], converted to `type`, and
/// zero where a tile goes beyond the extents. Tiles are there only for variables that occur.
struct Packing {
  Lanes lanes;
  std::vector<Dim> dims;
  Expr element, inside;
  DType type;
};
[[nodiscard]] Tensor pack(const Packing& p, const std::string& name);
/// Its index for given values of the variables and lanes.
[[nodiscard]] std::vector<Expr> packed_index(const Packing& p, const ir::VarMap& at, const Expr& row_tile,
                                             const Expr& column_tile, const Expr& row, const Expr& column);

/// An operand of a device stage: how it is packed, and how the copy on the chip pads it.
struct OperandPlan {
  Packing packing;
  BufferRef source;           // what is read, where it is one tensor
  std::vector<Expr> indices;  // of each of packing.dims, in the variables of the computation
  std::vector<int64_t> base;  // of the copy in each of packing.dims: minus its padding before
  std::vector<int64_t> extent;
  bool padded = false;
};
/// Plans a read `load`, which happens under `conditions` and is zero otherwise. `vars` are all
/// variables with their ranges; `folded` those that a reduction runs over, of which `lanes` may hold one.
/// Nothing where the read does not fit: a window over a tile's lanes, conditions that are no padding.
[[nodiscard]] std::optional<OperandPlan> plan_operand(const ir::Load& load,
                                                      const std::vector<Expr>& conditions,
                                                      const std::vector<Dim>& vars,
                                                      const std::vector<VarRef>& folded, const Lanes& lanes,
                                                      DType type);
/// The copy on the chip: `type` is that of its elements.
[[nodiscard]] Tensor copy_of(const OperandPlan& plan, const Tensor& packed, DType type,
                             const std::string& name);

/// A sum of products of two operands of 8 bits.
struct Contraction {
  const ir::Load *image = nullptr, *weight = nullptr;
  std::vector<Expr> image_conditions, weight_conditions;
  VarRef row, column, depth;  // row may be null (all lanes of a tile's rows alike), column too
  VarRef plain_row;           // instead of row, where its windows cannot be looked up
};
/// The contraction that `source`, summed over `folded`, is; else why not.
[[nodiscard]] Outcome<Contraction> find_contraction(const Expr& source, const std::vector<Dim>& axes,
                                                    const std::vector<Dim>& folded,
                                                    const isa::MachineConfig& config);
/// Takes if_then_else(c, e, 0) apart, into e and the conditions.
[[nodiscard]] Expr without_padding(Expr e, std::vector<Expr>& conditions);
[[nodiscard]] bool uses(const Expr& e, const VarRef& v);

/// Integer arithmetic of an expression as the ALU has it: i32 that has the value of `e`, whatever
/// type that has. `read` gives the i32 for a load and may refuse it, `constant` an operand for a
/// number of more than 16 bits. Nothing where the ALU cannot.
struct AluContext {
  std::function<Expr(const ir::Load&)> read;
  std::function<Expr(int64_t)> constant;
};
[[nodiscard]] std::optional<Expr> to_alu(const Expr& e, const AluContext& context);
/// The same where only the low bits of the result count, those of e's type.
[[nodiscard]] std::optional<Expr> to_alu_low(const Expr& e, const AluContext& context);

}  // namespace tc::accel::detail
