#include "inputs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "host.h"
#include "output.h"
#include "tc/runtime/c_api.h"

namespace tc::cli {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxList = size_t{16} << 20;
constexpr size_t kMaxShownBadLines = 5;

/// A descriptor that closes itself.
struct File {
  int fd;
  ~File() {
    if (fd > STDIN_FILENO) ::close(fd);
  }
};

Error cannot_read(const std::string& path) {
  return Error("io.read", fmt::format("cannot read {}: {}", path, std::strerror(errno)))
      .fix("name a file that may be read, or - for standard input");
}

Error cannot_write(const std::string& path) {
  return Error("io.write", fmt::format("cannot write {}: {}", path, std::strerror(errno)))
      .fix("name a file in a folder that exists and may be written");
}

bool is_key_value(std::string_view word) {
  return word.find_first_of(" \t:") == std::string_view::npos && word.find('=') != std::string_view::npos;
}

std::vector<std::string> lines_of(const std::string& path) {
  const std::string text = read_file(path, kMaxList);
  std::vector<std::string> out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    at = end + 1;
    line.erase(std::min(line.find('#'), line.size()));
    line.erase(line.find_last_not_of(" \t\r") + 1);
    line.erase(0, line.find_first_not_of(" \t"));
    if (!line.empty()) out.push_back(std::move(line));
  }
  return out;
}

std::string beside(const fs::path& folder) {
  for (const char* place : {"tc-worker", "../tools/tc-worker"})
    if (::access((folder / place).c_str(), X_OK) == 0) return (folder / place).lexically_normal();
  return "";
}

}  // namespace

std::string read_file(const std::string& path, size_t max_bytes) {
  const File file{path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) throw cannot_read(path);
  std::string text;
  char block[1 << 16];
  for (;;) {
    const ssize_t n = ::read(file.fd, block, sizeof block);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw cannot_read(path);
    if (n == 0) return text;
    text.append(block, static_cast<size_t>(n));
    if (text.size() > max_bytes)
      throw Error("io.read.size", fmt::format("{} is too long", path))
          .fact("expected", fmt::format("at most {} bytes", max_bytes))
          .fix("name the right file");
  }
}

void write_file(const std::string& path, std::string_view text) {
  const std::string staged = fmt::format("{}.{}.tmp", path, ::getpid());
  std::FILE* out = std::fopen(staged.c_str(), "wb");
  if (!out) throw cannot_write(path);
  const bool written = std::fwrite(text.data(), 1, text.size(), out) == text.size();
  if (std::fclose(out) != 0 || !written || std::rename(staged.c_str(), path.c_str()) != 0) {
    const Error error = cannot_write(path);
    std::remove(staged.c_str());
    throw error;
  }
}

std::vector<Workload> parse_workloads(const std::vector<std::string>& args) {
  std::vector<std::string> texts;
  bool open = false;  // whether the last text may go on
  for (const std::string& arg : args) {
    if (arg.rfind('@', 0) == 0) {
      for (std::string& line : lines_of(arg.substr(1))) texts.push_back(std::move(line));
      open = false;
    } else if (open && is_key_value(arg)) {
      texts.back() += " " + arg;
    } else {
      texts.push_back(arg);
      open = true;
    }
  }
  std::vector<Workload> out;
  for (const std::string& text : texts) out.push_back(parse_workload(text).value());
  TC_REQUIRE(!out.empty(), Error("cli.usage", "there is no workload").fix("tensorc workloads"));
  return out;
}

Workload parse_one_workload(const std::vector<std::string>& args) {
  std::vector<Workload> all = parse_workloads(args);
  TC_REQUIRE(all.size() == 1,
             Error("cli.usage", fmt::format("this command takes one workload, not {}", all.size()))
                 .fact("first", all[0].text())
                 .fact("second", all[1].text())
                 .fix("give one; tensorc tune and tensorc bench take several"));
  return std::move(all[0]);
}

