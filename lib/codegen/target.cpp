#include "tc/codegen/target.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "target_parts.h"
#include "tc/support/source_text.h"

namespace tc::codegen {

void set_vector_registers(Target& t) {
  const bool avx512 = t.has("avx512f") && t.has("avx512vl") && t.has("avx512bw") && t.has("avx512dq");
  t.vector_bits = avx512 ? 512 : t.has("avx") ? 256 : 128;
  t.num_vector_registers = avx512 ? 32 : 16;
}

std::string machine_key(const Target& t) {
  std::string key = fmt::format("{} {} {} {}", t.kind, t.triple, t.cpu, t.vector_bits);
  for (const std::string& f : t.isa) key += " +" + f;
  return key;
}

Target Target::host() { return detected_host(); }

bool Target::has(std::string_view feature) const {
  return std::binary_search(isa.begin(), isa.end(), feature);
}

namespace {

Error bad_target(std::string_view text, std::string what,
                 std::string fix = "write cpu, cpu -mcpu=NAME -mattr=+FEATURE,-FEATURE, or accel:FILE") {
  return Error("codegen.target", std::move(what)).fact("target", std::string(text)).fix(std::move(fix));
}

constexpr size_t kMaxConfig = size_t{1} << 20;

Expected<std::string> read_config(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(kMaxConfig, '\0');
  if (in) in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in.eof())  // a folder can be opened, but not read
    return Error("codegen.target.config", fmt::format("there is no machine {}", printable(path)))
        .fact("why", in.is_open() && in ? "the file has more than 1 MiB" : std::strerror(errno))
        .fact("known by name", fmt::format("{}", fmt::join(isa::builtin_config_names(), ", ")))
        .fix("name one of these, or a file with the machine as JSON");
  text.resize(static_cast<size_t>(in.gcount()));
  return text;
}

Expected<Target> parse_accel(std::string_view text) {
  const std::string_view what = text == "accel" ? "vta" : text.substr(6);
  if (what.empty())
    return Error("codegen.target.config", "accel: names no machine")
        .fact("known by name", fmt::format("{}", fmt::join(isa::builtin_config_names(), ", ")))
        .fix("write accel:NAME, accel:FILE, or accel for the default machine");
  if (const auto named = isa::builtin_config(what)) return Target::accel(*named);
  const bool inline_text = what.starts_with("{");
  auto json = inline_text ? Expected<std::string>(std::string(what)) : read_config(std::string(what));
  if (!json) return json.error();
  auto machine = isa::parse_config(json.value(), inline_text ? "target" : what);
  if (!machine) return machine.error();
  return Target::accel(machine.value());
}

// "+avx2,-avx512f" onto the features of `t`; what goes wrong, or nothing.
std::string apply_attributes(Target& t, const std::string& list) {
  std::stringstream items(list);
  for (std::string item; std::getline(items, item, ',');) {
    const std::string name = item.substr(std::min<size_t>(1, item.size()));
    if (item.size() < 2 || (item[0] != '+' && item[0] != '-'))
      return fmt::format("the attribute `{}` does not start with + or -", item);
    if (!is_isa_feature(name)) return fmt::format("there is no instruction-set feature {}", name);
    const auto at = std::lower_bound(t.isa.begin(), t.isa.end(), name);
    const bool there = at != t.isa.end() && *at == name;
    if (item[0] == '+' && !there) t.isa.insert(at, name);
    if (item[0] == '-' && there) t.isa.erase(at);
  }
  return "";
}

}  // namespace

Expected<Target> Target::parse(std::string_view text) {
  std::stringstream words{std::string(text)};
  std::string kind;
  words >> kind;
  if (text.starts_with("accel:") || text == "accel") return parse_accel(text);
  Target t = detected_host();
  if (kind == "accel")
    return bad_target(text, "accel takes no options; the processor beside it is this machine's");
  if (kind != "cpu") return bad_target(text, fmt::format("there is no target of kind `{}`", kind));
  std::string attributes;
  for (std::string word; words >> word;) {
    if (word.rfind("-mcpu=", 0) == 0) {
      t.cpu = word.substr(6);
      if (t.cpu == "native") t.cpu = detected_host().cpu;
      CpuFeatures features = cpu_features(t.triple, t.cpu);
      if (!features.known)
        return bad_target(text, fmt::format("there is no processor `{}`", t.cpu),
                          features.near.empty()
                              ? "name one that LLVM knows, or leave -mcpu out for this machine's"
                              : fmt::format("did you mean -mcpu={}?", features.near));
      if (!features.is_64_bit)
        return bad_target(
            text,
            fmt::format("the processor {} has no 64-bit mode, and code is made for {}", t.cpu, t.triple),
            "name a 64-bit processor, e.g. -mcpu=x86-64, or leave -mcpu out for this machine's");
      t.isa = word == "-mcpu=native" ? detected_host().isa : std::move(features.isa);
      t.tune = std::move(features.tune);
    } else if (word.rfind("-mattr=", 0) == 0) {
      attributes += word.substr(7) + ",";
    } else {
      return bad_target(text, fmt::format("there is no target option `{}`", word));
    }
  }
  if (std::string wrong = apply_attributes(t, attributes); !wrong.empty())
    return bad_target(text, std::move(wrong));
  set_vector_registers(t);
  return t;
}

Expected<Target> Target::accel(const isa::MachineConfig& machine) {
  if (Check wrong = isa::validate(machine)) return *wrong;
  Target t = detected_host();
  t.kind = "accel";
  t.config = isa::to_short_json(machine);
  return t;
}

isa::MachineConfig Target::machine() const {
  TC_REQUIRE(is_accel(), Error("codegen.target.machine", "the target is no accelerator")
                             .fact("target", text())
                             .fix("ask is_accel() first, or name a machine: accel:FILE"));
  return isa::parse_config(config, "target").value();
}

Target Target::host_part() const {
  Target t = *this;
  t.kind = "cpu";
  t.config.clear();
  return t;
}

std::string Target::text() const {
  if (is_accel()) {
    const isa::MachineConfig m = machine();
    return isa::builtin_config(m.name) == m ? "accel:" + m.name : "accel:" + config;
  }
  std::string out = "cpu -mcpu=" + cpu, attributes;
  const CpuFeatures named = cpu_features(triple, cpu);
  const auto list = [&](char sign, const std::vector<std::string>& in,
                        const std::vector<std::string>& not_in) {
    for (const std::string& f : in)
      if (!std::binary_search(not_in.begin(), not_in.end(), f))
        attributes += fmt::format("{}{}{}", attributes.empty() ? "" : ",", sign, f);
  };
  list('+', isa, named.isa);
  list('-', named.isa, isa);
  return attributes.empty() ? out : out + " -mattr=" + attributes;
}

Check Target::runs_on(const Target& machine) const {
  std::string missing;
  for (const std::string& f : isa)
    if (!machine.has(f)) missing += (missing.empty() ? "" : " ") + f;
  if (kind != "cpu" || triple != machine.triple || !missing.empty())
    return Error("codegen.target.unsupported", "this machine cannot run code of that target")
        .fact("target", text())
        .fact("machine", machine.text())
        .fact("missing", missing)
        .fix("export a library for it, or compile for the target cpu");
  return std::nullopt;
}

}  // namespace tc::codegen
