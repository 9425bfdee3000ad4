// Input for the accelerator's runtime: damaged programs in a device with other blocks in
// its memory, commands with numbers of any size, and bundles on disk.
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "fuzz/accel_cases.h"
#include "tc/isa/assembler.h"
#include "tc/isa/random.h"
#include "tc/runtime/accel/bundle.h"
#include "tc/runtime/tensor.h"
#include "tc/sim/random_program.h"

namespace tc::test {
namespace {

namespace fs = std::filesystem;
using namespace tc::accel;

constexpr uint64_t kDram = 1 << 20;

sim::RunOptions bounded() {
  sim::RunOptions options;
  options.limits = {.work = 200'000, .cycles = int64_t{1} << 40, .dram_bytes = kDram};
  return options;
}

std::vector<uint8_t> random_bytes(Rng& rng, uint64_t n) {
  std::vector<uint8_t> out(n);
  for (uint8_t& b : out) b = static_cast<uint8_t>(rng.next());
  return out;
}

// A program that a host can call: its first bytes are an input, other ones the output.
isa::Program callable(Rng& rng, int operations) {
  isa::Program p = sim::random_program(rng, isa::random_config(rng), operations);
  const uint64_t bytes = std::min<uint64_t>(p.dram_bytes, 64);
  p.regions = {{"A", isa::RegionKind::input, 0, bytes, "i8", {static_cast<int64_t>(bytes)}},
               {"B", isa::RegionKind::output, p.dram_bytes - bytes, bytes}};
  return p;
}

/// A damaged program is loaded beside another block of memory, which must stay as it is,
/// and called twice with the same input, which must give the same output twice.
bool fuzz_executable(Rng& rng) {
  const isa::Program p = callable(rng, static_cast<int>(rng.below(8)));
  std::string file = isa::save(p).value();
  if (rng.below(4)) damage(rng, file);
  const auto loaded = isa::load(file);
  const isa::MachineConfig config = loaded && rng.below(8) ? loaded.value().config : p.config;
  const auto device = AccelDevice::make(config, kDram);
  if (!device) return false;
  const std::vector<uint8_t> secret = random_bytes(rng, 100);
  const uint64_t address = device.value()->allocate(uint64_t{100}, uint64_t{1}).value();
  (void)device.value()->copy_to_device(address, secret.data(), 100);
  {
    const auto e = Executable::load(device.value(), file);
    if (!e) return false;
    std::vector<std::vector<uint8_t>> memory;
    std::vector<Input> inputs;
    std::vector<Output> outputs, again;
    for (const isa::Region& r : e.value().arguments()) memory.push_back(random_bytes(rng, r.bytes));
    auto memory2 = memory;
    for (size_t i = 0; const isa::Region& r : e.value().arguments()) {
      if (r.kind == isa::RegionKind::input)
        inputs.push_back({r.name, memory[i]});
      else
        outputs.push_back({r.name, memory[i]}), again.push_back({r.name, memory2[i]});
      ++i;
    }
    const auto first = e.value().run(inputs, outputs, bounded());
    const auto second = e.value().run(inputs, again, bounded());
    require(first.ok() == second.ok(), "a program is refused only once");
    require(!first.ok() || memory == memory2, "a program gives two results");
    if (!inputs.empty() && rng.below(2)) {  // arguments that do not fit
      std::vector<Input> wrong = inputs;
      wrong[rng.below(wrong.size())].bytes = secret;
      if (rng.below(2)) wrong.push_back(wrong[0]);
      (void)e.value().run(wrong, outputs, bounded());
    }
  }
  std::vector<uint8_t> now(100);
  (void)device.value()->copy_to_host(now.data(), address, 100);
  require(now == secret, "a program wrote into memory of another");
  require(device.value()->memory_used() >= 100, "a block was lost");
  (void)device.value()->release(address);
  require(device.value()->memory_used() == 0, "a program keeps memory after its end");
  return true;
}

// Small mostly, sometimes of any size and sign.
int64_t number(Rng& rng) {
  const int64_t value =
      rng.below(8) ? static_cast<int64_t>(rng.below(6)) : static_cast<int64_t>(rng.next() >> rng.below(64));
  return rng.below(24) ? value : static_cast<int64_t>(-static_cast<uint64_t>(value));
}

Kernel random_kernel(Rng& rng, const isa::Layout& layout) {
  const auto loop = [&] {
    return rng.below(2) ? Loop{} : Loop{number(rng), number(rng), number(rng), number(rng)};
  };
  Kernel k{loop(), loop(), {}};
  for (uint64_t n = rng.below(6); n > 0; --n)
    k.uops.push_back(rng.below(4)
                         ? isa::Uop{static_cast<uint32_t>(rng.below(4)), static_cast<uint32_t>(rng.below(4)),
                                    static_cast<uint32_t>(rng.below(4))}
                         : isa::random_uop(rng, layout));
  return k;
}

/// Commands recorded with numbers that need not make sense, in a queue that is used again
/// whatever became of the first program.
bool fuzz_commands(Rng& rng) {
  const isa::MachineConfig config = isa::random_config(rng);
  const isa::Layout layout = isa::Layout::make(config).value();
  const auto device = AccelDevice::make(config, kDram).value();
  const uint64_t address = device->allocate(uint64_t{1} << 16, uint64_t{4096}).value();
  auto queue = Queue::make(device, 1 + rng.below(200)).value();
  bool taken = false;
  for (int round = 0; round < 2; ++round) {
    CommandStream& s = queue.stream();
    for (uint64_t n = rng.below(12); n > 0; --n) {
      const auto unit = [&] { return static_cast<isa::Unit>(rng.below(isa::kUnits)); };
      const int64_t at = rng.below(8) ? static_cast<int64_t>(address + 64 * rng.below(8)) : number(rng);
      switch (rng.below(8)) {
        case 0:
          (void)s.load({static_cast<isa::MemId>(rng.below(6)), number(rng), at, number(rng), number(rng),
                        number(rng), number(rng), number(rng), number(rng), number(rng)});
          break;
        case 1:
          (void)s.store({number(rng), at, number(rng), number(rng), number(rng)});
          break;
        case 2:
          (void)s.gemm(random_kernel(rng, layout), rng.below(2));
          break;
        case 3:
          (void)s.alu(static_cast<isa::AluOp>(rng.below(5)), random_kernel(rng, layout), number(rng));
          break;
        case 4:
          (void)s.push(unit(), unit());
          break;
        case 5:
          (void)s.pop(unit(), unit());
          break;
        case 6:
          (void)s.pass(unit());
          break;
        default:
          (void)s.gemm(fold(random_kernel(rng, layout)), true);
          break;
      }
    }
    taken |= queue.synchronize(bounded()).ok();
    require(s.insns().empty(), "a queue keeps commands after its end");
  }
  (void)device->release(address);
  require(device->memory_used() == 0, "a queue keeps memory");
  return taken;
}

void write_file(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

/// A bundle of one or two programs, of which the list or a file is damaged.
bool fuzz_bundle(Rng& rng) {
  static const fs::path folder = [] {
    fs::path p = fs::temp_directory_path() / fmt::format("tc_fuzz_{}", getpid());
    fs::create_directories(p);
    return p;
  }();
  const isa::Program p = callable(rng, static_cast<int>(rng.below(4)));
  const uint64_t bytes = p.regions[0].bytes;
  std::string list = fmt::format(
      "tc-bundle 1\nname f\narg A i8 input {0}\narg C u8 output {1}\nbuffer B {0}\n"
      "device f.0.prog A B\nend 1\n",
      bytes, bytes);
  if (rng.below(2))  // the output is that of the program
    list = fmt::format(
        "tc-bundle 1\nname f\narg A i8 input {0}\narg B i8 output {0}\ndevice f.0.prog A B\nend 1\n", bytes);
  std::string file = isa::save(p).value();
  if (rng.below(3) == 0) damage(rng, file);
  if (rng.below(3))
    list =
        mutated(rng, list,
                {"\n", " ", "arg ", "host f_0 A B\n", "buffer X 8\n", "device f.0.prog A B\n", "x", "scalar",
                 "library libc.so.6\n", "../", "i32", "input", "output", "end 2\n", "4294967296x4294967296"});
  if (showing()) show(list);
  write_file(folder / "f.0.prog", file);
  write_file(folder / "f.bundle", list);
  const auto bundle = Bundle::load((folder / "f.bundle").string());
  if (!bundle) return false;
  std::vector<runtime::Tensor> tensors;
  std::vector<const DLTensor*> args;
  for (const BundleArg& a : bundle.value().args()) {
    const DLDataType dtype = *runtime::dtype_of_name(a.dtype);
    if (runtime::compact_bytes(a.shape, dtype).value() > (1 << 22))
      return true;  // more than is worth filling
    tensors.emplace_back(a.shape, dtype);
  }
  for (const runtime::Tensor& t : tensors) args.push_back(t.dl());
  (void)bundle.value().run(args, bounded());
  if (!args.empty() && rng.below(4) == 0) {
    args.pop_back();
    require(bundle.value().run(args, bounded()).has_value(), "a bundle runs with an argument missing");
  }
  return true;
}

}  // namespace

std::vector<FuzzKind> runtime_cases() {
  return {{"executable", fuzz_executable}, {"commands", fuzz_commands}, {"bundle", fuzz_bundle}};
}

}  // namespace tc::test
