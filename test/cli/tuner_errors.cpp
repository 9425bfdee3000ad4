// What the tuner's parts refuse: choices, decisions, the cost model, workers.
#include <cmath>
#include <stdexcept>

#include "../../lib/autotune/message.h"
#include "error_cases.h"
#include "tc/autotune/api.h"
#include "tc/autotune/choices.h"
#include "tc/autotune/cost_model.h"
#include "tc/autotune/json.h"
#include "tc/autotune/local_executor.h"
#include "tc/autotune/space.h"

namespace tc::test {
namespace {

using namespace autotune;

std::vector<Sample> samples(size_t n) {
  std::vector<Sample> out(n);
  for (size_t i = 0; i < n; ++i) {
    out[i].features = {static_cast<float>(i), 1};
    out[i].cost = 1;
    out[i].ok = true;
  }
  return out;
}

void fit(std::vector<Sample> s) { (void)CostModel().fit(s).value(); }

TuneSettings with_worker(std::string worker) {
  TuneSettings s;
  s.worker = std::move(worker);
  return s;
}

std::vector<ErrorCase> choices() {
  return {
      {"autotune.choices.empty", "choices.option(\"tile\", {})",
       [] { (void)Choices::defaults().option("tile", {}); }},
      {"autotune.choices.name", "choices.flag(\"pack\"), twice",
       [] {
         Choices c = Choices::defaults();
         (void)c.flag("pack");
         (void)c.flag("pack");
       }},
      {"autotune.choices.order", "choices.order(\"loops\", 13)",
       [] { (void)Choices::defaults().order("loops", 13); }},
      {"autotune.choices.value", "choices.option(\"tile\", {4, 2}), replayed with tile=3",
       [] { (void)Choices::replay({{"tile", 3}}).option("tile", {4, 2}); }},
      {"autotune.choices.value", "choices.option(\"tile\", {4, 2}, 3)",
       [] { (void)Choices::defaults().option("tile", {4, 2}, 3); }},
      {"autotune.space.failed", "a schedule function that throws std::out_of_range",
       [] {
         const Space space([](Choices&) -> Expected<Features> { throw std::out_of_range("no axis 3"); });
         (void)space.defaults().features.value();
       }},
      {"autotune.point.syntax", "Point::parse(\"tile_y=6,tile_x\")",
       [] { (void)Point::parse("tile_y=6,tile_x").value(); }},
      {"autotune.point.json", "decisions that are no object",
       [] { (void)point_from_json(Json::array()).value(); }},
      {"autotune.json.syntax", "parse_json(\"{\\\"a\\\": 1\")",
       [] { (void)parse_json("{\"a\": 1").value(); }},
      {"autotune.json.depth", "parse_json of 1000 brackets",
       [] { (void)parse_json(std::string(1000, '[') + std::string(1000, ']')).value(); }},
  };
}

std::vector<ErrorCase> models_and_workers() {
  return {
      {"autotune.search.name", "--search genetic", [] { (void)make_search("genetic", nullptr, {}).value(); }},
      {"autotune.options", "batch = 0",
       [] {
         TuneSettings s = with_worker(std::string(TC_BINARY_DIR) + "/tools/tc-worker");
         s.options.batch = 0;
         (void)tune(parse_workload("relu m=4 n=4").value(), s).value();
       }},
      {"autotune.model.samples", "fit(three trials)", [] { fit(samples(3)); }},
      {"autotune.model.features", "fit(trials, of which one has a feature more)",
       [] {
         auto s = samples(30);
         s[7].features.push_back(1);
         fit(s);
       }},
      {"autotune.model.load", "CostModel::load(\"{}\")", [] { (void)CostModel::load("{}").value(); }},
      {"autotune.worker.missing", "a worker that does not exist",
       [] { (void)tune(parse_workload("relu m=4 n=4").value(), with_worker("/nowhere/tc-worker")).value(); }},
      {"autotune.worker.start", "a worker that is another program",
       [] { (void)tune(parse_workload("relu m=4 n=4").value(), with_worker("/bin/true")).value(); }},
      {"autotune.worker.message", "a worker that sends `hello`",
       [] {
         std::string bytes("\x05\0\0\0hello", 9);
         (void)take_message(bytes)->value();
       }},
  };
}

}  // namespace

ErrorFamily tuner_errors() {
  ErrorFamily f{"autotune", choices()};
  for (ErrorCase& c : models_and_workers()) f.cases.push_back(std::move(c));
  return f;
}

}  // namespace tc::test
