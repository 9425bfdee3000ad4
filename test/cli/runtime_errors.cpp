// Compiled functions called wrongly, libraries that are none, and the C interface.
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "error_cases.h"
#include "tc/codegen/build.h"
#include "tc/runtime/c_api.h"
#include "tc/runtime/module.h"
#include "tc/runtime/status.h"
#include "tc/te/ops.h"

namespace tc::test {
namespace {

constexpr DLDataType kFloat32 = {kDLFloat, 32, 1};

// y = relu(x) of 4x8, with arguments that `spoil` makes wrong.
ErrorCase call(std::string code, std::string doing,
               std::function<void(std::vector<const DLTensor*>&, DLTensor&)> spoil) {
  return {std::move(code), std::move(doing), [spoil = std::move(spoil)] {
            const Tensor x = placeholder({4, 8}, kF32, "X"), y = op::relu(x, "Y");
            const Function f = build(Schedule({y}), {x, y}).value();
            runtime::Tensor a({4, 8}, kFloat32), b({4, 8}, kFloat32);
            DLTensor wrong = *a.dl();
            std::vector<const DLTensor*> args = {&wrong, b.dl()};
            spoil(args, wrong);
            f(args);
          }};
}

// What a call of the C interface left in tc_last_error.
ErrorCase c_call(std::string code, std::string doing, std::function<bool()> refused) {
  return {std::move(code), std::move(doing), [refused = std::move(refused)] {
            if (refused()) throw ErrorText{tc_last_error()};
          }};
}

void throw_if(const runtime::Status& s) {
  if (!s.ok()) throw ErrorText{s.text};
}

// The error is the child's: it comes through a pipe.
void parallel_loop_that_forks() {
  struct Forked {
    int pipe[2] = {-1, -1};
    pid_t parent = ::getpid(), child = -1;
  } f;
  if (::pipe(f.pipe) != 0) throw ErrorText{"no pipe"};
  const int32_t threads = tc_num_threads();
  tc_set_num_threads(2);
  const int32_t status = tc_parallel_for(
      [](void* closure, int64_t begin, int64_t) {
        auto* f = static_cast<Forked*>(closure);
        if (begin != 0) return 0;
        f->child = ::fork();
        if (f->child == 0) ::alarm(20);
        return 0;
      },
      &f, 2);
  if (::getpid() != f.parent) {
    const std::string text = status != 0 ? tc_last_error() : "the loop went on";
    ::_exit(::write(f.pipe[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  tc_set_num_threads(threads);
  ::close(f.pipe[1]);
  std::string text(4096, '\0');
  const ssize_t n = ::read(f.pipe[0], text.data(), text.size());
  ::close(f.pipe[0]);
  ::waitpid(f.child, nullptr, 0);
  throw ErrorText{text.substr(0, n > 0 ? static_cast<size_t>(n) : 0)};
}

void find_in_own_library(const std::string& name) {
  runtime::Module module;
  runtime::Function function;
  throw_if(runtime::Module::load(std::string(TC_BINARY_DIR) + "/libtc_runtime.so", &module));
  throw_if(module.find(name, &function));
}

std::vector<ErrorCase> libraries() {
  return {
      {"runtime.module.open", "Module::load(\"./no_such_library.so\", &module)",
       [] {
         runtime::Module module;
         throw_if(runtime::Module::load("./no_such_library.so", &module));
       }},
      masked({"runtime.module.symbol", "module.find(\"matmul\", &function) of a library without it",
              [] { find_in_own_library("matmul"); }},
             "(/[^ ]*)/libtc_runtime", "build"),
      c_call("runtime.abi", "a function that another tc compiled",
             [] {
               const tc_func_spec later = {TC_ABI_VERSION + 1, "f", nullptr, 0, nullptr};
               return tc_check_args(&later, nullptr, 0) != 0;
             }),
      {"runtime.arg.size", "a product of 2^40 rows and 2^40 columns, of operands without elements",
       [] {
         const VarRef n = size_var("n"), m = size_var("m");
         const Tensor a = placeholder({n, 0}, kF32, "A"), b = placeholder({m, 0}, kF32, "B");
         const Tensor p = op::matmul(a, b, {.transpose_b = true, .name = "P"});
         const ReduceAxis i = reduce_axis(0, n, "i"), k = reduce_axis(0, m, "k");
         const Tensor c = compute(Shape(), [&](const Axes&) { return sum(p(i, k), {i, k}); }, "C");
         const runtime::Tensor x({int64_t{1} << 40, 0}, kFloat32), y({int64_t{1} << 40, 0}, kFloat32);
         const runtime::Tensor out({}, kFloat32);
         const DLTensor* args[] = {x.dl(), y.dl(), out.dl()};
         if (const Check error = build(Schedule({c}), {a, b, c}).value().run(args)) throw *error;
       }},
      {"runtime.failed", "a function that fails and leaves no text in tc_last_error",
       [] { throw_if(runtime::status_of_error_text("")); }},
      c_call("runtime.alloc.size", "tc_alloc(-1)", [] { return tc_alloc(-1) == nullptr; }),
// The sanitizers' allocators end the process instead.
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
      c_call("runtime.alloc.exhausted", "tc_alloc(2^47)",
             [] { return tc_alloc(int64_t{1} << 47) == nullptr; }),
#endif
      {"runtime.fork", "a loop whose body forks, in the child", parallel_loop_that_forks},
      {"runtime.pack", "f.pack(0, x) of a function that packs nothing",
       [] {
         const Tensor x = placeholder({4, 8}, kF32, "X"), y = op::relu(x, "Y");
         const runtime::Tensor a({4, 8}, kFloat32);
         (void)build(Schedule({y}), {x, y}).value().pack(0, *a.dl()).value();
       }},
  };
}

}  // namespace

ErrorFamily runtime_errors() {
  static int64_t shape[] = {4, 7}, strides[] = {1, 4};
  ErrorFamily f{
      "runtime",
      {call("runtime.arg.count", "one argument to a function of two",
            [](auto& args, DLTensor&) { args.pop_back(); }),
       call("runtime.arg.null", "a null pointer", [](auto& args, DLTensor&) { args[0] = nullptr; }),
       call("runtime.arg.device", "a tensor of another device",
            [](auto&, DLTensor& t) { t.device = {kDLCUDA, 0}; }),
       call("runtime.arg.dtype", "f64 for f32", [](auto&, DLTensor& t) { t.dtype.bits = 64; }),
       call("runtime.arg.rank", "a vector for a matrix", [](auto&, DLTensor& t) { t.ndim = 1; }),
       call("runtime.arg.shape", "a 4x7 matrix for 4x8", [](auto&, DLTensor& t) { t.shape = shape; }),
       call("runtime.arg.strides", "a transposed view", [](auto&, DLTensor& t) { t.strides = strides; }),
       call("runtime.arg.data", "no memory", [](auto&, DLTensor& t) { t.data = nullptr; }),
       call("runtime.arg.alignment", "data off by one byte", [](auto&, DLTensor& t) { t.byte_offset = 1; }),
       call("runtime.arg.overlap", "the input as the output",
            [](auto& args, DLTensor&) { args[1] = args[0]; })}};
  for (ErrorCase& c : libraries()) f.cases.push_back(std::move(c));
  return f;
}

}  // namespace tc::test
