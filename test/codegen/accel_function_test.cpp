// Functions for the accelerator: a product whose operands the host blocks into tiles, and
// what is asked of such a function.
#include <gtest/gtest.h>

#include <algorithm>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "tc/codegen/build.h"
#include "tc/isa/assembler.h"
#include "tc/runtime/accel/bundle.h"
#include "tc/te/evaluate.h"

namespace tc {
namespace {

constexpr int64_t kBlock = 4;

codegen::Target small_machine() {
  isa::MachineConfig m;
  m.name = "small";
  m.block_in = m.block_out = m.alu_lanes = kBlock;
  m.inp_depth = m.wgt_depth = m.acc_depth = 64;
  return codegen::Target::accel(m).value();
}

// C = clip(A x B >> 3) of int8, and the stages between.
struct Product {
  int64_t m, n, k;
  Tensor a, b, ap, bp, y, o, c;

  Product(int64_t m_, int64_t n_, int64_t k_) : m(m_), n(n_), k(k_) {
    const int64_t no = (n + kBlock - 1) / kBlock, ko = (k + kBlock - 1) / kBlock;
    a = placeholder({m, k}, kI8, "A"), b = placeholder({k, n}, kI8, "B");
    const Expr zero = ir::int_imm(0, kI8);
    ap = compute(
        {m, ko, 1, kBlock},
        [&](Expr i, Expr q, Expr r, Expr l) {
          const Expr at = q * kBlock + l;
          return if_then_else(at < k, a(i + r, min(at, ir::int_imm(k - 1))), zero);
        },
        "Ap");
    bp = compute(
        {no, ko, kBlock, kBlock},
        [&](Expr p, Expr q, Expr r, Expr l) {
          const Expr at = q * kBlock + l, col = p * kBlock + r;
          return if_then_else(ir::logical_and(at < k, col < n),
                              b(min(at, ir::int_imm(k - 1)), min(col, ir::int_imm(n - 1))), zero);
        },
        "Bp");
    const ReduceAxis q = reduce_axis(0, ko, "q"), l = reduce_axis(0, kBlock, "l");
    y = compute(
        {m, no, 1, kBlock},
        [&](Expr i, Expr p, Expr r, Expr j) {
          return sum(cast(kI32, ap(i, q, r, l)) * cast(kI32, bp(p, q, j, l)), {q, l});
        },
        "Y");
    o = compute(
        {m, no, 1, kBlock},
        [&](Expr i, Expr p, Expr r, Expr j) {
          const Expr shifted = ir::binary(ir::BinaryOp::shr, y(i, p, r, j), ir::int_imm(3, kI32));
          return cast(kI8, max(min(shifted, ir::int_imm(127, kI32)), ir::int_imm(-128, kI32)));
        },
        "O");
    c = compute({m, n}, [&](Expr i, Expr j) { return o(i, j / kBlock, 0, j % kBlock); }, "C");
  }

  [[nodiscard]] Schedule schedule(bool pack_ahead = false) const {
    Schedule s({c});
    auto inp = s.cache_read(ap, Scope::inp, {s[y]});
    auto wgt = s.cache_read(bp, Scope::wgt, {s[y]});
    s[y].set_scope(Scope::acc);
    const auto loops = s[y].axes<4>();
    const auto sums = s[y].reduce_axes<2>();
    s[y].reorder({loops[0], loops[1], sums[0], loops[2], loops[3], sums[1]});
    s[y].compute_at(s[o], s[o].axes()[0]);
    inp.compute_at(s[y], loops[0]);
    wgt.compute_at(s[y], loops[1]);
    if (pack_ahead) s[b].layout({"x", "y"});
    return s;
  }
  [[nodiscard]] std::vector<Tensor> args() const { return {a, b, c}; }
};

// Tensors of the arguments: inputs by a seed, what is expected, and what is got.
struct Trial {
  std::vector<HostTensor> expected, got;
  std::vector<DLTensor> views;
  std::vector<const DLTensor*> args;

