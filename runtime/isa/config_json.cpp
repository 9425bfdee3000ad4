// Configurations as JSON, ours and VTA's: the only source of this layer that
// knows a JSON library.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "config_fields.h"
#include "tc/isa/config.h"
#include "tc/support/source_text.h"

namespace tc::isa {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxText = size_t{1} << 20;

// VTA's keys with the values of its published configuration: log2 of bits, of
// tile sizes, of bytes of a buffer.
const std::map<std::string, int64_t, std::less<>>& vta_defaults() {
  static const std::map<std::string, int64_t, std::less<>> kDefaults = {
      {"LOG_INP_WIDTH", 3},      {"LOG_WGT_WIDTH", 3},      {"LOG_ACC_WIDTH", 5},
      {"LOG_BATCH", 0},          {"LOG_BLOCK", 4},          {"LOG_UOP_BUFF_SIZE", 15},
      {"LOG_INP_BUFF_SIZE", 15}, {"LOG_WGT_BUFF_SIZE", 18}, {"LOG_ACC_BUFF_SIZE", 17},
  };
  return kDefaults;
}

// Keys that VTA derives, but that its generated files and older versions state.
constexpr std::string_view kVtaDerived[] = {"LOG_BLOCK_IN", "LOG_BLOCK_OUT", "LOG_OUT_WIDTH",
                                            "LOG_OUT_BUFF_SIZE", "LOG_BUS_WIDTH"};
// Keys that say nothing about the machine that programs see.
constexpr std::string_view kVtaIgnored[] = {"HW_VER", "HW_FREQ", "HW_CLK_TARGET", "ACC_DEP_DISTANCE"};

bool is_in(std::string_view key, std::span<const std::string_view> keys) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

Error value_error(std::string_view file, std::string_view key, std::string message, std::string fix = "") {
  return Error("isa.config.value", std::move(message))
      .fact("in", printable(file))
      .fact("key", printable(key.substr(0, 64)))
      .fix(!fix.empty()              ? std::move(fix)
           : key.starts_with("LOG_") ? "write an integer: log2 of the size, as VTA does"
                                     : "write an integer, in the range that docs/isa.md gives");
}

Error unknown_key(std::string_view file, const std::string& key) {
  std::vector<std::string> known = {"name", "TARGET"};
  for (const auto& f : detail::config_fields()) known.emplace_back(f.name);
  for (const auto& [name, value] : vta_defaults()) known.push_back(name);
  for (const std::string_view name : kVtaDerived) known.emplace_back(name);
  const std::string near = nearest(key, known);
  return Error("isa.config.key",
               fmt::format("there is no key {} in a configuration", printable(key.substr(0, 64))))
      .fact("in", printable(file))
      .fix(near.empty()
               ? "the keys are batch, block_in, inp_depth and others (docs/isa.md), or VTA's: LOG_BLOCK, ..."
               : "did you mean " + near + "?");
}

struct Reader {
  std::string_view file;
  MachineConfig config;
  std::map<std::string, int64_t, std::less<>> vta;  // as given
  bool has_vta = false, named = false;
  std::map<std::string, int64_t, std::less<>> own;

  Check read_text(const std::string& key, const Json& value) {
    if (!value.is_string()) return value_error(file, key, fmt::format("{} is no text", key));
    const auto text = value.get<std::string>();
    if (named && config.name != text)
      return contradiction(key == "name" ? "TARGET" : "name", key, printable(config.name), printable(text));
    config.name = text;
    named = true;
    return std::nullopt;
  }

  [[nodiscard]] Error contradiction(std::string_view one, std::string_view other, std::string_view here,
                                    std::string_view there) const {
    return value_error(file, other,
                       fmt::format("{} and {} say different things: {} and {}", one, other, here, there));
  }

  Check read(const std::string& key, const Json& value) {
    if (key == "name" || key == "TARGET") {
      has_vta |= key == "TARGET";
      return read_text(key, value);
    }
    if (is_in(key, kVtaIgnored)) return std::nullopt;
    const auto fields = detail::config_fields();
    const bool ours = std::any_of(fields.begin(), fields.end(), [&](const auto& f) { return f.name == key; });
    const bool theirs = vta_defaults().contains(key) || is_in(key, kVtaDerived);
    if (!ours && !theirs) return unknown_key(file, key);
    if (!value.is_number_integer() || (value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX))
      return value_error(
          file, key,
          fmt::format("{} is {}, and no 64-bit integer", key, printable(value.dump().substr(0, 64))));
    const auto number = value.get<int64_t>();
    if (ours) {
      own[key] = number;
      return std::nullopt;
    }
    if (number < 0 || number > 30)
      return value_error(file, key, fmt::format("{} is {}; log2 of a size is 0 to 30", key, number),
                         number > 0 && std::has_single_bit(static_cast<uint64_t>(number))
                             ? fmt::format("for a size of {} write {}", number,
                                           std::countr_zero(static_cast<uint64_t>(number)))
                             : "");
    vta[key] = number;
    has_vta = true;
    return std::nullopt;
  }

