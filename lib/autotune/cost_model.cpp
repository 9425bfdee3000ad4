// The only file that knows XGBoost.
#include "tc/autotune/cost_model.h"

#include <fmt/format.h>
#include <xgboost/c_api.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "tc/autotune/hash.h"
#include "tc/autotune/json.h"

namespace tc::autotune {
namespace {

constexpr int kLeastRounds = 60;  // few held-out samples are a noisy judge, which stops too early
constexpr double kHeldOutShare = 0.2;
constexpr size_t kMaxFeatures = 1 << 16;

Error library_error(std::string_view what) {
  return Error("autotune.model.xgboost", fmt::format("the cost model's library failed to {}", what))
      .fact("reason", XGBGetLastError())
      .fix("the tuner goes on without the model; check that libxgboost is one that tc was built for");
}

/// Throws within this file; fit, score, save and load catch.
void need(int status, std::string_view what) { TC_REQUIRE(status == 0, library_error(what)); }

/// Samples as XGBoost sees them: rows sorted by group, and labels.
class Matrix {
 public:
  Matrix(std::span<const Features> rows, int threads) {
    const size_t width = rows.empty() ? 0 : rows.front().size();
    std::vector<float> flat;
    flat.reserve(rows.size() * width);
    for (const Features& f : rows) flat.insert(flat.end(), f.begin(), f.end());
    need(XGDMatrixCreateFromMat_omp(flat.data(), rows.size(), width, std::numeric_limits<float>::quiet_NaN(),
                                    &handle_, threads),
         "take features");
  }
  ~Matrix() { XGDMatrixFree(handle_); }
  Matrix(const Matrix&) = delete;
  Matrix& operator=(const Matrix&) = delete;
  [[nodiscard]] DMatrixHandle get() const { return handle_; }

  void set_labels(const std::vector<float>& labels, const std::vector<unsigned>& group_sizes) {
    need(XGDMatrixSetFloatInfo(handle_, "label", labels.data(), labels.size()), "take labels");
    need(XGDMatrixSetUIntInfo(handle_, "group", group_sizes.data(), group_sizes.size()), "take groups");
  }

 private:
  DMatrixHandle handle_ = nullptr;
};

class Booster {
 public:
  Booster(const std::vector<DMatrixHandle>& cached, const ModelOptions& options) {
    need(XGBoosterCreate(cached.data(), cached.size(), &handle_), "start");
    const auto set = [&](const char* name, const std::string& value) {
      need(XGBoosterSetParam(handle_, name, value.c_str()), "take a parameter");
    };
    set("nthread", std::to_string(std::max(options.threads, 1)));
    set("verbosity", "0");
    set("objective", "rank:pairwise");
    set("tree_method", "exact");  // few rows: exact splits cost nothing and do not depend on binning
    set("num_pairsample",
        "16");  // pairs drawn a sample and round; the library's 1 wastes what few samples say
    set("max_depth", "3");
    set("eta", "0.15");
    set("lambda", "1");
    set("min_child_weight", "0.1");  // pairwise hessians are small; 1 would stop growth on few samples
    set("subsample", "0.9");
    set("colsample_bytree", "0.8");
    set("seed", std::to_string(options.seed & 0x7fffffff));
  }
  ~Booster() { XGBoosterFree(handle_); }
  Booster(const Booster&) = delete;
  Booster& operator=(const Booster&) = delete;

  void update(int round, const Matrix& m) { need(XGBoosterUpdateOneIter(handle_, round, m.get()), "train"); }
  [[nodiscard]] std::vector<float> predict(const Matrix& m) const {
    bst_ulong n = 0, dim = 0;
    const bst_ulong* shape = nullptr;
    const float* out = nullptr;
    const char* config =
        R"({"type":0,"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":false})";
    need(XGBoosterPredictFromDMatrix(handle_, m.get(), config, &shape, &dim, &out), "predict");
    n = dim == 0 ? 0 : shape[0];
    return {out, out + n};
  }
  [[nodiscard]] std::string save() const {
    bst_ulong size = 0;
    const char* bytes = nullptr;
    need(XGBoosterSaveModelToBuffer(handle_, R"({"format":"json"})", &size, &bytes), "save");
    return {bytes, size};
  }
  void load(const std::string& text) {
    need(XGBoosterLoadModelFromBuffer(handle_, text.data(), text.size()), "load a model");
  }

