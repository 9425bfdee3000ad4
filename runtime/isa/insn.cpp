#include "tc/isa/insn.h"

#include <type_traits>
#include <utility>

#include "fields.h"

namespace tc::isa {

#define TC_ISA_NAME(name, number, ...) #name,
std::string_view to_string(MemId id) {
  static constexpr std::string_view kNames[] = {TC_ISA_MEM_IDS(TC_ISA_NAME)};
  return kNames[static_cast<size_t>(id)];
}

std::string_view to_string(AluOp op) {
  static constexpr std::string_view kNames[] = {TC_ISA_ALU_OPS(TC_ISA_NAME)};
  return kNames[static_cast<size_t>(op)];
}

std::string_view to_string(Opcode opcode) {
  static constexpr std::string_view kNames[] = {TC_ISA_OPCODES(TC_ISA_NAME)};
  return kNames[static_cast<size_t>(opcode)];
}
#undef TC_ISA_NAME

std::string_view to_string(Unit unit) {
  static constexpr std::string_view kNames[] = {"load", "compute", "store"};
  return kNames[static_cast<size_t>(unit)];
}

// The order of the alternatives is that of the numbers.
#define TC_ISA_SAME(name, number, type, doc) \
  static_assert(std::is_same_v<std::variant_alternative_t<number, decltype(Insn::body)>, type>);
TC_ISA_OPCODES(TC_ISA_SAME)
#undef TC_ISA_SAME

Unit unit_of(const Insn& insn) {
  if (const auto* load = std::get_if<Load>(&insn.body))
    return load->mem_id == MemId::inp || load->mem_id == MemId::wgt ? Unit::load : Unit::compute;
  return std::holds_alternative<Store>(insn.body) ? Unit::store : Unit::compute;
}

bool is_nop(const Insn& insn) {
  if (const auto* load = std::get_if<Load>(&insn.body)) return load->x_size == 0;
  if (const auto* store = std::get_if<Store>(&insn.body)) return store->x_size == 0;
  return false;
}

namespace detail {

Values to_values(const Insn& insn) {
  Values values{};
  const Tokens& t = insn.tokens;
  values = {static_cast<int64_t>(insn.opcode()), t.pop_prev, t.pop_next, t.push_prev, t.push_next};
  size_t i = kCommonFields;
  std::visit(
      [&](const auto& body) { visit(body, [&](auto field) { values[i++] = static_cast<int64_t>(field); }); },
      insn.body);
  return values;
}

namespace {
template <size_t... I>
decltype(Insn::body) body_of(size_t opcode, std::index_sequence<I...>) {
  decltype(Insn::body) body;
  (void)((I == opcode && (body.emplace<I>(), true)) || ...);
  return body;
}
}  // namespace

Insn from_values(const Values& values) {
  Insn insn;
  insn.body = body_of(static_cast<size_t>(values[0]), std::make_index_sequence<5>{});
  insn.tokens = {values[1] != 0, values[2] != 0, values[3] != 0, values[4] != 0};
  size_t i = kCommonFields;
  std::visit(
      [&](auto& body) {
        visit(body, [&](auto& field) {
          field = static_cast<std::remove_reference_t<decltype(field)>>(values[i++]);
        });
      },
      insn.body);
  return insn;
}

std::array<int64_t, 3> to_values(const Uop& uop) { return {uop.dst, uop.src, uop.wgt}; }

}  // namespace detail
}  // namespace tc::isa
