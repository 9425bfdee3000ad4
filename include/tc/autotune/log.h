// The tuned-operator log: JSON Lines, one record a line. Reading survives any
// damage and says what it skipped; writing survives being killed at any moment.
// Local disks only: advisory locks and O_APPEND promise nothing over NFS.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tc/autotune/record.h"
#include "tc/autotune/workload_key.h"

namespace tc::autotune {

/// What a log may ask of the reader; the file is hostile input.
struct LogLimits {
  size_t max_line = size_t{1} << 20;  ///< bytes; a longer line is skipped unread
  size_t max_records = 10'000'000;
  size_t max_bad = 100'000;  ///< reported; further ones are only counted
  int max_depth = 16;
};

/// A line that holds no usable record, and why.
struct BadLine {
  std::string file;
  int64_t line = 0;  ///< from 1
  std::string code;  ///< e.g. log.checksum
  std::string reason;
  /// "tuned.jsonl:17: the checksum does not match"
  [[nodiscard]] std::string str() const;
};

/// All that a file holds: every intact record, and every other line by number.
struct LogFile {
  std::vector<Record> records;
  std::vector<BadLine> bad;
  int64_t bad_lines = 0;
  int64_t lines = 0;
};

/// Reads a log. A missing file is Error log.missing, an unreadable one log.read.
[[nodiscard]] Expected<LogFile> read_log(const std::string& path, const LogLimits& limits = {});

/// Appends records to a log, whole lines only, safely beside other writers.
class LogWriter {
 public:
  /// Opens or creates. A torn last line, left by a writer that was killed, is
  /// moved to FILE.torn and reported in warnings(). Error log.open.
  [[nodiscard]] static Expected<LogWriter> open(const std::string& path);
  LogWriter(LogWriter&&) noexcept;
  LogWriter& operator=(LogWriter&&) noexcept;
  ~LogWriter();

  /// One write() of one line under the file's lock, then fdatasync: when this
  /// returns, the record survives a crash of the machine. Error log.write.
  [[nodiscard]] Check append(const Record& record);
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  LogWriter(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  Check reopen_if_replaced();
  Check set_torn_tail_aside();
  std::string path_;
  int fd_ = -1;
  std::vector<std::string> warnings_;
};

/// Where the schedule of a build came from; printed with every build.
struct Lookup {
  enum class Source { tuned, nearest, default_schedule } source = Source::default_schedule;
  std::optional<Record> record;  ///< nothing for the default schedule
  double cost_ns = 0;            ///< measured for `record`'s own workload
  std::string why;               ///< one sentence
};
[[nodiscard]] std::string_view to_string(Lookup::Source source);

/// How far two workloads are apart, or nothing where one is no guide to the other.
using WorkloadDistance = std::function<std::optional<double>(const WorkloadKey&, const WorkloadKey&)>;

/// Which records may be taken at all; an empty one lets all pass.
using RecordFilter = std::function<bool(const Record&)>;

/// What a log knows of one workload on one machine.
struct TaskStats {
  std::string workload;
  RecordTarget target;
  int64_t trials = 0;
  std::map<Status, int64_t> statuses;
  double best_ns = 0;  ///< infinity where nothing is ok
};

/// Records in memory, to be asked for the best. Holds no file open.
class Log {
 public:
  Log() = default;
  explicit Log(std::vector<Record> records);
  /// Reads and joins several files; bad lines are kept for bad().
  [[nodiscard]] static Expected<Log> load(std::span<const std::string> paths, const LogLimits& limits = {});

  [[nodiscard]] const std::vector<Record>& records() const { return records_; }
  [[nodiscard]] const std::vector<BadLine>& bad() const { return bad_; }

  /// The fastest ok record that applies to `host`, or null. Where finalists
  /// were measured again, the fastest of them, unless a later trial beat every
  /// finalist's own trial: a lucky sample must not outrank a second look.
  /// Records of the host's own cpu come before those of other machines, and those of
  /// the newest code generator (BuildStamp) before older ones: their times do not compare.
  [[nodiscard]] const Record* best(const WorkloadKey& workload, const RecordTarget& host,
                                   const RecordFilter& usable = {}) const;
  /// Tuned, else the nearest workload's record, else the default; and why.
  [[nodiscard]] Lookup lookup(const WorkloadKey& workload, const RecordTarget& host,
                              const WorkloadDistance& distance = workload_distance,
                              const RecordFilter& usable = {}) const;
  /// One entry a task, in the order of first appearance.
  [[nodiscard]] std::vector<TaskStats> stats() const;

 private:
  std::vector<Record> records_;
  std::vector<BadLine> bad_;
  std::map<std::string, std::vector<size_t>> by_workload_;  // hash -> indices
};

struct MergeReport {
  int64_t written = 0, duplicates = 0;
  std::vector<BadLine> bad;  ///< lines left out
};
/// The lines of the records of `inputs`, in order, each id once.
struct MergedLog {
  std::string text;
  MergeReport report;
};
[[nodiscard]] Expected<MergedLog> merged_log(std::span<const std::string> inputs,
                                             const LogLimits& limits = {});
/// Writes what merged_log gives to `output` in one rename. The output may be one of
/// the inputs.
[[nodiscard]] Expected<MergeReport> merge_logs(std::span<const std::string> inputs, const std::string& output,
                                               const LogLimits& limits = {});

}  // namespace tc::autotune
