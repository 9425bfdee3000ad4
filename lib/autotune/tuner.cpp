#include "tc/autotune/tuner.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <limits>
#include <random>
#include <unordered_map>
#include <utility>

#include "tc/autotune/hash.h"

namespace tc::autotune {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kPoll = std::chrono::milliseconds(50);
constexpr auto kCancelGrace = std::chrono::milliseconds(500);
constexpr size_t kMaxTraining = 4096;  // the newest trials; training time is linear in them
constexpr double kFinalsShare = 0.1;   // of the time budget, kept for the finalists
constexpr uint64_t kOwnGroup = 0;

std::string random_id() {
  std::random_device device;
  return sha256_hex(fmt::format("{} {} {} {}", device(), device(), ::getpid(),
                                Clock::now().time_since_epoch().count()))
      .substr(0, 16);
}

/// One call of tune(): the state that its phases share.
class Session {
 public:
  Session(const Task& task, Executor& executor, const TuneOptions& options)
      : task_(task), executor_(executor), options_(options), run_(random_id()), model_(model_options()) {}

  Expected<TuneResult> run();

 private:
  struct Trial {
    Candidate candidate;
    std::optional<Record> record;
  };

  ModelOptions model_options() const {
    ModelOptions m;
    m.threads = options_.model_threads;
    m.seed = options_.seed;
    m.should_stop = options_.should_stop;
    return m;
  }
  [[nodiscard]] double elapsed() const {
    return std::chrono::duration<double>(Clock::now() - start_).count();
  }
  [[nodiscard]] bool interrupted() const { return options_.should_stop && options_.should_stop(); }
  /// Whether the budget's share up to now is used up.
  [[nodiscard]] bool late(double share) const {
    return options_.time_budget_s > 0 && elapsed() >= options_.time_budget_s * share;
  }
  [[nodiscard]] double search_share() const { return options_.finalists >= 2 ? 1 - kFinalsShare : 1; }
  [[nodiscard]] int64_t done() const { return result_.resumed + result_.measured; }

  Check prepare();
  Check resume();
  void retry(std::vector<Record> outdated);
  Check search_loop();
  Check finals();
  Check measure(std::vector<Trial>& trials, const char* kind, double time_share);
  Check keep(Record& record);
  void count(const Record& record);
  void learn(const Candidate& candidate, const Record& record);
  void train();
  void report(const Record* last, bool finals) const;
  std::vector<Candidate> finalists() const;
  void stamp(Record& record, const char* kind, uint64_t seed);
  [[nodiscard]] std::optional<TuneEnd> reason_to_end() const;

