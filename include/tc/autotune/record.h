// A record of the tuned-operator log: one trial, self-contained, one line of
// JSON. This header is the schema; log.h is the file. A record describes a
// schedule by its steps and decisions, never by a place in some space.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tc/autotune/json.h"
#include "tc/autotune/point.h"

namespace tc::autotune {

/// The major version of the format. A reader refuses newer ones by name;
/// new fields need no new version, because unknown fields are kept.
inline constexpr int64_t kRecordVersion = 1;

/// How a trial ended. There is no sentinel cost: only `ok` has samples that count.
enum class Status {
  ok,             // built, checked against the oracle, timed
  invalid,        // the schedule is not legal for this shape
  build_error,    // the compiler refused it
  build_timeout,  // compiling took too long
  run_timeout,    // checking and timing took too long
  run_error,      // what was built refused to run
  crash,          // the worker died
  out_of_memory,  // a limit or the machine's memory was reached
  wrong_result,   // the output differs from the oracle, or nobody looked
  flaky,          // ok once, not when measured again
  bad_reply,      // the worker's answer could not be understood
  cancelled,      // stopped before it had a result
  unknown,        // a status that a later tc wrote
};
[[nodiscard]] std::string_view to_string(Status status);
[[nodiscard]] Status status_from(std::string_view text);

/// What a trial ran on. ISA features, which a machine must have, are apart from
/// tuning preferences, which it need not share.
struct RecordTarget {
  std::string kind = "cpu";
  std::string triple, cpu;
  std::vector<std::string> isa, tune;
  int64_t threads = 1;

  friend bool operator==(const RecordTarget&, const RecordTarget&) = default;
};
[[nodiscard]] Json to_json(const RecordTarget& target);

/// Whether code tuned for `record` may run on `host`: same kind, triple and
/// threads, and every ISA feature present; of an accelerator every field said.
[[nodiscard]] bool applies_to(const RecordTarget& record, const RecordTarget& host);
/// The first reason why not, "" where it applies.
[[nodiscard]] std::string why_not(const RecordTarget& record, const RecordTarget& host);
/// Whether two targets are the same task: features in any order, tuning
/// preferences aside.
[[nodiscard]] bool same_machine(const RecordTarget& a, const RecordTarget& b);

/// Which tool made the code. Times compare within one `code`, the compiler's
/// kCodeVersion; records of before there was one have 0.
struct BuildStamp {
  std::string tc, llvm;
  int64_t code = 0;
  friend bool operator==(const BuildStamp&, const BuildStamp&) = default;
};

/// How the output was checked before timing.
struct OutputCheck {
  std::string oracle;
  int64_t elements = 0;
  double max_err = 0;
  bool passed = false;
};

/// One trial ("trial"), or a finalist measured again beside its rivals ("final").
struct Record {
  int64_t version = kRecordVersion;
  std::string kind = "trial";
  std::string id, run;
  std::string workload, workload_hash;  // canonical text and its SHA-256
  RecordTarget target;
  BuildStamp build;
  Point decisions;
  std::string steps;
  Status status = Status::unknown;
  std::string message;  // the first error message; "" where ok
  double build_s = 0;
  std::vector<double> run_ns;
  std::optional<OutputCheck> check;
  uint64_t seed = 0;
  std::string ts;
  Json raw = Json::object();  // the record as read: carries fields that this tc does not know

  /// The median of run_ns; infinity unless the record is ok.
  [[nodiscard]] double cost() const;
  [[nodiscard]] bool ok() const { return status == Status::ok; }
};

/// The middle value, or the mean of the two; infinity where there is none.
[[nodiscard]] double median(std::vector<double> values);
/// Now, as 2026-01-31T12:00:00.000Z.
[[nodiscard]] std::string utc_now();

/// The record's line, checksum last, without the newline.
[[nodiscard]] std::string to_line(const Record& record);
/// Reads a line. Errors, all `log.*`: size, json, checksum, version, field.
/// A record that claims ok without a passed check or positive samples is refused.
[[nodiscard]] Expected<Record> record_from_line(std::string_view line, int max_depth = 16);

}  // namespace tc::autotune
