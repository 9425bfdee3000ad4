// A workload names an operator and its sizes in one string, the same in the
// log, on the command line, in benchmarks and in error messages:
//
//   matmul m=1024 n=1024 k=1024 dtype=f32
//   conv2d n=1 c=64 h=56 w=56 k=64 r=3 s=3 stride=1 pad=1 bias=1 act=relu
//   matmul m=1..16..64..512 n=1024 k=1024 dtype=f32
//   graph: func main(a0: f32[4], a1: f32[4]) { ... }
//
// In the third, m is a size that only a call tells: 1 or more, with the buckets 1..16, 17..64 and
// 65..512, which are scheduled and tuned apart and run by one function. The last form carries any
// computation, as a te-form function on one line. Which operators there are, and their keys, stands in one
// table (lib/te/workload_table.cpp), which workload_help() prints.
#pragma once
#include <span>

#include "tc/te/graph.h"

namespace tc {

/// How the value of a key is written.
enum class KeyKind : uint8_t {
  extent,   // integer of 0 or more
  count,    // integer of 1 or more
  integer,  // integer
  flag,     // 0 or 1
  dtype,    // f32, i8, ...
  choice,   // one of a few words
  list,     // integers joined by x: 4x5x6
};

/// One key of an operator.
struct WorkloadKey {
  std::string_view name;
  KeyKind kind;
  std::string_view
      fallback;  // canonical text of the default; "" where it depends on other keys or there is none
  std::string_view doc;
  bool required = false;
  std::string_view choices = {};  // of a choice or dtype: words separated by spaces
  bool sized = false;             // the value may be a range: the key is then a size
};

/// The value of a key that is a range, LEAST..LAST..LAST: every number after the first is the
/// last value of a bucket.
struct WorkloadRange {
  std::string_view key;
  int64_t least = 0;
  std::vector<int64_t> last;  // ascending, one or more
};
/// A size of a workload, called like its key. A call may give more than `greatest`: that is
/// computed as well, but it is not what was tuned.
struct WorkloadSize {
  VarRef var;
  int64_t least = 0, greatest = 0;
};

/// What a workload computes.
struct WorkloadGraph {
  std::vector<Tensor> args;  // in call order: inputs, then outputs
  std::vector<Tensor> outputs;
  Graph graph;
  /// Positions in args of the inputs that are constant by nature: weights,
  /// biases, statistics. What runs often may pack them once.
  std::vector<int> constants;
  std::vector<WorkloadSize> sizes;  // in the order of the keys; none where all are numbers
  double flops = 0;                 // count_flops(graph); with sizes the mean over Workload::judged()
  double bytes = 0;                 // of all args, each once: the least traffic; likewise
};

class Workload;
/// One row of the table.
struct WorkloadOp {
  std::string_view name, doc;
  std::vector<WorkloadKey> keys;                   // in canonical order
  void (*build)(const Workload&, WorkloadGraph&);  // fills args and constants
};
[[nodiscard]] std::span<const WorkloadOp> workload_table();
/// The table as text: an operator a paragraph, a key a line.
[[nodiscard]] std::string workload_help();

/// A parsed, complete workload. One that exists can be built.
class Workload {
 public:
  /// "matmul", or "graph".
  [[nodiscard]] std::string_view name() const;
  /// The canonical text. Two spellings of one workload (order of keys, defaults
  /// given or not, `stride=2x2` for `stride=2`, `axis=-1`) have one: keys stand in
  /// the order of the table; required keys and dtype are always there, others only
  /// where they differ from their default. Parsing it gives it back.
  [[nodiscard]] const std::string& text() const { return text_; }
  /// New tensors on each call.
  [[nodiscard]] WorkloadGraph build() const;

  /// The keys that are ranges, in the order of the table: at most kMaxSizes.
  [[nodiscard]] std::vector<WorkloadRange> ranges() const;
  /// The workload cut into buckets, each with one for every size: of several sizes all combinations,
  /// the last size's fastest; at most kMaxBuckets. One bucket, or numbers, are themselves.
  [[nodiscard]] std::vector<Workload> buckets() const;
  /// Workloads of numbers at which a bucket is checked and timed: every size at its least value,
  /// at a middle one that no small tile divides, and at its greatest; of several sizes also each
  /// at its least beside the greatest of the others. Of several buckets: those of each.
  [[nodiscard]] std::vector<Workload> judged() const;
  /// The workload for one value of each of ranges(), any that is 0 or more.
  [[nodiscard]] Workload at(const std::vector<int64_t>& values) const;

  /// The values by key, defaults filled in; the key must be one of the
  /// operator's, and no range save for `extent`, which gives the size of `graph` that
  /// has the key's name. `has` is false for a key that was left open (m and n where a
  /// shape was given).
  [[nodiscard]] bool has(std::string_view key) const;
  [[nodiscard]] int64_t integer(std::string_view key) const;
  [[nodiscard]] Extent extent(std::string_view key, const WorkloadGraph& graph) const;
  [[nodiscard]] std::vector<int64_t> list(std::string_view key) const;
  [[nodiscard]] DType dtype(std::string_view key = "dtype") const;
  [[nodiscard]] const std::string& word(std::string_view key) const;

  /// Any computation as a workload: `args` in call order, of which those that
  /// are computed are the outputs. Errors: those of to_func, and workload.size
  /// for a text of more than kMaxGraphText characters.
  [[nodiscard]] static Expected<Workload> from_graph(const std::vector<Tensor>& args);

  friend bool operator==(const Workload& a, const Workload& b) { return a.text_ == b.text_; }

  static constexpr size_t kMaxText = 4096, kMaxGraphText = size_t{1} << 16;
  static constexpr size_t kMaxSizes = 3, kMaxBuckets = 64;

 private:
  friend class WorkloadParser;
  Workload() = default;
  /// With other texts in the place of its ranges.
  [[nodiscard]] Workload with(const std::vector<std::string>& texts) const;
  const WorkloadOp* op_ = nullptr;   // null for a graph
  std::vector<std::string> values_;  // one per key of op_, "" where open
  FuncRef func_;                     // of a graph
  std::string text_;
};

/// Errors, each with the text and carets below what is wrong:
///   workload.syntax     not `name key=value ...`
///   workload.operator   no such operator (names the nearest)
///   workload.key        no such key (names the nearest, lists all)
///   workload.duplicate  a key twice
///   workload.missing    a required key is not there
///   workload.value      a value is not of its key's kind, out of range, or a range where a number is due
///   workload.size       the text is too long, or the tensors have more than 2^40 bytes
/// and those of the operator (te.op.*), with the workload as a fact.
[[nodiscard]] Expected<Workload> parse_workload(std::string_view text);
/// The same, throwing the error.
[[nodiscard]] inline Workload workload(std::string_view text) { return parse_workload(text).value(); }

}  // namespace tc
