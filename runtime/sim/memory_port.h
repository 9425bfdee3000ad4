// The one port to DRAM, which fetch and the units share: it transfers one burst at a
// time and takes turns among those that have one ready. Private to runtime/sim.
#pragma once
#include <array>
#include <cstdint>
#include <deque>

#include "tc/isa/config.h"

namespace tc::sim {

class MemoryPort {
 public:
  static constexpr size_t kRequesters = 4;
  static constexpr int64_t kNever = INT64_MAX;

  explicit MemoryPort(const isa::MachineConfig& config)
      : bytes_per_cycle_(config.dram_bytes_per_cycle), burst_(config.dram_burst_bytes) {}

  /// Rows of bytes (at least one of each), to be transferred from cycle `ready` on in
  /// bursts that do not cross the end of a row.
  void request(size_t who, int64_t ready, int64_t rows, int64_t row_bytes) {
    queues_[who].push_back({ready, rows, row_bytes, row_bytes});
  }

  struct Done {
    size_t who;
    bool last;  // burst of its request
  };
  /// Ends the burst that ends now or earlier; false where there is none.
  bool end_burst(int64_t now, Done& done);
  /// Begins a burst if none is under way and one is ready.
  bool begin_burst(int64_t now);
  /// When one of these will next have something to do.
  [[nodiscard]] int64_t next_event() const;
  [[nodiscard]] int64_t busy_cycles() const { return busy_cycles_; }

 private:
  struct Request {
    int64_t ready, rows, row_bytes, left;  // left: bytes of the first row
  };
  int64_t bytes_per_cycle_, burst_;
  std::array<std::deque<Request>, kRequesters> queues_;
  int64_t end_ = kNever;  // of the burst under way
  size_t who_ = kRequesters - 1;
  int64_t busy_cycles_ = 0;
};

}  // namespace tc::sim
