// The rule of register buffers in target form: each access is a constant run
// of slots, and two runs are equal or disjoint. Private to lib/ir.
#pragma once
#include <functional>
#include <unordered_map>

#include "tc/ir/stmt.h"

namespace tc::ir {

class RegisterAccesses {
 public:
  /// `b` has one, constant, extent.
  void define(const Buffer& b) { (void)runs_[&b]; }
  /// Notes an access; calls `fail` where it is no constant run in bounds.
  void access(const Buffer& b, const Expr& index, const StmtNode* at,
              const std::function<void(std::string)>& fail);
  /// Calls `fail` at the first access that overlaps another one in part.
  void check(const std::function<void(const StmtNode*, std::string)>& fail) const;

 private:
  struct Run {
    int64_t first, lanes;
    const StmtNode* at;
  };
  std::unordered_map<const Buffer*, std::vector<Run>> runs_;
};

}  // namespace tc::ir