std::vector<Workload> calls_of(const Workload& workload, const std::vector<std::string>& at) {
  if (at.empty()) return workload.judged();
  const std::vector<WorkloadRange> ranges = workload.ranges();
  std::string keys;
  for (const WorkloadRange& r : ranges) keys += fmt::format("{}{}=64", keys.empty() ? "" : " ", r.key);
  const auto wrong = [&](std::string what, const std::string& given) {
    return Error("cli.usage", std::move(what))
        .fact("got", given)
        .fact("workload", workload.text())
        .fix(ranges.empty() ? "leave out --at" : fmt::format("give every size once, e.g. --at \"{}\"", keys));
  };
  std::vector<Workload> out;
  for (const std::string& text : at) {
    std::vector<int64_t> values(ranges.size(), -1);
    std::istringstream words(text);
    for (std::string word; words >> word;) {
      const size_t equals = std::min(word.find('='), word.size());
      const auto range = std::find_if(ranges.begin(), ranges.end(), [&](const WorkloadRange& r) {
        return r.key == std::string_view(word).substr(0, equals);
      });
      TC_REQUIRE(range != ranges.end(), wrong("--at names no size of the workload", word));
      int64_t v = -1;
      const char *first = word.data() + std::min(equals + 1, word.size()), *end = word.data() + word.size();
      const auto [stop, ec] = std::from_chars(first, end, v);
      TC_REQUIRE(ec == std::errc() && stop == end && v >= range->least && v <= INT32_MAX,
                 wrong(fmt::format("{} must be a number of {} or more", range->key, range->least), word));
      values[static_cast<size_t>(range - ranges.begin())] = v;
    }
    TC_REQUIRE(!values.empty() && std::find(values.begin(), values.end(), -1) == values.end(),
               wrong("--at leaves a size open", text));
    out.push_back(parse_workload(workload.at(values).text()).value());
  }
  return out;
}

autotune::Log load_log(const std::string& path) {
  if (path.empty()) return {};
  const std::string paths[] = {path};
  autotune::Log log = autotune::Log::load(paths).value();
  for (size_t i = 0; i < log.bad().size(); ++i) {
    if (i == kMaxShownBadLines) {
      note(fmt::format("warning: {} more; `tensorc log check {}` lists them", log.bad().size() - i, path));
      break;
    }
    note("warning: " + log.bad()[i].str());
  }
  return log;
}

codegen::Target parse_target(const std::string& text) { return codegen::Target::parse(text).value(); }

std::string find_worker() {
  if (const char* given = std::getenv("TC_WORKER"); given && *given) {
    TC_REQUIRE(::access(given, X_OK) == 0, Error("cli.worker", "TC_WORKER does not name a program")
                                               .fact("got", given)
                                               .fix("unset TC_WORKER to use the one beside tensorc"));
    return given;
  }
  std::error_code ignored;
  const fs::path self = fs::read_symlink("/proc/self/exe", ignored);
  const std::string found = beside(self.parent_path());
  TC_REQUIRE(!found.empty(), Error("cli.worker", "there is no tc-worker beside this program")
                                 .fact("looked in", self.parent_path().string())
                                 .fix("install both, or name it by TC_WORKER"));
  return found;
}

int use_threads(int wanted) {
  tc_set_num_threads(wanted);
  const int got = tc_num_threads();
  TC_REQUIRE(wanted <= got,
             Error("cli.threads", fmt::format("there are not as many CPUs as threads were asked for"))
                 .fact("expected", fmt::format("at most {}", got))
                 .fact("got", std::to_string(wanted))
                 .fix("give fewer threads, or leave --threads out"));
  return got;
}

void require_memory(double bytes) {
  const double available = available_memory();
  TC_REQUIRE(bytes <= available, Error("cli.memory", "the tensors need more memory than there is")
                                     .fact("needed", fmt::format("{:.1f} MB", bytes * 1e-6))
                                     .fact("available", fmt::format("{:.1f} MB", available * 1e-6))
                                     .fix("use smaller extents, or close other programs"));
}

}  // namespace tc::cli
