// Appends records to a log until it is killed, or `count` of them:
//   log_hammer FILE RUN COUNT STEPS_BYTES
#include <cstdlib>

#include "autotune/records.h"

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  auto writer = tc::autotune::LogWriter::open(argv[1]);
  if (!writer) return 1;
  const int64_t count = std::atoll(argv[3]);
  for (int64_t i = 0; count == 0 || i < count; ++i) {
    tc::autotune::Record r = tc::autotune::sample_record(i);
    r.run = argv[2];
    r.id = r.run + "-" + std::to_string(i);
    r.steps.assign(static_cast<size_t>(std::atoll(argv[4])), 's');
    if (writer.value().append(r)) return 1;
  }
  return 0;
}
