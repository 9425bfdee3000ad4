// tensorc workloads: which operators there are, and their keys.
#include "declare.h"
#include "output.h"
#include "tc/te/workload.h"

namespace tc::cli {
namespace {

struct Options {};

constexpr const char* kKinds[] = {"extent", "count", "integer", "flag", "dtype", "choice", "list"};

int run(const Options&, bool json) {
  if (!json) {
    print(workload_help());
    return kDone;
  }
  Json ops = Json::array();
  for (const WorkloadOp& op : workload_table()) {
    Json keys = Json::array();
    for (const WorkloadKey& k : op.keys)
      keys.push_back({{"name", k.name},
                      {"kind", kKinds[static_cast<size_t>(k.kind)]},
                      {"required", k.required},
                      {"range", k.sized},
                      {"default", k.fallback},
                      {"choices", k.choices},
                      {"doc", k.doc}});
    ops.push_back({{"name", op.name}, {"doc", op.doc}, {"keys", std::move(keys)}});
  }
  print_json({{"workloads", std::move(ops)}});
  return kDone;
}

}  // namespace

void add_workloads(CLI::App& app, Call& call) {
  add_command<Options>(
      app, call, "workloads", "List the operators that a WORKLOAD can name", [](CLI::App&, Options&) {}, run);
}

}  // namespace tc::cli
