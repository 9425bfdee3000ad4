// What the tests of the log share: a typical record, and a place for files.
#pragma once
#include <sys/wait.h>
#include <unistd.h>

#include <spawn.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tc/autotune/hash.h"
#include "tc/autotune/log.h"

namespace tc::autotune {

inline RecordTarget sample_target() {
  return {"cpu", "x86_64-linux-gnu", "haswell", {"avx2", "fma"}, {"prefer-no-gather"}, 2};
}

/// An ok trial of a matmul; `n` varies its id, decisions and time.
inline Record sample_record(int64_t n) {
  Record r;
  r.id = "id-" + std::to_string(n);
  r.run = "run";
  r.workload = "matmul m=64 n=64 k=64";
  r.workload_hash = sha256_hex(r.workload);
  r.target = sample_target();
  r.build = {"0.1.0", "19.1.7"};
  r.decisions = {{"tile_y", 6}, {"tile_x", n}};
  r.steps = "tile C y x 6 16\nvectorize C x_in";
  r.status = Status::ok;
  r.build_s = 0.25;
  r.run_ns = {1000.5 + static_cast<double>(n), 1001 + static_cast<double>(n), 1002 + static_cast<double>(n)};
  r.check = {"te::evaluate", 4096, 0.0, true};
  r.seed = 0xfedcba9876543210ull;
  r.ts = "2026-01-31T12:00:00.000Z";
  return r;
}

/// A directory of the test's own, removed at the end.
class TemporaryDir {
 public:
  TemporaryDir() {
    std::string name = (std::filesystem::temp_directory_path() / "tc-autotune-XXXXXX").string();
    if (!::mkdtemp(name.data())) std::abort();
    path_ = name;
  }
  ~TemporaryDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

inline void write_text(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

/// Starts a program with stdout on `out`, or inherited where out is -1.
inline pid_t start(const std::vector<std::string>& command, int out = -1) {
  std::vector<char*> argv;
  for (const std::string& a : command) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  if (out >= 0) posix_spawn_file_actions_adddup2(&files, out, 1);
  pid_t pid = -1;
  ::posix_spawn(&pid, argv[0], &files, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  return pid;
}

}  // namespace tc::autotune
