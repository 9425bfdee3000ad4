#include "tc/isa/config.h"

#include <fmt/format.h>

#include <algorithm>

#include "config_fields.h"
#include "names.h"
#include "tc/isa/layout.h"
#include "tc/support/crc32.h"
#include "tc/support/source_text.h"

namespace tc::isa {
namespace {

// More than any real chip; what a machine may hold before anything is allocated.
constexpr int64_t kMaxOnChipBytes = int64_t{64} << 20;

Check width_error(std::string_view name, int64_t got, std::string_view allowed) {
  return Error("isa.config.width",
               fmt::format("{} is {}; the machine computes in {} bits", name, got, allowed))
      .fact("field", std::string(name))
      .fact("got", std::to_string(got))
      .fact("expected", std::string(allowed))
      .fix(fmt::format("give {} another width", name));
}

Check check_widths(const MachineConfig& c) {
  if (c.inp_bits != 8 && c.inp_bits != 16) return width_error("inp_bits", c.inp_bits, "8 or 16");
  if (c.wgt_bits != 8 && c.wgt_bits != 16) return width_error("wgt_bits", c.wgt_bits, "8 or 16");
  if (c.acc_bits != 16 && c.acc_bits != 32) return width_error("acc_bits", c.acc_bits, "16 or 32");
  if ((c.out_bits != 8 && c.out_bits != 16 && c.out_bits != 32) || c.out_bits > c.acc_bits)
    return width_error("out_bits", c.out_bits, c.acc_bits == 16 ? "8 or 16" : "8, 16 or 32");
  return std::nullopt;
}

}  // namespace

namespace detail {

std::span<const ConfigField> config_fields() {
  constexpr int64_t kMaxCycles = 1'000'000, kMaxQueue = 1 << 20;
  static constexpr ConfigField kFields[] = {
      {"batch", &MachineConfig::batch, 1, 64, "rows of an input tile"},
      {"block_in", &MachineConfig::block_in, 1, 256, "columns of an input tile: what GEMM sums over"},
      {"block_out", &MachineConfig::block_out, 1, 256, "columns of an output tile"},
      {"inp_bits", &MachineConfig::inp_bits, 8, 16, "bits of an element of INP: 8 or 16"},
      {"wgt_bits", &MachineConfig::wgt_bits, 8, 16, "bits of an element of WGT: 8 or 16"},
      {"acc_bits", &MachineConfig::acc_bits, 16, 32, "bits of an element of ACC: 16 or 32"},
      {"out_bits", &MachineConfig::out_bits, 8, 32,
       "bits of an element of OUT: 8, 16 or 32, at most acc_bits"},
      {"uop_depth", &MachineConfig::uop_depth, 2, 65536, "micro-ops that the micro-op cache holds"},
      {"inp_depth", &MachineConfig::inp_depth, 2, 65536, "tiles that INP holds"},
      {"wgt_depth", &MachineConfig::wgt_depth, 2, 65536, "tiles that WGT holds"},
      {"acc_depth", &MachineConfig::acc_depth, 2, 65536, "tiles that ACC and OUT hold"},
      {"alu_lanes", &MachineConfig::alu_lanes, 1, 65536,
       "elements that the ALU computes at once; default: a tile"},
      {"alu_interval", &MachineConfig::alu_interval, 1, kMaxCycles,
       "cycles from one group of lanes to the next"},
      {"gemm_latency", &MachineConfig::gemm_latency, 0, kMaxCycles, "cycles to drain the GEMM pipeline"},
      {"alu_latency", &MachineConfig::alu_latency, 0, kMaxCycles, "cycles to drain the ALU pipeline"},
      {"dram_bytes_per_cycle", &MachineConfig::dram_bytes_per_cycle, 1, 65536,
       "bandwidth of DRAM, all units together"},
      {"dram_latency", &MachineConfig::dram_latency, 0, kMaxCycles,
       "cycles from a request to its first byte"},
      {"dram_burst_bytes", &MachineConfig::dram_burst_bytes, 16, 1 << 20,
       "bytes that a unit transfers before another's turn"},
      {"fetch_depth", &MachineConfig::fetch_depth, 1, kMaxQueue,
       "instructions that fetch holds or has requested"},
      {"queue_depth", &MachineConfig::queue_depth, 1, kMaxQueue, "instructions in the queue of a unit"},
      {"token_depth", &MachineConfig::token_depth, 1, kMaxQueue, "tokens between two units in one direction"},
  };
  return kFields;
}

}  // namespace detail

Check validate(const MachineConfig& c) {
  if (!detail::is_name(c.name))
    return Error("isa.config.range", "the name of a machine is 1 to 64 letters, digits, . _ - or +")
        .fact("got", printable(c.name.substr(0, 64)))
        .fix("give it such a name");
  for (const auto& f : detail::config_fields()) {
    const int64_t got = c.*f.member;
    if (got < f.min || got > f.max)
      return Error("isa.config.range", fmt::format("{} is {}; it is {} to {}", f.name, got, f.min, f.max))
          .fact("field", std::string(f.name))
          .fact("got", std::to_string(got))
          .fact("expected", fmt::format("{} to {}", f.min, f.max))
          .fix(fmt::format("give {} a value in this range", f.name));
  }
  if (Check error = check_widths(c)) return error;
  const int64_t bytes = c.uop_depth * 4 + c.inp_depth * c.inp_bytes() + c.wgt_depth * c.wgt_bytes() +
                        c.acc_depth * (c.acc_bytes() + c.out_bytes());
  if (bytes > kMaxOnChipBytes)
    return Error("isa.config.size",
                 fmt::format("the scratchpads hold {} bytes; at most {}", bytes, kMaxOnChipBytes))
        .fix("make the buffers less deep");
  Layout layout;
  return Layout::place(c, layout);
}

namespace {
std::string fingerprint(const MachineConfig& c) {
  std::string fields;
  for (const auto& f : detail::config_fields()) fields += fmt::format("{}={};", f.name, c.*f.member);
  return fmt::format("{:04x}", crc32(fields) & 0xffff);
}
}  // namespace

std::string derived_name(const MachineConfig& config) {
  for (const std::string_view name : builtin_config_names()) {
    MachineConfig other = *builtin_config(name);
    other.name = config.name;
    if (other == config) return std::string(name);
  }
  return fmt::format("vta-{}x{}x{}-{}", config.batch, config.block_in, config.block_out, fingerprint(config));
}

std::string name_beside(const MachineConfig& a, const MachineConfig& b) {
  return a.name == b.name ? fmt::format("{} ({})", a.name, fingerprint(a)) : a.name;
}

bool same_encoding(const MachineConfig& a, const MachineConfig& b) {
  return encoding_differences(a, b).empty();
}

namespace {
constexpr std::pair<std::string_view, int64_t MachineConfig::*> kEncoding[] = {
    {"batch", &MachineConfig::batch},         {"block_in", &MachineConfig::block_in},
    {"block_out", &MachineConfig::block_out}, {"inp_bits", &MachineConfig::inp_bits},
    {"wgt_bits", &MachineConfig::wgt_bits},   {"acc_bits", &MachineConfig::acc_bits},
    {"out_bits", &MachineConfig::out_bits},   {"uop_depth", &MachineConfig::uop_depth},
    {"inp_depth", &MachineConfig::inp_depth}, {"wgt_depth", &MachineConfig::wgt_depth},
    {"acc_depth", &MachineConfig::acc_depth},
};
}  // namespace

bool decides_encoding(std::string_view field) {
  return std::any_of(std::begin(kEncoding), std::end(kEncoding),
                     [&](const auto& f) { return f.first == field; });
}

std::string encoding_differences(const MachineConfig& a, const MachineConfig& b) {
  std::string out;
  for (const auto& [name, member] : kEncoding)
    if (a.*member != b.*member)
      out += fmt::format("{}{} {} and {}", out.empty() ? "" : ", ", name, a.*member, b.*member);
  return out;
}

}  // namespace tc::isa
