// How fast the accelerator's simulator is: GEMM micro-ops a second on one core,
// functional and timed, with and without the check of the order. The program is one
// tile of a convolution again and again: loads, a GEMM of 14 x 14 x 9 micro-ops, a
// shift and a store, two virtual threads deep.
//
//   bench/sim [--tiles N] [--config FILE]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "tc/sim/run.h"

namespace tc::sim {
namespace {

constexpr uint32_t kSide = 14, kKernel = 9;

// INP: two halves of a 16 x 16 image; WGT: two halves of 9 tiles; ACC: two halves of 14 x 14.
isa::Program program(const isa::MachineConfig& config, int tiles) {
  isa::Program p;
  p.config = config;
  isa::Segment uops{0, isa::SegmentKind::uop, {}};
  const isa::Layout layout = isa::Layout::make(config).value();
  const auto add_uop = [&](isa::Uop uop) {
    const uint32_t word = layout.encode(uop).value();
    for (int b = 0; b < 4; ++b) uops.bytes.push_back(static_cast<uint8_t>(word >> (8 * b)));
  };
  for (uint32_t half = 0; half < 2; ++half) {
    for (uint32_t y = 0; y < 3; ++y)
      for (uint32_t x = 0; x < 3; ++x)
        add_uop({half * 196, half * 256 + y * 16 + x, half * kKernel + y * 3 + x});
    add_uop({half * 196, half * 196, 0});
  }
  p.segments.push_back(uops);
  p.dram_bytes = uint64_t{1} << 22;
  const auto elements = [&](isa::MemId id) {
    return static_cast<uint32_t>((uint64_t{1} << 20) / static_cast<uint64_t>(isa::element_bytes(config, id)));
  };
  p.insns.push_back({isa::Load{isa::MemId::uop, 0, 0, 1, 20, 20}, {}});
  for (int t = 0; t < tiles; ++t) {
    const uint32_t half = static_cast<uint32_t>(t % 2);
    const bool again = t >= 2, last = t + 2 >= tiles;
    p.insns.push_back(
        {isa::Load{isa::MemId::inp, half * 256, elements(isa::MemId::inp), 16, 16, 16}, {.pop_next = again}});
    p.insns.push_back(
        {isa::Load{isa::MemId::wgt, half * kKernel, elements(isa::MemId::wgt), 1, kKernel, kKernel},
         {.push_next = true}});
    const uint32_t uop = half * 10;
    p.insns.push_back({isa::Gemm{true, uop, uop + 1, kSide, kSide, kSide, 1}, {.pop_next = again}});
    p.insns.push_back({isa::Gemm{false, uop, uop + kKernel, kSide, kSide, kSide, 1, 16, 1},
                       {.pop_prev = true, .push_prev = !last}});
    p.insns.push_back(
        {isa::Alu{false, uop + 9, uop + 10, kSide, kSide, kSide, 1, kSide, 1, isa::AluOp::shr, true, 8},
         {.push_next = true}});
    p.insns.push_back(
        {isa::Store{isa::MemId::out, half * 196,
                    2 * elements(isa::MemId::out) + static_cast<uint32_t>(t % 16) * 196, kSide, kSide, kSide},
         {.pop_prev = true, .push_prev = true}});
  }
  for (int t = 0; t < 2; ++t) p.insns.push_back({isa::Load{.mem_id = isa::MemId::uop}, {.pop_next = true}});
  p.insns.push_back({});
  return p;
}

double seconds(const isa::Program& p, const RunOptions& options, Counters& counters) {
  Dram dram = Dram::of(p).value();
  const auto start = std::chrono::steady_clock::now();
  counters = run(p, dram, options).value().counters;
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

int main(int argc, char** argv) {
  int tiles = 2000;
  isa::MachineConfig config;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::string(argv[i]) == "--tiles") tiles = std::max(2, std::atoi(argv[i + 1]));
    if (std::string(argv[i]) == "--config") {
      std::ifstream in(argv[i + 1]);
      std::stringstream text;
      text << in.rdbuf();
      config = isa::parse_config(text.str(), argv[i + 1]).value();
    }
  }
  const isa::Program p = program(config, tiles);
  std::printf("%-12s %-12s %14s\n", "order", "check", "million gemm micro-ops/s");
  for (const Order order : {Order::program, Order::timed})
    for (const bool check : {false, true}) {
      Counters counters;
      double best = 1e9;
      for (int round = 0; round < 5; ++round)
        best = std::min(best, seconds(p, {.order = order, .check_order = check}, counters));
      std::printf("%-12s %-12s %14.2f", order == Order::timed ? "timed" : "functional", check ? "yes" : "no",
                  static_cast<double>(counters.gemm_uops) / best * 1e-6);
      if (order == Order::timed)
        std::printf("   %lld cycles, occupancy %.3f", static_cast<long long>(counters.cycles),
                    static_cast<double>(counters.occupied()) / static_cast<double>(counters.cycles));
      std::printf("\n");
    }
  return 0;
}

}  // namespace
}  // namespace tc::sim

int main(int argc, char** argv) {
  try {
    return tc::sim::main(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
