// A record to its line and back. The checksum covers the bytes of the line
// with the crc member cut out, so it needs no canonical JSON: the line ends in
//   ,"crc":"0123abcd"}
#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "tc/autotune/hash.h"
#include "tc/autotune/record.h"

namespace tc::autotune {
namespace {

constexpr std::string_view kCrcHead = ",\"crc\":\"";
constexpr size_t kCrcTail = 8 + 8 + 2;  // head, hex digits, quote and brace

Error bad(std::string_view what, std::string message) {
  return Error(fmt::format("log.{}", what), std::move(message))
      .fix(what == "version" ? "use a newer tc" : "tensorc log merge LOG -o NEW keeps the intact lines");
}

/// Reads typed members of one object and remembers the first that is wrong.
class Fields {
 public:
  explicit Fields(const Json& json, std::string prefix = "") : json_(json), prefix_(std::move(prefix)) {
    if (!json_.is_object()) fail("", "an object");
  }
  void text(const char* key, std::string& out) {
    read(key, "text", out, [](const Json& v) { return v.is_string(); });
  }
  void integer(const char* key, int64_t& out) {
    read(key, "an integer", out, [](const Json& v) {
      return v.is_number_integer() && !(v.is_number_unsigned() && v.get<uint64_t>() > INT64_MAX);
    });
  }
  void seed(const char* key, uint64_t& out) {
    read(key, "an unsigned integer", out, [](const Json& v) { return v.is_number_unsigned(); });
  }
  void number(const char* key, double& out) {
    read(key, "a number", out, [](const Json& v) { return v.is_number(); });
  }
  void flag(const char* key, bool& out) {
    read(key, "true or false", out, [](const Json& v) { return v.is_boolean(); });
  }
  void texts(const char* key, std::vector<std::string>& out) {
    read(key, "a list of texts", out,
         [](const Json& v) { return all(v, [](const Json& e) { return e.is_string(); }); });
  }
  void numbers(const char* key, std::vector<double>& out) {
    read(key, "a list of numbers", out,
         [](const Json& v) { return all(v, [](const Json& e) { return e.is_number(); }); });
  }
  void fail(std::string_view key, std::string_view expected) {
    if (!error_) error_ = bad("field", fmt::format("{}{} is not {}", prefix_, key, expected));
  }
  [[nodiscard]] const Json* member(const char* key) const {
    if (!json_.is_object()) return nullptr;
    const auto it = json_.find(key);
    return it == json_.end() ? nullptr : &*it;
  }
  [[nodiscard]] const Check& error() const { return error_; }

 private:
  template <class F>
  static bool all(const Json& v, F&& test) {
    return v.is_array() && std::all_of(v.begin(), v.end(), test);
  }
  template <class T, class F>
  void read(const char* key, std::string_view expected, T& out, F&& fits) {
    const Json* v = member(key);
    if (!v || !fits(*v)) return fail(key, expected);
    out = v->get<T>();
  }