  [[nodiscard]] int64_t log2_of(std::string_view key) const {
    const auto found = vta.find(key);
    return found != vta.end() ? found->second : vta_defaults().find(key)->second;
  }

  // Buffers are given in bytes; a depth is what fits.
  Check depth(std::string_view key, int64_t element_bytes, int64_t& out) const {
    const int64_t bytes = int64_t{1} << log2_of(key);
    out = bytes / element_bytes;
    if (out < 2)
      return value_error(
          file, key,
          fmt::format("{} gives {} bytes, fewer than two elements of {} bytes", key, bytes, element_bytes));
    return std::nullopt;
  }

  Check apply_vta() {
    const auto or_block = [&](const char* key) {
      return vta.contains(key) ? vta.at(key) : log2_of("LOG_BLOCK");
    };
    config.inp_bits = int64_t{1} << log2_of("LOG_INP_WIDTH");
    config.wgt_bits = int64_t{1} << log2_of("LOG_WGT_WIDTH");
    config.acc_bits = int64_t{1} << log2_of("LOG_ACC_WIDTH");
    config.out_bits = vta.contains("LOG_OUT_WIDTH") ? int64_t{1} << vta.at("LOG_OUT_WIDTH") : config.inp_bits;
    config.batch = int64_t{1} << log2_of("LOG_BATCH");
    config.block_in = int64_t{1} << or_block("LOG_BLOCK_IN");
    config.block_out = int64_t{1} << or_block("LOG_BLOCK_OUT");
    if (vta.contains("LOG_BUS_WIDTH"))
      config.dram_bytes_per_cycle = (int64_t{1} << vta.at("LOG_BUS_WIDTH")) / 8;
    // Widths and tile first: sizes below multiply them.
    MachineConfig tile = config;
    tile.uop_depth = tile.inp_depth = tile.wgt_depth = tile.acc_depth = 2;
    tile.alu_lanes = 1;
    if (Check error = validate(tile)) return error;
    if (Check error = depth("LOG_UOP_BUFF_SIZE", MachineConfig::uop_bytes(), config.uop_depth)) return error;
    if (Check error = depth("LOG_INP_BUFF_SIZE", config.inp_bytes(), config.inp_depth)) return error;
    if (Check error = depth("LOG_WGT_BUFF_SIZE", config.wgt_bytes(), config.wgt_depth)) return error;
    if (Check error = depth("LOG_ACC_BUFF_SIZE", config.acc_bytes(), config.acc_depth)) return error;
    const auto out = vta.find("LOG_OUT_BUFF_SIZE");
    if (out != vta.end() && (int64_t{1} << out->second) != config.acc_depth * config.out_bytes())
      return value_error(file, out->first,
                         fmt::format("OUT is as deep as ACC: it has {} bytes, not {}",
                                     config.acc_depth * config.out_bytes(), int64_t{1} << out->second));
    return std::nullopt;
  }

  // The key of VTA's that was given and says what a field is; "" where none does.
  [[nodiscard]] std::string_view vta_key_of(std::string_view field) const {
    static constexpr std::pair<std::string_view, std::string_view> kKeys[] = {
        {"inp_bits", "LOG_INP_WIDTH"},
        {"wgt_bits", "LOG_WGT_WIDTH"},
        {"acc_bits", "LOG_ACC_WIDTH"},
        {"out_bits", "LOG_OUT_WIDTH"},
        {"batch", "LOG_BATCH"},
        {"block_in", "LOG_BLOCK_IN"},
        {"block_in", "LOG_BLOCK"},
        {"block_out", "LOG_BLOCK_OUT"},
        {"block_out", "LOG_BLOCK"},
        {"uop_depth", "LOG_UOP_BUFF_SIZE"},
        {"inp_depth", "LOG_INP_BUFF_SIZE"},
        {"wgt_depth", "LOG_WGT_BUFF_SIZE"},
        {"acc_depth", "LOG_ACC_BUFF_SIZE"},
        {"dram_bytes_per_cycle", "LOG_BUS_WIDTH"},
    };
    for (const auto& [name, key] : kKeys)
      if (name == field && vta.contains(key)) return key;
    return "";
  }

