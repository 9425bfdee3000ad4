// A small random generator whose sequence is the same on every machine and
// standard library, because a seed must give the same trials and the same inputs
// everywhere. (std::uniform_int_distribution promises no such thing.) Not for secrets.
#pragma once
#include <cstdint>

namespace tc {

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
class Rng {
 public:
  explicit Rng(uint64_t seed) : state_(seed) {}

  /// 64 random bits.
  uint64_t next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  /// In [0, n), 0 where n is 0; the bias of the remainder is below n / 2^64.
  uint64_t below(uint64_t n) { return n == 0 ? 0 : next() % n; }
  /// In [low, high]; requires low <= high.
  int64_t between(int64_t low, int64_t high) {
    const uint64_t span = static_cast<uint64_t>(high) - static_cast<uint64_t>(low) + 1;
    const uint64_t offset = span == 0 ? next() : below(span);  // 0: all of int64_t
    return static_cast<int64_t>(static_cast<uint64_t>(low) + offset);
  }
  /// Uniform in [0, 1).
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

 private:
  uint64_t state_;
};

/// Mixes `value` into `seed`: how one seed becomes many independent ones.
[[nodiscard]] inline uint64_t mix_seed(uint64_t seed, uint64_t value) {
  return Rng(seed ^ (value * 0xff51afd7ed558ccdull + 1)).next();
}

}  // namespace tc