  const Json& json_;
  std::string prefix_;
  Check error_;
};

Check read_target(const Json& json, RecordTarget& out) {
  Fields f(json, "target.");
  f.text("kind", out.kind);
  f.text("triple", out.triple);
  f.text("cpu", out.cpu);
  f.texts("isa", out.isa);
  f.texts("tune", out.tune);
  f.integer("threads", out.threads);
  return f.error();
}

Check read_check(const Json& json, OutputCheck& out) {
  Fields f(json, "check.");
  f.text("oracle", out.oracle);
  f.integer("elements", out.elements);
  // An infinite error prints as null: JSON has no infinity.
  if (const Json* e = f.member("max_err"); e && e->is_null())
    out.max_err = std::numeric_limits<double>::infinity();
  else
    f.number("max_err", out.max_err);
  f.flag("passed", out.passed);
  return f.error();
}

Check read_nested(const Json& json, Record& r) {
  const Json none;
  const auto part = [&](const char* key) -> const Json& { return json.contains(key) ? json[key] : none; };
  if (Check e = read_target(part("target"), r.target)) return e;
  Fields build(part("build"), "build.");
  build.text("tc", r.build.tc);
  build.text("llvm", r.build.llvm);
  if (part("build").contains("code")) build.integer("code", r.build.code);
  if (build.error()) return build.error();
  Expected<Point> point = point_from_json(part("decisions"));
  if (!point) return bad("field", point.error().message());
  r.decisions = point.value();
  if (json.contains("check") && !json["check"].is_null()) {
    r.check.emplace();
    return read_check(json["check"], *r.check);
  }
  return std::nullopt;
}

/// An ok record must have earned it: this guards the log against files made elsewhere.
Check believable(const Record& r) {
  for (const double ns : r.run_ns)
    if (!std::isfinite(ns) || ns <= 0)
      return bad("field", "run_ns holds a sample that is not a positive time");
  if (!r.ok()) return std::nullopt;
  if (r.run_ns.empty()) return bad("field", "status is ok but run_ns is empty");
  if (!r.check || !r.check->passed) return bad("field", "status is ok but no check has passed");
  return std::nullopt;
}

}  // namespace

Json to_json(const RecordTarget& t) {
  return {{"kind", t.kind}, {"triple", t.triple}, {"cpu", t.cpu},
          {"isa", t.isa},   {"tune", t.tune},     {"threads", t.threads}};
}

std::string to_line(const Record& r) {
  Json j = Json::object();
  j["v"] = r.version;
  j["kind"] = r.kind;
  j["id"] = r.id;
  j["run"] = r.run;
  j["workload"] = r.workload;
  j["workload_hash"] = r.workload_hash;
  j["target"] = to_json(r.target);
  j["build"] = {{"tc", r.build.tc}, {"llvm", r.build.llvm}, {"code", r.build.code}};
  j["decisions"] = to_json(r.decisions);
  j["steps"] = r.steps;
  j["status"] = to_string(r.status);
  if (r.status == Status::unknown && r.raw.contains("status")) j["status"] = r.raw["status"];
  j["message"] = r.message;
  j["build_s"] = r.build_s;
  j["run_ns"] = r.run_ns;
  if (r.check)
    j["check"] = {{"oracle", r.check->oracle},
                  {"elements", r.check->elements},
                  {"max_err", r.check->max_err},
                  {"passed", r.check->passed}};
  j["seed"] = r.seed;
  j["ts"] = r.ts;
  if (r.raw.is_object()) {
    for (const auto& [key, value] : r.raw.items())
      if (!j.contains(key) && key != "crc" && key != "check") j[key] = value;
    for (const char* part : {"target", "build", "check"})
      if (r.raw.contains(part) && r.raw[part].is_object() && j.contains(part))
        for (const auto& [key, value] : r.raw[part].items())
          if (!j[part].contains(key)) j[part][key] = value;
  }
  std::string line = dump_json(j);
  const uint32_t crc = crc32(line);
  line.pop_back();
  return line + fmt::format("{}{:08x}\"}}", kCrcHead, crc);
}

Expected<Record> record_from_line(std::string_view line, int max_depth) {
  Expected<Json> json = parse_json(line, max_depth);
  if (!json) return bad("json", json.error().message());
  Record r;
  r.raw = std::move(json.value());
  if (!r.raw.is_object()) return bad("json", "not a JSON object");
  const bool sealed =
      line.size() > kCrcTail && line.substr(line.size() - kCrcTail, kCrcHead.size()) == kCrcHead;
  if (!sealed) return bad("checksum", "the line does not end in a checksum (\"crc\")");
  const std::string body = std::string(line.substr(0, line.size() - kCrcTail)) + "}";
  if (fmt::format("{:08x}", crc32(body)) != line.substr(line.size() - 10, 8))
    return bad("checksum", "the checksum does not match: the line was damaged");

  Fields f(r.raw);
  f.integer("v", r.version);
  if (!f.error() && (r.version < 1 || r.version > kRecordVersion))
    return bad("version", fmt::format("written in format version {}; this tc reads up to version {}",
                                      r.version, kRecordVersion));
  f.text("kind", r.kind);
  f.text("id", r.id);
  f.text("run", r.run);
  f.text("workload", r.workload);
  f.text("workload_hash", r.workload_hash);
  f.text("steps", r.steps);
  std::string status;
  f.text("status", status);
  f.text("message", r.message);
  f.number("build_s", r.build_s);
  f.numbers("run_ns", r.run_ns);
  f.seed("seed", r.seed);
  f.text("ts", r.ts);
  if (f.error()) return *f.error();
  r.status = status_from(status);
  if (Check e = read_nested(r.raw, r)) return *e;
  if (sha256_hex(r.workload) != r.workload_hash)
    return bad("field", "workload_hash is not the SHA-256 of workload");
  if (Check e = believable(r)) return *e;
  return r;
}

}  // namespace tc::autotune
