// The tables of docs/isa.md.
#include <fmt/format.h>

#include <algorithm>

#include "config_fields.h"
#include "tc/isa/layout.h"

namespace tc::isa {
namespace {

using Rows = std::vector<std::vector<std::string>>;

std::string aligned(const Rows& rows) {
  std::vector<size_t> width;
  for (const auto& row : rows)
    for (size_t i = 0; i < row.size(); ++i) {
      if (i == width.size()) width.push_back(0);
      width[i] = std::max(width[i], row[i].size());
    }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], width[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

#define TC_ISA_ROW(name, number, doc) rows.push_back({std::to_string(number), #name, doc});
std::string mem_ids() {
  Rows rows = {{"mem_id", "", ""}};
  TC_ISA_MEM_IDS(TC_ISA_ROW)
  return aligned(rows);
}

std::string alu_ops() {
  Rows rows = {{"alu_op", "", ""}};
  TC_ISA_ALU_OPS(TC_ISA_ROW)
  return aligned(rows);
}
#undef TC_ISA_ROW

#define TC_ISA_ROW(name, number, type, doc) rows.push_back({std::to_string(number), #name, doc});
std::string opcodes() {
  Rows rows = {{"opcode", "", ""}};
  TC_ISA_OPCODES(TC_ISA_ROW)
  return aligned(rows);
}
#undef TC_ISA_ROW

std::string field_rows(std::span<const Field> fields) {
  Rows rows = {{"bits", "field", "", ""}};
  for (const Field& f : fields) {
    const int low = 64 * f.word + f.shift;
    const std::string bits =
        f.width == 1 ? std::to_string(low) : fmt::format("{}:{}", low + f.width - 1, low);
    rows.push_back({bits, std::string(f.name), f.is_signed ? "signed" : "", std::string(f.doc)});
  }
  return aligned(rows);
}

std::string config_rows() {
  const MachineConfig standard;
  Rows rows = {{"field", "default", "range", ""}};
  for (const auto& f : detail::config_fields())
    rows.push_back({std::string(f.name), std::to_string(standard.*f.member),
                    fmt::format("{}..{}", f.min, f.max), std::string(f.doc)});
  return aligned(rows);
}

}  // namespace

std::string table(std::string_view name, const MachineConfig& config) {
  if (name == "opcodes") return opcodes();
  if (name == "mem_ids") return mem_ids();
  if (name == "alu_ops") return alu_ops();
  if (name == "config") return config_rows();
  const Layout layout = Layout::make(config).value();
  if (name == "uop") return field_rows(layout.uop_fields());
  for (int i = 0; i < 5; ++i)
    if (to_string(static_cast<Opcode>(i)) == name) return field_rows(layout.fields(static_cast<Opcode>(i)));
  return "";
}

}  // namespace tc::isa