  explicit Trial(const Product& p, uint64_t seed = 1)
      : expected(make_args(p.args(), seed)), got(make_args(p.args(), seed)) {
    EXPECT_FALSE(evaluate(p.args(), views_of(expected)));
    for (const HostTensor& t : got) {
      DLTensor v{};
      v.data = t.data(), v.device = {kDLCPU, 0}, v.ndim = 2, v.dtype = codegen::dl_type(t.dtype());
      v.shape = const_cast<int64_t*>(t.shape().data());
      views.push_back(v);
    }
    for (const DLTensor& v : views) args.push_back(&v);
  }
  Trial(const Trial&) = delete;
  void clear() { std::memset(got[2].data(), 0x5a, got[2].bytes()); }
  [[nodiscard]] bool right() const {
    return std::memcmp(got[2].data(), expected[2].data(), got[2].bytes()) == 0;
  }
};

Function built(const Product& p, const codegen::Target& target, bool pack_ahead = false) {
  BuildOptions options;
  options.target = target;
  options.name = "mm";
  options.compile.use_cache = false;
  return build(p.schedule(pack_ahead), p.args(), options).value();
}

TEST(AccelFunction, RunsPartlyOnTheDevice) {
  for (const auto& [m, n, k] : {std::array<int64_t, 3>{1, 1, 1}, {3, 5, 7}, {4, 8, 4}, {6, 9, 17}}) {
    const Product p(m, n, k);
    const Function f = built(p, small_machine());
    Trial run(p);
    f(run.args);
    EXPECT_TRUE(run.right()) << m << " " << n << " " << k;
    EXPECT_EQ(f.programs().size(), 1u);
    EXPECT_EQ(f.explain(), "as scheduled; 1 program for small, 2 parts on the CPU");
  }
}

TEST(AccelFunction, EveryOrderGivesTheSame) {
  const Product p(5, 6, 9);
  const Function f = built(p, small_machine());
  Trial run(p);
  for (uint64_t seed = 0; seed < 20; ++seed) {
    sim::RunOptions options;
    options.order = sim::Order::random;
    options.seed = seed;
    run.clear();
    ASSERT_TRUE(f.profile(run.args, options).ok());
    EXPECT_TRUE(run.right()) << seed;
  }
}

TEST(AccelFunction, ProfileSaysWhatTheDeviceDid) {
  const Product p(5, 6, 9);
  const Function f = built(p, small_machine());
  Trial run(p);
  const Profile profile = f.profile(run.args).value();
  EXPECT_TRUE(run.right());
  EXPECT_EQ(profile.machine, "small");
  ASSERT_EQ(profile.segments.size(), 3u);
  EXPECT_FALSE(profile.segments[0].device);
  EXPECT_EQ(profile.segments[1].name, "mm_1");
  const sim::Counters c = profile.total();
  EXPECT_EQ(c.gemm_uops, 5 * 2 * 3);  // tiles of rows, columns and sums
  EXPECT_EQ(c.cycles, profile.segments[1].result.counters.cycles);
  EXPECT_GT(profile.occupancy(), profile.gemm_utilisation());
  EXPECT_LE(profile.occupancy(), 1);
  EXPECT_NE(profile.table().find("mm_1"), std::string::npos);
  EXPECT_NE(profile.chrome_trace().find("\"store.out\""), std::string::npos);
  // a row a unit, as wide as asked for; the last thing that happens is a store, then finish
  const std::string drawn = profile.timeline(40);
  std::istringstream lines(drawn);
  std::string line;
  for (const std::string unit : {"load", "compute", "store"}) {
    ASSERT_TRUE(std::getline(lines, line));
    EXPECT_EQ(line.substr(0, unit.size()), unit);
    EXPECT_EQ(line.size(), 9u + 40u);
  }
  // a column a cycle has every unit's cycles
  const std::string exact = profile.timeline(1 << 20);
  const auto letters = [&](char letter) { return std::count(exact.begin(), exact.end(), letter); };
  EXPECT_EQ(letters('L'), c.unit[0].busy);
  EXPECT_EQ(letters('G') + letters('R') + letters('A') + letters('U') + letters('F'), c.unit[1].busy);
  EXPECT_EQ(letters('S'), c.unit[2].busy);
}

TEST(AccelFunction, HtmlIsBoundedWhateverTheLength) {
  const Product p(12, 6, 9);
  const Function f = built(p, small_machine());
  Trial run(p);
  const Profile profile = f.profile(run.args).value();
  const auto count = [](const std::string& text, const std::string& what) {
    size_t n = 0;
    for (size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++n;
    return n;
  };
  EXPECT_GT(count(profile.html(), "<rect"), 20u);
  EXPECT_LE(count(profile.html(10), "<rect"), 10u);
  EXPECT_GE(count(profile.html(0), "<rect"), 1u);
  EXPECT_EQ(profile.html().find("<script"), std::string::npos);
  EXPECT_EQ(count(profile.html(), "<div>"), count(profile.html(), "</div>"));
}

TEST(AccelFunction, TextsOfEachForm) {
  const Product p(3, 5, 7);
  const Function f = built(p, small_machine());
  EXPECT_NE(f.ir("te").find("compute"), std::string::npos);
  EXPECT_NE(f.ir("nested").find("alloc Y: i32"), std::string::npos);
  EXPECT_NE(f.ir("segments").find("// device\nfunc mm_1("), std::string::npos);
  EXPECT_NE(f.ir("target").find("// host\nfunc mm_0("), std::string::npos);
  EXPECT_NE(f.llvm().find("; mm_2\n"), std::string::npos);
  // the listing of a function with one program assembles to that program again
  const auto again = isa::assemble(f.assembly());
  ASSERT_TRUE(again.ok()) << again.error().str();
  EXPECT_EQ(again.value(), *f.programs()[0].program);
  const auto code = [](auto&& call) -> std::string {
    try {
      (void)call();
    } catch (const Error& e) {
      return e.code();
    }
    return "";
  };
  EXPECT_EQ(code([&] { return f.ir("unroll"); }), "codegen.form");
  EXPECT_EQ(code([&] { return f.kernel().name(); }), "codegen.accel.kernel");
}

TEST(AccelFunction, ChecksItsArguments) {
  const Product p(3, 5, 7);
  const Function f = built(p, small_machine());
  Trial run(p);
  const auto code = [&](std::vector<const DLTensor*> args) { return f.run(args)->code(); };
  EXPECT_EQ(code({run.args[0], run.args[1]}), "runtime.arg.count");
  EXPECT_EQ(code({run.args[0], run.args[0], run.args[2]}), "runtime.arg.shape");
  EXPECT_EQ(code({run.args[0], nullptr, run.args[2]}), "runtime.arg.null");
  EXPECT_EQ(f.profile(std::vector<const DLTensor*>{}).error().code(), "runtime.arg.count");
  const Function cpu = build(Schedule({p.c}), p.args()).value();
  EXPECT_EQ(cpu.profile(run.args).error().code(), "codegen.profile");
}

TEST(AccelFunction, PackedArgumentsMayComePlain) {
  const Product p(3, 5, 7);
  const Function f = built(p, small_machine(), true);
  ASSERT_EQ(f.packs().size(), 1u);
  Trial run(p);
  f(run.args);
  EXPECT_TRUE(run.right());
  run.clear();
  const runtime::Tensor packed = f.pack(1, *run.args[1]).value();
  const std::vector<const DLTensor*> args = {run.args[0], packed.dl(), run.args[2]};
  f(args);
  EXPECT_TRUE(run.right());
}

TEST(AccelFunction, ManyThreads) {
  const Product p(4, 6, 9);
  const Function f = built(p, small_machine());
  std::vector<std::unique_ptr<Trial>> runs;
  for (uint64_t i = 0; i < 4; ++i) runs.push_back(std::make_unique<Trial>(p, i));
  std::vector<std::thread> threads;
  for (auto& run : runs)
    threads.emplace_back([&f, &run] {
      for (int i = 0; i < 10; ++i) f(run->args);
    });
  for (std::thread& t : threads) t.join();
  for (const auto& run : runs) EXPECT_TRUE(run->right());
}

TEST(AccelFunction, SavesWhatCanBeSaved) {
  const Product p(3, 5, 7);
  const Function f = built(p, small_machine());
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "tc-accel-export";
  std::filesystem::remove_all(folder);
  const auto refused = f.export_to((folder / "mm").string(), {});
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code(), "codegen.export.accel");
  EXPECT_FALSE(std::filesystem::exists(folder));
  const auto wrong = f.export_to((folder / "mm").string(), {true, false, true, false, false});
  ASSERT_FALSE(wrong) << wrong->str();
  EXPECT_TRUE(std::filesystem::exists(folder / "mm.o"));
  std::ifstream in(folder / "mm.mm_1.prog", std::ios::binary);
  std::stringstream bytes;
  bytes << in.rdbuf();
  EXPECT_EQ(isa::load(bytes.str()).value(), *f.programs()[0].program);

  const auto loaded = accel::Bundle::load((folder / "mm.bundle").string());
  ASSERT_TRUE(loaded.ok()) << loaded.error().str();
  EXPECT_EQ(loaded.value().name(), "mm");
  EXPECT_EQ(loaded.value().args().size(), 3u);
  Trial run(p);
  const auto failed = loaded.value().run(run.args);
  EXPECT_FALSE(failed) << failed->str();
  EXPECT_TRUE(run.right());
  EXPECT_EQ(loaded.value().run({})->code(), "runtime.arg.count");
  std::filesystem::remove_all(folder);
}

// Every line of the list changed in every way that a line can be wrong, and files taken away.
TEST(AccelFunction, DamagedBundlesAreRefused) {
  const Product p(3, 5, 7);
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "tc-accel-damaged";
  ASSERT_FALSE(
      built(p, small_machine()).export_to((folder / "mm").string(), {false, false, true, false, false}));
  const std::string list = (folder / "mm.bundle").string();
  std::stringstream whole;
  whole << std::ifstream(list).rdbuf();
  std::vector<std::string> lines;
  for (std::string line; std::getline(whole, line);) lines.push_back(line);
  ASSERT_EQ(lines[0], "tc-bundle 1");
  const auto refused = [&](const std::string& text) -> std::string {
    std::ofstream(list) << text;
    const auto loaded = accel::Bundle::load(list);
    return loaded.ok() ? "" : loaded.error().code();
  };
  const auto with = [&](size_t at, const std::string& changed) {
    std::string text;
    for (size_t i = 0; i < lines.size(); ++i) text += (i == at ? changed : lines[i]) + "\n";
    return text;
  };
  for (size_t i = 0; i < lines.size(); ++i) {
    EXPECT_NE(refused(with(i, "nonsense")), "") << lines[i];
    EXPECT_NE(refused(with(i, "")), "") << lines[i];
    EXPECT_NE(refused(with(i, lines[i] + " more")), "") << lines[i];
    for (const std::string word : {"-1", "99999999999999999999", "../x", "none"}) {
      const std::string cut = lines[i].substr(0, lines[i].rfind(' '));
      if (lines[i].starts_with("name ")) continue;  // any word is one
      EXPECT_NE(refused(with(i, cut + " " + word)), "") << cut << " " << word;
    }
  }
  EXPECT_EQ(refused(with(0, "tc-bundle 2")), "runtime.accel.bundle");
  EXPECT_EQ(refused(""), "runtime.accel.bundle");
  EXPECT_EQ(accel::Bundle::load((folder / "absent").string()).error().code(), "runtime.accel.file");
  EXPECT_EQ(accel::Bundle::load(folder.string()).error().code(), "runtime.accel.file");
  std::filesystem::remove(folder / "mm.mm_1.prog");
  EXPECT_EQ(refused(with(0, lines[0])), "runtime.accel.file");
  std::filesystem::remove(folder / "libmm.so");
  EXPECT_EQ(refused(with(0, lines[0])), "runtime.module.open");
  std::filesystem::remove_all(folder);
}

TEST(AccelFunction, WithoutAScratchpadAllIsOnTheCpu) {
  const Product p(3, 5, 7);
  BuildOptions options;
  options.target = small_machine();
  const Function f = build(Schedule({p.c}), p.args(), options).value();
  Trial run(p);
  f(run.args);
  EXPECT_TRUE(run.right());
  EXPECT_TRUE(f.programs().empty());
  EXPECT_EQ(f.profile(run.args).value().cycles(), 0);
  EXPECT_NE(f.explain().find("nothing for the accelerator small"), std::string::npos);
}

// Sums that are not kept in ACC: the host sets them to 0, the device adds to them.
TEST(AccelFunction, AStageIsOneMachines) {
  const Product p(3, 5, 7);
  Schedule s({p.c});
  auto inp = s.cache_read(p.ap, Scope::inp, {s[p.y]});
  const auto loops = s[p.y].axes<4>();
  const auto sums = s[p.y].reduce_axes<2>();
  s[p.y].reorder({sums[0], loops[0], loops[1], loops[2], loops[3], sums[1]});
  inp.compute_at(s[p.y], sums[0]);
  BuildOptions options;
  options.target = small_machine();
  const auto f = build(s, p.args(), options);
  ASSERT_FALSE(f);
  EXPECT_EQ(f.error().code(), "codegen.accel.output") << f.error().str();
  EXPECT_NE(f.error().message().find("Y is computed"), std::string::npos);
}

TEST(AccelFunction, WhatDoesNotFitIsRefused) {
  isa::MachineConfig m;
  m.block_in = m.block_out = m.alu_lanes = kBlock;
  m.inp_depth = m.wgt_depth = m.acc_depth = 2;
  BuildOptions options;
  options.target = codegen::Target::accel(m).value();
  const Product p(3, 5, 40);
  const auto f = build(p.schedule(), p.args(), options);
  ASSERT_FALSE(f);
  EXPECT_TRUE(f.error().code().starts_with("codegen.accel.")) << f.error().str();
}

}  // namespace
}  // namespace tc
