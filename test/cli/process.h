// Running the command as users do: started without a shell, output captured.
#pragma once
#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace tc::test {

struct Finished {
  int exit = -1;  // 128 + the number where a signal ended it
  std::string out, err;
};

/// A running command; its output goes to files, so that it never waits for us.
class Process {
 public:
  /// `input` is its standard input; `environment` is added to ours.
  Process(const std::vector<std::string>& command, const std::string& input = "",
          const std::map<std::string, std::string>& environment = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void signal(int number) const;
  [[nodiscard]] bool running();
  /// What it has written to stderr so far.
  [[nodiscard]] std::string err() const;
  Finished wait();

 private:
  pid_t pid_ = -1;
  int status_ = 0;
  bool done_ = false;
  int out_, err_;  // descriptors of unlinked files
};

}  // namespace tc::test
