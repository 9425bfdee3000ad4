// Which buffers the items of a block access, and how their indices read from
// outside the block. Private to lib/ir.
#pragma once
#include "block.h"
#include "slots.h"
#include "values.h"

namespace tc::ir {

/// One access that an item makes, at any depth.
struct Access {
  const Node* node = nullptr;  // the Load or Store
  const std::vector<Expr>* indices = nullptr;
  bool in_loop = false;
};

/// All accesses of an item to one buffer. `barred`: some cannot be moved, as they
/// stand in a loop that is not serial.
struct Touch {
  size_t item = 0;
  std::vector<Access> accesses;
  bool barred = false;
};

/// A block's accesses to the memory buffers that it stores to.
class Touches {
 public:
  explicit Touches(const std::vector<Item>& items);

  struct OfBuffer {
    BufferRef buffer;
    std::vector<Touch> items;  // in order
    bool stored = false, local = false;
  };
  /// In the order of the first access.
  [[nodiscard]] const std::vector<OfBuffer>& buffers() const { return buffers_; }

  /// Indices in terms of what is bound before item `first`; nothing where they
  /// change within the items from there on.
  [[nodiscard]] std::optional<std::vector<Expr>> resolve(const std::vector<Expr>& indices,
                                                         size_t first) const;

 private:
  struct Binding {
    size_t item;
    bool head;
    Expr value;  // null: a loop's variable
  };
  void visit(const Stmt& s, size_t item, bool head, bool in_loop, bool barred);
  void visit(const Expr& e, size_t item, bool in_loop, bool barred);
  void add(const BufferRef& b, size_t item, Access access, bool store, bool barred);
  Expr resolve(const Expr& e, size_t first) const;

  std::vector<OfBuffer> buffers_;
  std::unordered_map<const Node*, size_t> number_;
  std::unordered_map<const Node*, Binding> bound_;
};

}  // namespace tc::ir