  // What validate says of a field that the user gave by another name.
  [[nodiscard]] Error as_written(Error error) const {
    const std::string field(error.fact_of("field"));
    const std::string_view key = own.contains(field) ? "" : vta_key_of(field);
    if (key.empty()) return error;
    Error out(error.code(), fmt::format("{} is {}, the log2 of {}: {}", key, vta.find(key)->second, field,
                                        error.message()));
    for (const auto& [name, value] : error.facts())
      (void)std::move(out).fact(name, name == "field" ? std::string(key) : value);
    return std::move(out).fix(fmt::format("give {} another value", key));
  }

  Check finish() {
    if (has_vta)
      if (Check error = apply_vta()) return as_written(std::move(*error));
    for (const char* key : {"LOG_BLOCK_IN", "LOG_BLOCK_OUT"})
      if (vta.contains(key) && vta.contains("LOG_BLOCK") && vta.at(key) != vta.at("LOG_BLOCK"))
        return contradiction("LOG_BLOCK", key, std::to_string(vta.at("LOG_BLOCK")),
                             std::to_string(vta.at(key)));
    for (const auto& f : detail::config_fields()) {
      const auto found = own.find(f.name);
      if (found == own.end()) continue;
      if (const std::string_view key = vta_key_of(f.name); !key.empty() && config.*f.member != found->second)
        return contradiction(f.name, key, std::to_string(found->second),
                             fmt::format("{}, which is {}", vta.find(key)->second, config.*f.member));
      config.*f.member = found->second;
    }
    // The product may be large only where a factor is out of range, which validate tells.
    if (!own.contains("alu_lanes") && config.batch <= 64 && config.block_out <= 256)
      config.alu_lanes = std::max<int64_t>(1, config.tile_out());
    if (Check error = validate(config)) return as_written(std::move(*error));
    if (!named) config.name = derived_name(config);
    return std::nullopt;
  }
};

}  // namespace

Expected<MachineConfig> parse_config(std::string_view text, std::string_view file) {
  const auto invalid = [&](std::string message) {
    return Error("isa.config.json", std::move(message))
        .fact("in", printable(file))
        .fix("write one object of names and numbers, e.g. {\"LOG_BLOCK\": 4, \"LOG_BATCH\": 0}");
  };
  if (text.size() > kMaxText) return invalid("a configuration has at most 1 MiB of text");
  if (text.find('\0') != text.npos) return invalid("there is a zero byte in the text");
  if (std::count_if(text.begin(), text.end(), [](char c) { return c == '{' || c == '['; }) > 16)
    return invalid("a configuration is one object of names and numbers");
  std::set<std::string> keys;
  std::optional<std::string> twice;
  const Json json = Json::parse(
      text,
      [&](int, Json::parse_event_t event, Json& parsed) {
        if (event == Json::parse_event_t::key && !keys.insert(parsed.get<std::string>()).second)
          twice = parsed.get<std::string>();
        return true;
      },
      /*allow_exceptions=*/false);
  if (json.is_discarded()) return invalid("not valid JSON");
  if (!json.is_object()) return invalid("a configuration is one object of names and numbers");
  if (twice)
    return Error("isa.config.key", fmt::format("the key {} stands twice", printable(twice->substr(0, 64))))
        .fact("in", printable(file))
        .fix("keep one of them");
  Reader reader{file, {}, {}, false, {}};
  for (const auto& [key, value] : json.items())
    if (Check error = reader.read(key, value)) return *error;
  if (Check error = reader.finish()) return *error;
  return reader.config;
}

std::string to_json(const MachineConfig& config) {
  nlohmann::ordered_json out;
  out["name"] = config.name;
  for (const auto& f : detail::config_fields()) out[std::string(f.name)] = config.*f.member;
  return out.dump(-1, ' ', true, Json::error_handler_t::replace);
}

std::string to_short_json(const MachineConfig& config) {
  MachineConfig standard;
  standard.alu_lanes = std::max<int64_t>(1, config.tile_out());  // what parse_config fills in
  nlohmann::ordered_json out = Json::object();
  if (config.name != standard.name && config.name != derived_name(config)) out["name"] = config.name;
  for (const auto& f : detail::config_fields())
    if (config.*f.member != standard.*f.member) out[std::string(f.name)] = config.*f.member;
  return out.dump(-1, ' ', true, Json::error_handler_t::replace);
}

}  // namespace tc::isa