 private:
  BoosterHandle handle_ = nullptr;
};

/// Samples in the order of their groups, labelled for ranking.
struct Labelled {
  std::vector<Features> rows;
  std::vector<Sample> samples;
  std::vector<float> labels;
  std::vector<unsigned> group_sizes;
};

/// The label is the group's best time over this one's: 1 for the best, 0 for a
/// failure. A pair's order is all that the objective reads.
Labelled label(std::vector<Sample> samples) {
  std::stable_sort(samples.begin(), samples.end(),
                   [](const Sample& a, const Sample& b) { return a.group < b.group; });
  std::map<uint64_t, double> best;
  for (const Sample& s : samples)
    if (s.ok && s.cost > 0) best[s.group] = best.contains(s.group) ? std::min(best[s.group], s.cost) : s.cost;
  Labelled out;
  for (size_t i = 0; i < samples.size(); ++i) {
    const Sample& s = samples[i];
    if (i == 0 || s.group != samples[i - 1].group) out.group_sizes.push_back(0);
    ++out.group_sizes.back();
    out.labels.push_back(s.ok && s.cost > 0 ? static_cast<float>(best[s.group] / s.cost) : 0.0f);
    out.rows.push_back(s.features);
  }
  out.samples = std::move(samples);
  return out;
}

bool stop(const ModelOptions& options) { return options.should_stop && options.should_stop(); }

std::unique_ptr<Booster> train(const Labelled& data, const ModelOptions& options, int rounds) {
  Matrix m(data.rows, options.threads);
  m.set_labels(data.labels, data.group_sizes);
  auto booster = std::make_unique<Booster>(std::vector<DMatrixHandle>{m.get()}, options);
  for (int r = 0; r < rounds && (r == 0 || !stop(options)); ++r) booster->update(r, m);
  return booster;
}

/// The number of rounds that orders samples held out best, and how well.
std::pair<int, double> choose_rounds(const Labelled& learn, const Labelled& held,
                                     const ModelOptions& options) {
  Matrix m(learn.rows, options.threads), h(held.rows, options.threads);
  m.set_labels(learn.labels, learn.group_sizes);
  h.set_labels(held.labels, held.group_sizes);
  Booster booster({m.get(), h.get()}, options);
  int best_round = 1;
  double best = 0;
  for (int r = 0; r < options.max_rounds && !stop(options); ++r) {
    booster.update(r, m);
    const double accuracy = pair_accuracy(held.samples, booster.predict(h));
    if (accuracy > best) {
      best = accuracy;
      best_round = r + 1;
    }
    if (r + 1 - best_round >= options.patience) break;
  }
  return {best_round, best};
}

/// Takes a share of every group away, by the seed.
std::pair<std::vector<Sample>, std::vector<Sample>> hold_out(std::span<const Sample> samples, uint64_t seed) {
  std::map<uint64_t, std::vector<const Sample*>> groups;
  for (const Sample& s : samples) groups[s.group].push_back(&s);
  Rng rng(mix_seed(seed, 0x4f7d));
  std::vector<Sample> learn, held;
  for (auto& [group, members] : groups) {
    for (size_t i = members.size(); i > 1; --i) std::swap(members[i - 1], members[rng.below(i)]);
    const auto away = static_cast<size_t>(static_cast<double>(members.size()) * kHeldOutShare);
    for (size_t i = 0; i < members.size(); ++i) (i < away ? held : learn).push_back(*members[i]);
  }
  return {std::move(learn), std::move(held)};
}

Check usable(std::span<const Sample> samples, const ModelOptions& options) {
  if (samples.size() < options.min_samples)
    return Error("autotune.model.samples", "there are too few trials to learn from")
        .fact("expected", fmt::format("at least {}", options.min_samples))
        .fact("got", std::to_string(samples.size()))
        .fix("measure more trials first; until then search without the model");
  for (size_t i = 0; i < samples.size(); ++i) {
    const Sample& s = samples[i];
    if (s.features.size() != samples.front().features.size() || s.features.empty() ||
        s.features.size() > kMaxFeatures)
      return Error("autotune.model.features", "the feature vectors differ in length")
          .fact("sample", std::to_string(i))
          .fact("expected", std::to_string(samples.front().features.size()))
          .fact("got", std::to_string(s.features.size()))
          .fix("give all samples the features of one function");
  }
  // XGBoost reads NaN as missing but refuses infinities with a message about its own internals.
  for (const Sample& s : samples)
    for (const float f : s.features)
      if (std::isinf(f))
        return Error("autotune.model.features", "a feature is infinite")
            .fix("give finite numbers, or NaN for none");
  if (std::none_of(samples.begin(), samples.end(), [](const Sample& s) { return s.ok; }))
    return Error("autotune.model.samples", "no trial has succeeded, so there is nothing to rank")
        .fix("measure until one does; until then search without the model");
  return std::nullopt;
}

}  // namespace

struct CostModel::Trees {
  std::unique_ptr<Booster> booster;
  size_t features = 0;
};

CostModel::CostModel(ModelOptions options) : options_(std::move(options)) {}
CostModel::CostModel(CostModel&&) noexcept = default;
CostModel& CostModel::operator=(CostModel&&) noexcept = default;
CostModel::~CostModel() = default;

bool CostModel::ready() const { return trees_ != nullptr; }

Expected<FitReport> CostModel::fit(std::span<const Sample> samples) {
  if (Check e = usable(samples, options_)) return *e;
  try {
    FitReport report;
    report.samples = samples.size();
    report.rounds = std::min(kLeastRounds, options_.max_rounds);
    if (samples.size() >= options_.min_held_out) {
      const auto [learn, held] = hold_out(samples, options_.seed);
      report.held_out = held.size();
      if (!held.empty()) {
        const auto [rounds, accuracy] = choose_rounds(label(learn), label(held), options_);
        report.rounds = std::max(rounds, report.rounds);
        report.pair_accuracy = accuracy;
      }
    }
    // The rounds are chosen; now nothing need be held back.
    auto trees = std::make_unique<Trees>();
    trees->booster = train(label({samples.begin(), samples.end()}), options_, report.rounds);
    trees->features = samples.front().features.size();
    trees_ = std::move(trees);
    return report;
  } catch (const Error& e) {
    return e;
  }
}

Expected<std::vector<float>> CostModel::score(std::span<const Features> features) const {
  if (!trees_)
    return Error("autotune.model.samples", "the model has not learned anything yet").fix("call fit first");
  if (features.empty()) return std::vector<float>{};
  for (const Features& f : features)
    if (f.size() != trees_->features)
      return Error("autotune.model.features", "the feature vector is not of the model's length")
          .fact("expected", std::to_string(trees_->features))
          .fact("got", std::to_string(f.size()));
  try {
    return trees_->booster->predict(Matrix(features, options_.threads));
  } catch (const Error& e) {
    return e;
  }
}

Expected<std::string> CostModel::save() const {
  if (!trees_) return Error("autotune.model.samples", "the model has not learned anything yet");
  try {
    const std::string booster = trees_->booster->save();
    return dump_json({{"v", 1},
                      {"kind", "cost_model"},
                      {"features", trees_->features},
                      {"crc", fmt::format("{:08x}", crc32(booster))},
                      {"booster", booster}});
  } catch (const Error& e) {
    return e;
  }
}

Expected<CostModel> CostModel::load(std::string_view text, ModelOptions options) {
  const auto bad = [](std::string why) {
    return Error("autotune.model.load", "this is not a cost model that tc has saved")
        .fact("reason", std::move(why))
        .fix("delete the file; a new model is learned from the log");
  };
  const Expected<Json> json = parse_json(text, 4);
  if (!json) return bad(json.error().message());
  const Json& j = json.value();
  const bool shaped = j.is_object() && j.contains("v") && j["v"] == 1 && j.contains("features") &&
                      j["features"].is_number_unsigned() && j.contains("booster") &&
                      j["booster"].is_string() && j.contains("crc") && j["crc"].is_string();
  if (!shaped) return bad("members are missing, or its version is newer");
  const auto booster = j["booster"].get<std::string>();
  // The library trusts the trees that it is given; the checksum keeps damaged ones away from it.
  if (fmt::format("{:08x}", crc32(booster)) != j["crc"].get<std::string>())
    return bad("the checksum does not match");
  try {
    CostModel model(std::move(options));
    auto trees = std::make_unique<Trees>();
    trees->booster = std::make_unique<Booster>(std::vector<DMatrixHandle>{}, model.options_);
    trees->booster->load(booster);
    trees->features = j["features"].get<size_t>();
    model.trees_ = std::move(trees);
    return model;
  } catch (const Error& e) {
    return e;
  }
}

double pair_accuracy(std::span<const Sample> samples, std::span<const float> scores) {
  double right = 0, pairs = 0;
  const auto cost = [&](size_t i) {
    return samples[i].ok ? samples[i].cost : std::numeric_limits<double>::infinity();
  };
  for (size_t i = 0; i < samples.size(); ++i)
    for (size_t j = i + 1; j < samples.size(); ++j) {
      if (samples[i].group != samples[j].group || cost(i) == cost(j)) continue;
      ++pairs;
      if (scores[i] == scores[j])
        right += 0.5;
      else if ((scores[i] > scores[j]) == (cost(i) < cost(j)))
        ++right;
    }
  return pairs == 0 ? 0.5 : right / pairs;
}

}  // namespace tc::autotune