  const Task& task_;
  Executor& executor_;
  const TuneOptions& options_;
  const Clock::time_point start_ = Clock::now();
  const std::string run_;
  CostModel model_;
  std::unique_ptr<Search> search_;
  std::optional<LogWriter> log_;
  std::vector<Record> records_;  // of this task: from the log, then measured
  std::vector<Sample> samples_;
  std::vector<Candidate> retry_;  // the best points of an older code generator, measured first
  TuneResult result_;
  double best_ns_ = std::numeric_limits<double>::infinity();
  int64_t since_gain_ = 0;
  uint64_t serial_ = 0;
};

Check Session::prepare() {
  if (options_.batch == 0)
    return Error("autotune.options", "the batch is empty")
        .fact("expected", "batch of at least 1")
        .fix("leave batch out");
  SearchOptions s;
  s.seed = options_.seed;
  s.should_stop = [this] { return interrupted() || late(search_share()); };
  Expected<std::unique_ptr<Search>> search = make_search(options_.search, task_.space, s);
  if (!search) return search.error();
  search_ = std::move(search.value());
  search_->set_scorer([this](std::span<const Features> features) {
    const Expected<std::vector<float>> scores =
        model_.ready() ? model_.score(features) : std::vector<float>{};
    return scores ? scores.value() : std::vector<float>{};
  });
  return options_.log_path.empty() ? std::nullopt : resume();
}

/// Trials that the log has are told to the search and never measured again,
/// failed ones included, unless another code generator made what was measured.
/// Opening repairs a torn tail, so read after that.
Check Session::resume() {
  Expected<LogWriter> writer = LogWriter::open(options_.log_path);
  if (!writer) return writer.error();
  log_ = std::move(writer.value());
  result_.warnings = log_->warnings();
  Expected<LogFile> file = read_log(options_.log_path);
  if (!file) return file.error();
  for (const BadLine& b : file.value().bad) result_.warnings.push_back(b.str());
  const std::string hash = task_.workload.hash();
  const Space space(task_.space);
  std::unordered_map<Point, bool, PointHash> told;
  std::vector<Record> outdated;
  for (Record& r : file.value().records) {
    if (r.workload_hash != hash || !same_machine(r.target, task_.target) || r.status == Status::cancelled)
      continue;
    if (interrupted()) break;
    if (r.build.code != options_.build.code) {
      if (r.kind == "trial") outdated.push_back(std::move(r));
      continue;
    }
    if (r.kind == "trial") {
      // The space decides what a point is: order and defaults may have changed.
      Draw draw = space.replay(r.decisions);
      if (!draw.features || told[draw.point]) continue;
      told[draw.point] = true;
      r.decisions = draw.point;
      ++result_.resumed;
      count(r);
      learn({std::move(draw.point), std::move(draw.features.value())}, r);
    }
    records_.push_back(std::move(r));
  }
  since_gain_ = 0;
  std::erase_if(outdated, [&](const Record& r) { return told.contains(r.decisions); });
  retry(std::move(outdated));
  return std::nullopt;
}

/// Trials whose times say nothing of the code that is generated now: they do not count,
/// but what was fastest then is a good place to begin.
void Session::retry(std::vector<Record> outdated) {
  if (outdated.empty()) return;
  result_.warnings.push_back(fmt::format(
      "{} trials of the log were measured with another code generator ({} {}, now {}): they are not counted, "
      "and the fastest are measured again",
      outdated.size(), outdated.back().build.tc, outdated.back().build.code, options_.build.code));
  if (result_.resumed > 0) return;  // an earlier session did that
  std::erase_if(outdated, [](const Record& r) { return !r.ok(); });
  std::stable_sort(outdated.begin(), outdated.end(),
                   [](const Record& a, const Record& b) { return a.cost() < b.cost(); });
  const Space space(task_.space);
  std::unordered_map<Point, bool, PointHash> taken;
  for (const Record& r : outdated) {
    if (retry_.size() == options_.batch) break;
    Draw draw = space.replay(r.decisions);
    if (draw.features && taken.emplace(draw.point, true).second)
      retry_.push_back({std::move(draw.point), std::move(draw.features.value())});
  }
}

void Session::count(const Record& record) {
  ++result_.statuses[record.status];
  if (!record.ok()) result_.first_message.try_emplace(record.status, record.message);
  ++since_gain_;
  if (record.cost() < best_ns_) {
    best_ns_ = record.cost();
    since_gain_ = 0;
  }
}

void Session::learn(const Candidate& candidate, const Record& record) {
  const Result result{record.ok(), record.ok() ? record.cost() : 0};
  search_->tell(candidate, result);
  samples_.push_back({candidate.features, result.ok, result.cost, kOwnGroup});
}

void Session::train() {
  std::vector<Sample> training = options_.warm_start;
  const size_t skip = samples_.size() > kMaxTraining ? samples_.size() - kMaxTraining : 0;
  training.insert(training.end(), samples_.begin() + static_cast<std::ptrdiff_t>(skip), samples_.end());
  const Expected<FitReport> fit = model_.fit(training);
  // Too few trials is normal at first; anything else the user should know, once.
  if (fit || fit.error().code() == "autotune.model.samples") return;
  const std::string warning = "searching without the cost model: " + fit.error().message();
  if (std::find(result_.warnings.begin(), result_.warnings.end(), warning) == result_.warnings.end())
    result_.warnings.push_back(warning);
}

void Session::report(const Record* last, bool finals) const {
  if (!options_.on_progress) return;
  options_.on_progress({done(), options_.trials, result_.measured, best_ns_, elapsed(), finals, last});
}

void Session::stamp(Record& record, const char* kind, uint64_t seed) {
  record.kind = kind;
  record.run = run_;
  record.build = options_.build;
  record.seed = seed;
  record.id = sha256_hex(fmt::format("{} {} {} {} {}", run_, ++serial_, kind, record.workload_hash,
                                     record.decisions.str()))
                  .substr(0, 32);
}

Check Session::keep(Record& record) {
  if (log_)
    if (Check e = log_->append(record)) return e;
  records_.push_back(record);
  return std::nullopt;
}

/// Measures trials, writing each record as it arrives. What was not measured
/// when the session had to stop keeps no record.
Check Session::measure(std::vector<Trial>& trials, const char* kind, double time_share) {
  const bool finals = std::string_view(kind) == "final";
  std::unordered_map<uint64_t, size_t> open;
  for (size_t i = 0; i < trials.size(); ++i) {
    const Point& point = trials[i].candidate.point;
    open[executor_.submit(make_job(task_, point, mix_seed(options_.seed, point.hash()), options_.limits),
                          options_.limits)] = i;
  }
  Check error;
  std::optional<Clock::time_point> give_up;
  while (!open.empty() && (!give_up || Clock::now() < *give_up)) {
    if (!give_up && (error || interrupted() || late(time_share))) {
      executor_.cancel_all();
      give_up = Clock::now() + kCancelGrace;
    }
    for (const JobResult& r : executor_.wait(kPoll)) {
      const auto it = open.find(r.id);
      if (it == open.end()) continue;
      Trial& trial = trials[it->second];
      open.erase(it);
      if (r.status == Status::cancelled) continue;
      trial.record = make_record(task_, trial.candidate.point, r);
      stamp(*trial.record, kind, mix_seed(options_.seed, trial.candidate.point.hash()));
      if (finals) continue;  // pooled over the rounds first
      ++result_.measured;
      count(*trial.record);
      if (!error) error = keep(*trial.record);
      report(&*trial.record, false);
    }
  }
  if (!error) error = executor_.failure();
  return error;
}

std::optional<TuneEnd> Session::reason_to_end() const {
  if (interrupted()) return TuneEnd::interrupted;
  if (done() >= options_.trials) return TuneEnd::trials;
  if (late(search_share())) return TuneEnd::time;
  if (options_.early_stop > 0 && since_gain_ >= options_.early_stop && std::isfinite(best_ns_))
    return TuneEnd::early_stop;
  return std::nullopt;
}

Check Session::search_loop() {
  for (;;) {
    if (const auto end = reason_to_end()) {
      result_.end = *end;
      return std::nullopt;
    }
    train();
    std::vector<Trial> trials;
    const auto left = static_cast<size_t>(options_.trials - done());
    std::vector<Candidate> next = std::exchange(retry_, {});
    if (next.size() > left) next.resize(left);
    if (next.empty()) next = search_->ask(std::min(options_.batch, left));
    for (Candidate& c : next) trials.push_back({std::move(c), std::nullopt});
    if (trials.empty()) {
      result_.end = reason_to_end().value_or(TuneEnd::exhausted);
      return std::nullopt;
    }
    if (Check e = measure(trials, "trial", search_share())) return e;
    // Told in the order asked, not of arrival: the same measurements then give the same search.
    for (const Trial& t : trials)
      if (t.record) learn(t.candidate, *t.record);
  }
}

/// The best points by their trials; none where the log has their finals already.
std::vector<Candidate> Session::finalists() const {
  std::vector<const Record*> ok;
  std::unordered_map<Point, bool, PointHash> has_final;
  for (const Record& r : records_) {
    if (r.kind == "final") has_final[r.decisions] = true;
    if (r.kind == "trial" && r.ok()) ok.push_back(&r);
  }
  std::stable_sort(ok.begin(), ok.end(),
                   [](const Record* a, const Record* b) { return a->cost() < b->cost(); });
  if (ok.size() > options_.finalists) ok.resize(options_.finalists);
  const bool all_done =
      std::all_of(ok.begin(), ok.end(), [&](const Record* r) { return has_final.contains(r->decisions); });
  std::vector<Candidate> out;
  if (ok.size() < 2 || all_done) return out;
  for (const Record* r : ok) out.push_back({r->decisions, {}});
  return out;
}

/// Measures the finalists again, in rounds, each round in an order of its own,
/// so that drift of the machine falls on all alike. One record a finalist.
Check Session::finals() {
  const std::vector<Candidate> chosen = finalists();
  if (chosen.empty()) return std::nullopt;
  Rng rng(mix_seed(options_.seed, 0xf17a1));
  std::unordered_map<Point, Record, PointHash> pooled;
  for (size_t round = 0; round < options_.final_rounds; ++round) {
    std::vector<Trial> trials;
    for (const Candidate& c : chosen) trials.push_back({c, std::nullopt});
    for (size_t i = trials.size(); i > 1; --i) std::swap(trials[i - 1], trials[rng.below(i)]);
    if (Check e = measure(trials, "final", 1)) return e;
    for (Trial& t : trials) {
      if (!t.record) return std::nullopt;  // stopped: half a comparison is none
      const auto [it, is_new] = pooled.try_emplace(t.candidate.point, *t.record);
      Record& all = it->second;
      if (!t.record->ok()) {
        all.message =
            fmt::format("ok as a trial, then {}: {}", to_string(t.record->status), t.record->message);
        all.status = Status::flaky;
      } else if (!is_new && all.ok()) {
        all.run_ns.insert(all.run_ns.end(), t.record->run_ns.begin(), t.record->run_ns.end());
      }
    }
  }
  for (const Candidate& c : chosen) {
    Record& record = pooled.at(c.point);
    if (Check e = keep(record)) return e;
    report(&records_.back(), true);
  }
  return std::nullopt;
}

Expected<TuneResult> Session::run() {
  if (Check e = prepare()) return *e;
  if (Check e = search_loop()) return *e;
  if (options_.finalists >= 2 && options_.final_rounds > 0 && result_.end != TuneEnd::interrupted)
    if (Check e = finals()) return *e;
  if (interrupted()) result_.end = TuneEnd::interrupted;
  result_.invalid = search_->invalid();
  if (search_->first_invalid())
    result_.first_message.try_emplace(Status::invalid, search_->first_invalid()->str());
  const Log log(records_);
  if (const Record* best = log.best(task_.workload, task_.target)) result_.best = *best;
  result_.elapsed_s = elapsed();
  return result_;
}

}  // namespace

std::string_view to_string(TuneEnd end) {
  static constexpr std::array<std::string_view, 5> kNames = {"trials", "exhausted", "time", "early_stop",
                                                             "interrupted"};
  return kNames[static_cast<size_t>(end)];
}

Expected<TuneResult> tune(const Task& task, Executor& executor, const TuneOptions& options) {
  return Session(task, executor, options).run();
}

}  // namespace tc::autotune
