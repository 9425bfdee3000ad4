// How long a kernel takes from schedule to callable: lowering, LLVM, linking
// into the process; and again, all of it, from the object cache. Medians over workloads.
//   compile_time LOG WORKLOAD...        (LOG "-": default schedules)
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "tc/autotune/api.h"
#include "tc/runtime/timer.h"

namespace {

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v.empty() ? 0 : v[v.size() / 2];
}

double build_ms(const tc::Workload& w, const tc::autotune::Log& log, const tc::BuildOptions& options) {
  const int64_t t0 = tc::runtime::now_ns();
  (void)tc::build(w, log, 1, options).value();
  return static_cast<double>(tc::runtime::now_ns() - t0) * 1e-6;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 3) {
    std::fprintf(stderr, "usage: compile_time LOG|- WORKLOAD...\n");
    return 2;
  }
  tc::autotune::Log log;
  if (std::string(argv[1]) != "-") {
    const std::string paths[] = {argv[1]};
    log = tc::autotune::Log::load(paths).value();
  }
  const std::string directory = (std::filesystem::temp_directory_path() / "tc_compile_time_cache").string();
  std::vector<double> fresh, disk;
  for (int i = 2; i < argc; ++i) {
    const tc::Workload w = tc::parse_workload(argv[i]).value();
    std::filesystem::remove_all(directory);
    std::vector<double> a, b;
    for (int r = 0; r < 9; ++r) {
      tc::BuildOptions options;
      options.compile.use_cache = false;
      a.push_back(build_ms(w, log, options));
      options.compile.use_cache = true;
      // a cache object of its own each time: from disk, not from memory; the first fills it
      options.compile.cache =
          std::make_shared<tc::codegen::ObjectCache>(tc::codegen::ObjectCache::Options{directory});
      const double ms = build_ms(w, log, options);
      if (r > 0) b.push_back(ms);
    }
    fresh.push_back(median(a));
    disk.push_back(median(b));
    std::printf("%-70s compile %6.2f ms   cached object %6.3f ms\n", w.text().c_str(), fresh.back(),
                disk.back());
  }
  std::printf("median over %zu workloads: compile %.2f ms, from the object cache %.3f ms\n", fresh.size(),
              median(fresh), median(disk));
  std::filesystem::remove_all(directory);
  return 0;
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
