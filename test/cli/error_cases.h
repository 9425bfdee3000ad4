// One way to each error: what a user does wrong, by code. The messages are
// golden (test/golden/errors) and shown in docs/errors.md; errors of schedule
// steps are files of test/golden/schedule/errors, and what only Python can do
// wrong is in python/tests/test_errors.py.
#pragma once
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace tc::test {

/// The text of an error that is not thrown as one: printed by the command, or a
/// status of the runtime. A case throws it instead.
struct ErrorText {
  std::string text;
};

struct ErrorCase {
  std::string code;
  std::string doing;          // what the user did, for the page
  std::function<void()> run;  // throws an Error or an ErrorText
};

/// The case with what differs between machines (the first group of `pattern`,
/// wherever that is found: a number of CPUs, say) written as `by`.
ErrorCase masked(ErrorCase c, const std::string& pattern, const std::string& by);

/// The cases of one golden file: "te", "ir", ...
struct ErrorFamily {
  std::string name;
  std::vector<ErrorCase> cases;
};

ErrorFamily te_errors();
ErrorFamily workload_errors();
ErrorFamily schedule_errors();
ErrorFamily ir_errors();
ErrorFamily codegen_errors();
ErrorFamily runtime_errors();
ErrorFamily tuner_errors();
ErrorFamily log_errors();
ErrorFamily codegen_accel_errors();
ErrorFamily isa_errors();
ErrorFamily sim_errors();
ErrorFamily accel_errors();
ErrorFamily command_errors();

}  // namespace tc::test
