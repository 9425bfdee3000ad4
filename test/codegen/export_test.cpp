// Exported libraries, used from C as a user would.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "run.h"
#include "tc/codegen/build.h"

namespace tc::codegen {
namespace {

using namespace testing;
namespace fs = std::filesystem;

class Export : public ::testing::Test {
 protected:
  void SetUp() override {
    static int n = 0;
    dir_ = fs::temp_directory_path() /
           ("tc-export-test-" + std::to_string(::getpid()) + "-" + std::to_string(n++));
    fs::create_directory(dir_);
  }
  void TearDown() override { fs::remove_all(dir_); }
  [[nodiscard]] std::string at(const std::string& name) const { return (dir_ / name).string(); }
  [[nodiscard]] int shell(const std::string& command) const {
    const int status = std::system((command + " > " + at("log.txt") + " 2>&1").c_str());
    if (status != 0) {
      std::ifstream in(at("log.txt"));
      ADD_FAILURE() << command << "\n" << std::string((std::istreambuf_iterator<char>(in)), {});
    }
    return status;
  }
  fs::path dir_;
};

ExportFunc add() {
  ExportFunc out;
  out.func = parse_func(
                 "func add(A: f32[6], B: f32[6], C: f32[6]) { alloc T: f32[100000] global\n for i in [0, +6) "
                 "parallel { T[i] = A[i] } for i in [0, +6) serial { C[i] = T[i] + B[i] } }")
                 .value();
  out.abi = {"add m=2 n=3 */ int bad;",
             {{"A", kF32, {2, 3}, false, 0}, {"int", kF32, {2, 3}, false, 0}, {"C", kF32, {2, 3}, true, 0}}};
  return out;
}
ExportFunc flags() {
  ExportFunc out;
  out.func =
      parse_func(
          "func positive(x: bf16[2], s: f32[], o: bool[2]) { o[0] = x[0] > bf16(0.0)  o[1] = s[] > 0.0 }")
          .value();
  out.abi = {"", {{"x", kBF16, {2}, false, 0}, {"s", kF32, {}, false, 0}, {"o", kBool, {2}, true, 0}}};
  return out;
}

constexpr const char* kProgram = R"(#include <stdio.h>
#include <string.h>
#include "sums.h"
int main(void) {
  float a[6] = {1, 2, 3, 4, 5, 6}, b[6] = {10, 20, 30, 40, 50, 60}, c[6];
  uint16_t x[2] = {0x3f80, 0}; float s = -1; uint8_t o[2] = {9, 9};
  if (add_run(a, b, c) != 0 || c[5] != 66) return 1;
  if (add_run(a, b, a) == 0 || strstr(tc_last_error(), "runtime.arg.overlap") == NULL) return 2;
  if (add(NULL, 0) == 0) return 3;
  if (positive_run(x, &s, o) != 0 || o[0] != 1 || o[1] != 0) return 4;
  if (add_spec.num_args != 3 || strcmp(add_spec.args[1].name, "int") != 0 || add_spec.args[2].is_output != 1) return 5;
  void* data[3]; data[0] = a; data[1] = b; data[2] = c;
  return add_raw(data);
}
)";

TEST_F(Export, WritesEveryFile) {
  EXPECT_FALSE(export_library({add(), flags()}, Target::host(), at("sums"), ExportFormats::all()));
  for (const char* name : {"sums.o", "sums.h", "libsums.so", "sums.ll", "sums.s"})
    EXPECT_TRUE(fs::is_regular_file(at(name))) << name;
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_), fs::directory_iterator()),
            5);  // nothing staged is left
}
TEST_F(Export, RunsFromCAndFromCxx) {
  ASSERT_FALSE(export_library({add(), flags()}, Target::host(), at("sums")));
  std::ofstream(at("use.c")) << kProgram;
  const std::string include = " -I" TC_SOURCE_DIR "/include -I" + dir_.string() + " ";
  std::string runtime;
  for (const char* name : {"libtc_runtime.so", "libtc_runtime.a"})
    if (fs::exists(std::string(TC_BINARY_DIR) + "/" + name))
      runtime = std::string(TC_BINARY_DIR) + "/" + name;
  if (runtime.empty()) GTEST_SKIP() << "the runtime library is not built";
  const std::string libraries = " " + runtime + " -lstdc++ -lpthread -lm -lfmt ";
  ASSERT_EQ(shell("gcc -std=c11 -Wall -Wextra -Wpedantic -Werror" + include + "-c " + at("use.c") + " -o " +
                  at("use.o")),
            0);
  ASSERT_EQ(shell("gcc -o " + at("static") + " " + at("use.o") + " " + at("sums.o") + libraries), 0);
  EXPECT_EQ(shell(at("static")), 0);
  ASSERT_EQ(shell("gcc -o " + at("shared") + " " + at("use.o") + " " + at("libsums.so") +
                  " -Wl,--export-dynamic -Wl,-rpath," + dir_.string() + libraries),
            0);
  EXPECT_EQ(shell(at("shared")), 0);
  ASSERT_EQ(shell("g++ -std=c++11 -x c++ -Wall -Wextra -Wpedantic -Werror" + include + "-c " + at("use.c") +
                  " -o " + at("use_cxx.o")),
            0);
}
constexpr const char* kVariantsProgram = R"(#include <stdio.h>
#include "mm.h"
int main(void) {
  static const int64_t rows[] = {0, 1, 4, 5, 13, 16, 17, 40};
  static float a[40 * 8], b[8 * 24], c[40 * 24];
  for (int i = 0; i < 40 * 8; ++i) a[i] = (float)(i % 7 - 3);
  for (int i = 0; i < 8 * 24; ++i) b[i] = (float)(i % 5 - 2);
  for (int r = 0; r < 8; ++r) {
    const int64_t n = rows[r];
    for (int i = 0; i < 40 * 24; ++i) c[i] = 99;
    if (mm_run(a, b, c, n) != 0) { printf("%s\n", tc_last_error()); return 1; }
    for (int64_t y = 0; y < 40; ++y)
      for (int64_t x = 0; x < 24; ++x) {
        float sum = 0;
        for (int64_t k = 0; k < 8; ++k) sum += a[y * 8 + k] * b[k * 24 + x];
        if (c[y * 24 + x] != (y < n ? sum : 99)) { printf("n %d: %d %d\n", (int)n, (int)y, (int)x); return 2; }
      }
  }
  return mm_run(a, b, c, -1) == 0 ? 3 : 0;
}
)";

