// The object cache: what it finds again, and what it does not trust.
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "run.h"
#include "tc/ir/equal.h"

namespace tc::codegen {
namespace {

using namespace testing;
namespace fs = std::filesystem;
using Source = CompileStats::Source;

class Cache : public ::testing::Test {
 protected:
  void SetUp() override {
    static int n = 0;
    dir_ = fs::temp_directory_path() /
           ("tc-cache-test-" + std::to_string(::getpid()) + "-" + std::to_string(n++));
  }
  void TearDown() override {
    std::error_code e;
    fs::permissions(dir_, fs::perms::owner_all, e);
    fs::remove_all(dir_, e);
  }
  [[nodiscard]] CompileOptions with_new_cache(int64_t most = 1 << 30) const {
    CompileOptions o;
    o.cache = std::make_shared<ObjectCache>(ObjectCache::Options{dir_.string(), most});
    return o;
  }
  static FuncRef program(int value, const std::string& name = "i") {
    return parse_func("func f(A: i64[4]) { for " + name + " in [0, +4) serial { A[" + name +
                      "] = " + std::to_string(value) + " } }")
        .value();
  }
  static Kernel build(const FuncRef& f, const CompileOptions& o) {
    return compile(f, AbiSpec::of(*f), Target::host(), o).value();
  }
  static int64_t result(const Kernel& k) {
    Tensor a(kI64, {4});
    EXPECT_RUNS(k.run(std::vector<const DLTensor*>{a.dl()}));
    return a.get_int(3);
  }
  [[nodiscard]] std::vector<fs::path> entries() const {
    std::vector<fs::path> out;
    for (const auto& e : fs::directory_iterator(dir_)) out.push_back(e.path());
    return out;
  }
  fs::path dir_;
};

TEST_F(Cache, FindsInMemoryAndOnDisk) {
  const CompileOptions o = with_new_cache();
  EXPECT_EQ(build(program(3), o).stats().source, Source::compiled);
  EXPECT_EQ(build(program(3), o).stats().source, Source::memory);
  const Kernel again = build(program(3), with_new_cache());
  EXPECT_EQ(again.stats().source, Source::disk);
  EXPECT_EQ(result(again), 3);
}
TEST_F(Cache, KeysAreStructureAndTarget) {
  const CompileOptions o = with_new_cache();
  (void)build(program(3), o);
  EXPECT_EQ(build(program(3, "another_name"), o).stats().source, Source::memory);
  EXPECT_EQ(build(program(4), o).stats().source, Source::compiled);
  const auto f = program(3);
  EXPECT_EQ(compile(f, AbiSpec::of(*f), Target::parse("cpu -mcpu=x86-64").value(), o).value().stats().source,
            Source::compiled);
  AbiSpec shaped = AbiSpec::of(*f);
  shaped.args[0].shape = {2, 2};
  EXPECT_EQ(compile(f, shaped, Target::host(), o).value().stats().source, Source::compiled);
}
TEST_F(Cache, ASourceThatIsFoundIsNotLowered) {
  int lowered = 0;
  const FuncRef func = program(3);
  const codegen::Source source{func, [&]() -> Expected<FuncRef> {
                                 ++lowered;
                                 return func;
                               }};
  const auto compile_it = [&](const CompileOptions& o) {
    return compile(source, AbiSpec::of(*func), Target::host(), o).value();
  };
  (void)compile_it(with_new_cache());
  EXPECT_EQ(lowered, 1);
  const Kernel again = compile_it(with_new_cache());
  EXPECT_EQ(again.stats().source, Source::disk);
  EXPECT_EQ(lowered, 1) << "this code was linked without a build identifier";
  EXPECT_TRUE(ir::equal(again.func(), func));
  EXPECT_EQ(lowered, 2);
  EXPECT_NE(again.llvm_ir(), "");
  EXPECT_EQ(lowered, 2);
}

TEST_F(Cache, DamagedEntriesAreReplaced) {
  (void)build(program(3), with_new_cache());
  ASSERT_EQ(entries().size(), 1u);
  const fs::path entry = entries()[0];
  std::ifstream in(entry, std::ios::binary);
  const std::string good((std::istreambuf_iterator<char>(in)), {});
  std::string flipped = good, other = good;
  flipped[good.size() / 2] ^= 1;
  other[20] = other[20] == '0' ? '1' : '0';  // the key of something else
  for (const std::string& bad :
       {flipped, other, good.substr(0, good.size() - 1), good.substr(0, 5), std::string(), good + "x"}) {
    std::ofstream(entry, std::ios::binary | std::ios::trunc) << bad;
    const Kernel k = build(program(3), with_new_cache());
    EXPECT_EQ(k.stats().source, Source::compiled);
    EXPECT_EQ(result(k), 3);
    EXPECT_EQ(build(program(3), with_new_cache()).stats().source, Source::disk);
  }
}
TEST_F(Cache, EntriesThatOthersMayWriteAreNotTrusted) {
  (void)build(program(3), with_new_cache());
  fs::permissions(entries()[0], fs::perms::group_write | fs::perms::others_write, fs::perm_options::add);
  EXPECT_EQ(build(program(3), with_new_cache()).stats().source, Source::compiled);
}
TEST_F(Cache, WorksWithoutAPlaceToWrite) {
  std::ofstream(dir_) << "a file where the directory should be";
  const CompileOptions o = with_new_cache();
  EXPECT_EQ(result(build(program(3), o)), 3);
  EXPECT_EQ(build(program(3), o).stats().source, Source::memory);
  CompileOptions nowhere;
  nowhere.cache = std::make_shared<ObjectCache>(ObjectCache::Options{"/proc/none/such"});
  EXPECT_EQ(result(build(program(5), nowhere)), 5);
}
TEST_F(Cache, StaysBelowItsBound) {
  const CompileOptions probe = with_new_cache();
  (void)build(program(0), probe);
  const auto one = static_cast<int64_t>(fs::file_size(entries()[0]));
  for (int i = 1; i < 20; ++i) (void)build(program(i), with_new_cache(4 * one));
  int64_t total = 0;
  for (const auto& e : entries()) total += static_cast<int64_t>(fs::file_size(e));
  EXPECT_LE(total, 5 * one);
  EXPECT_EQ(build(program(19), with_new_cache()).stats().source, Source::disk);
}
TEST_F(Cache, MemoryIsBoundedToo) {
  ObjectCache cache({"", 0, 1000});
  for (int i = 0; i < 100; ++i)
    cache.put(std::string(32, static_cast<char>('a' + i % 26)) + std::to_string(i),
              std::make_shared<const std::string>(300, 'x'), nullptr);
  EXPECT_FALSE(cache.find(std::string(32, 'a') + "0"));
  EXPECT_TRUE(cache.find(std::string(32, static_cast<char>('a' + 99 % 26)) + "99"));
}
TEST_F(Cache, TwoProcessesAtOnce) {
  // both compile and publish the same twelve kernels in the same directory
  std::vector<pid_t> children;
  for (int c = 0; c < 2; ++c) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      bool ok = true;
      for (int round = 0; round < 2; ++round)
        for (int i = 0; i < 12; ++i) ok = ok && result(build(program(i), with_new_cache())) == i;
      ::_exit(ok ? 0 : 1);
    }
    children.push_back(pid);
  }
  for (const pid_t pid : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(entries().size(), 12u);  // and nothing staged is left
  for (int i = 0; i < 12; ++i) EXPECT_EQ(build(program(i), with_new_cache()).stats().source, Source::disk);
}
TEST_F(Cache, DirectoryComesFromTheEnvironment) {
  ::setenv("TC_CACHE_DIR", "/somewhere", 1);
  EXPECT_EQ(ObjectCache::default_directory(), "/somewhere");
  ::unsetenv("TC_CACHE_DIR");
  ::setenv("XDG_CACHE_HOME", "/x", 1);
  EXPECT_EQ(ObjectCache::default_directory(), "/x/tc");
  ::unsetenv("XDG_CACHE_HOME");
}

}  // namespace
}  // namespace tc::codegen
