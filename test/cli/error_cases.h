// One way to each error: what a user does wrong, by code. The messages are
// golden (test/golden/errors) and shown in docs/errors.md.
#pragma once
#include <functional>
#include <string>
#include <vector>

namespace tc::test {

struct ErrorCase {
  std::string code;
  std::string doing;          // what the user did, for the page
  std::function<void()> run;  // throws the Error
};

/// The cases of one golden file: "schedule", "te", ...
struct ErrorFamily {
  std::string name;
  std::vector<ErrorCase> cases;
};

ErrorFamily schedule_errors();
ErrorFamily te_errors();
ErrorFamily workload_errors();
ErrorFamily ir_errors();
ErrorFamily runtime_errors();
ErrorFamily log_errors();
ErrorFamily codegen_accel_errors();
ErrorFamily isa_errors();
ErrorFamily sim_errors();
ErrorFamily other_errors();  // lower, codegen, autotune

}  // namespace tc::test