// A schedule for few rows, one for more, and the plain loops for the others: one function of C.
TEST_F(Export, VariantsOfSizesRunFromC) {
  const VarRef n = tc::size_var("n");
  const tc::Tensor a = placeholder({n, 8}, kF32, "A"), b = placeholder({8, 24}, kF32, "B");
  const ReduceAxis k = reduce_axis(0, 8, "k");
  const tc::Tensor c = compute({n, 24}, [&](Expr y, Expr x) { return sum(a(y, k) * b(k, x), k); }, "C");
  Schedule few({c}), more({c});
  few[c].vectorize(few[c].split(few[c].axes()[1], 8)[1]);
  const auto t = more[c].tile({more[c].axes()[0], more[c].axes()[1]}, {4, 8});
  more[c].reorder({t[0], t[1], more[c].reduce_axes()[0], t[2], t[3]});
  more[c].parallel(t[0]).unroll(t[2]).vectorize(t[3]);
  const Variant variants[] = {{few, Expr(n) <= 4}, {more, Expr(n) <= 16}, {Schedule({c}), nullptr}};
  BuildOptions options;
  options.name = "mm";
  options.passes.verify = true;
  const auto f = build(variants, {a, b, c}, options);
  ASSERT_TRUE(f) << f.error().str();
  EXPECT_EQ(f.value().schedule_text().find("# if n <= 4\nsplit C x"), 0u) << f.value().schedule_text();
  ASSERT_FALSE(f.value().export_to(at("mm")));
  std::ofstream(at("use.c")) << kVariantsProgram;
  const std::string runtime = std::string(TC_BINARY_DIR) + "/libtc_runtime.so";
  if (!fs::exists(runtime)) GTEST_SKIP() << "the runtime library is not built";
  ASSERT_EQ(
      shell("gcc -std=c11 -Wall -Wextra -Werror -I" TC_SOURCE_DIR "/include -I" + dir_.string() + " " +
            at("use.c") + " " + at("mm.o") + " " + runtime + " -Wl,-rpath," TC_BINARY_DIR " -o " + at("use")),
      0);
  EXPECT_EQ(shell(at("use")), 0);
}
TEST_F(Export, NeedsOnlyTheRuntime) {
  ASSERT_FALSE(export_library({add()}, Target::host(), at("sums")));
  ASSERT_EQ(shell("nm -D --undefined-only " + at("libsums.so")), 0);
  std::ifstream in(at("log.txt"));
  for (std::string kind, symbol; in >> kind >> symbol;) EXPECT_EQ(symbol.rfind("tc_", 0), 0u) << symbol;
}
TEST_F(Export, LeavesEverythingAsItWasOnFailure) {
  std::ofstream(at("sums.h")) << "old";
  ExportFunc bad = add();
  bad.func = parse_func("func bad(A: f32[1]) { A[0] = exp(A[0]) }").value();
  bad.abi = AbiSpec::of(*bad.func);
  EXPECT_EQ(export_library({bad}, Target::host(), at("sums"))->code(), "codegen.form");
  ::setenv("TC_LINKER", "no-such-linker", 1);
  EXPECT_EQ(export_library({add()}, Target::host(), at("sums"))->code(), "codegen.export.linker");
  ::setenv("TC_LINKER", "false", 1);
  EXPECT_EQ(export_library({add()}, Target::host(), at("sums"))->code(), "codegen.export.linker");
  ::unsetenv("TC_LINKER");
  EXPECT_EQ(export_library({add(), add()}, Target::host(), at("sums"))->code(), "codegen.export.name");
  EXPECT_EQ(export_library({}, Target::host(), at("sums"))->code(), "codegen.export.name");
  EXPECT_EQ(export_library({add()}, Target::host(), "/proc/none/sums")->code(), "io.write");
  std::ifstream in(at("sums.h"));
  EXPECT_EQ(std::string((std::istreambuf_iterator<char>(in)), {}), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_), fs::directory_iterator()), 1);
}

}  // namespace
}  // namespace tc::codegen
