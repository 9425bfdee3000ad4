// Storage: register slots, the stack, the runtime's workspace.
#include <fmt/format.h>

#include "emitter.h"
#include "tc/ir/print.h"

namespace tc::codegen {

using namespace ir;
using llvm::Value;

namespace {

constexpr int64_t kMaxStackBytes = 64 << 10;  // a function, its calls not counted
constexpr int kAlignment = 64;

// Nothing for an extent that the call tells.
std::optional<int64_t> constant_extent(const Buffer& buffer, const std::string& where) {
  if (buffer.shape.size() > 1)
    refuse(fmt::format("the buffer {} has {} dimensions", buffer.name, buffer.shape.size()), where);
  if (buffer.shape.empty()) return 1;
  const auto extent = as_int(buffer.shape[0]);
  if (!extent) return std::nullopt;
  if (*extent > INT64_MAX / 16)
    refuse(fmt::format("the buffer {} has {} elements", buffer.name, *extent), where);
  return *extent;
}

// Every access of `buffer` in `body` as (first element, lanes), or nothing where
// one is not constant or two overlap without being equal.
std::optional<std::vector<std::pair<int64_t, int>>> slots_of(const Buffer& buffer, const Stmt& body) {
  std::map<int64_t, int> slots;
  bool ok = true;
  const auto access = [&](const BufferRef& b, const std::vector<Expr>& indices) {
    if (b.get() != &buffer || !ok) return;
    const Expr index = indices.empty() ? int_imm(0) : indices[0];
    const auto* r = index.as<Ramp>();
    const bool consecutive = r ? is_int(r->stride, 1) : index->type.lanes == 1;
    const auto first = as_int(r ? r->base : index);
    if (!first || !consecutive) {
      ok = false;
      return;
    }
    const auto [it, added] = slots.emplace(*first, index->type.lanes);
    if (!added) ok = it->second == index->type.lanes;
  };
  walk_all(*body, [&](const Node& n) {
    if (n.kind == Kind::Load) access(static_cast<const Load&>(n).buffer, static_cast<const Load&>(n).indices);
    if (n.kind == Kind::Store)
      access(static_cast<const Store&>(n).buffer, static_cast<const Store&>(n).indices);
  });
  if (!ok) return std::nullopt;
  int64_t end = INT64_MIN;
  for (const auto& [first, lanes] : slots) {
    if (first < end) return std::nullopt;
    end = first + lanes;
  }
  return std::vector<std::pair<int64_t, int>>(slots.begin(), slots.end());
}

}  // namespace

// Slots are entry-block allocas of one value each, which finish() promotes.
// False: some access is not a slot, and the buffer has to live on the stack.
bool FunctionEmitter::emit_slots(const Alloc& alloc) {
  const auto slots = slots_of(*alloc.buffer, alloc.body);
  if (!slots) return false;
  Place place;
  place.is_register = true;
  for (const auto& [first, lanes] : *slots) {
    llvm::Type* type = value_type(alloc.buffer->type.with_lanes(lanes));
    auto* a =
        new llvm::AllocaInst(type, 0, nullptr, alloc.buffer->name, entry_->getTerminator()->getIterator());
    promotable_.push_back(a);
    place.slots[{first, lanes}] = a;
  }
  buffers_[alloc.buffer.get()] = std::move(place);
  emit(alloc.body);
  buffers_.erase(alloc.buffer.get());
  return true;
}

// Here nothing fills a buffer while another one is read, unless the processor itself goes
// ahead: one place serves a double buffer too.
void FunctionEmitter::emit_alloc(const Alloc& alloc) {
  const Buffer& buffer = *alloc.buffer;
  const auto number = constant_extent(buffer, s_.name);
  if (!number && buffer.scope != Scope::global)
    throw Error("codegen.stack", fmt::format("{} is kept in {} and its size is known at the call only",
                                             buffer.name, to_string(buffer.scope)))
        .fact("function", s_.name)
        .fact("elements", to_string(buffer.shape[0]))
        .fix(fmt::format(
            "compute {} at a loop further in, where a number of its elements are needed, or keep it "
            "in global",
            buffer.name));
  const int64_t extent = number.value_or(0);
  const int64_t bytes = extent * buffer.type.bytes();
  if (buffer.scope == Scope::register_ && emit_slots(alloc)) return;
  if (buffer.scope != Scope::global && buffer.scope != Scope::stack && buffer.scope != Scope::register_)
    throw Error("codegen.form", fmt::format("the buffer {} is in {}, which a CPU does not have", buffer.name,
                                            to_string(buffer.scope)))
        .fact("at", s_.name)
        .fix(
            "keep it in global, stack or register (cache_read, set_scope), or build for an accelerator: "
            "accel");
  // Where the copies that passes make of one allocation fill the frame, the rest goes to the heap.
  if (buffer.scope == Scope::stack && bytes > kMaxStackBytes)
    throw Error("codegen.stack", fmt::format("{} alone does not fit the stack", buffer.name))
        .fact("function", s_.name)
        .fact("bytes", std::to_string(bytes))
        .fact("limit", fmt::format("{} bytes", kMaxStackBytes))
        .fix(fmt::format(
            "compute_at {0} at a loop further in, where less of it is needed, or place it in memory: "
            "set_scope {0} scope=global",
            buffer.name));
  if (buffer.scope != Scope::global && stack_bytes_ + bytes <= kMaxStackBytes) {
    stack_bytes_ += bytes;
    bind(buffer, entry_alloca(llvm::ArrayType::get(memory_type(buffer.type),
                                                   static_cast<uint64_t>(std::max<int64_t>(extent, 1))),
                              kAlignment));
    emit(alloc.body);
    buffers_.erase(&buffer);
    return;
  }
  Value* size = number
                    ? i64(bytes)
                    : b_.CreateMul(materialize(linearize(buffer.shape[0])).value, i64(buffer.type.bytes()));
  llvm::CallInst* block = b_.CreateCall(s_.runtime("tc_alloc"), {size}, buffer.name);
  fail_unless(b_.CreateIsNotNull(block), b_.getInt32(1));
  failures_.push_back({block});
  // a level of its own: addresses in the block are made right here, outside the loops of the body
  open_level();
  level_of_[block] = static_cast<int>(levels_.size()) - 1;
  bind(buffer, block);
  emit(alloc.body);
  close_level();
  buffers_.erase(&buffer);
  failures_.pop_back();
  b_.CreateCall(s_.runtime("tc_free"), {block});
  loaded_.clear();
}

}  // namespace tc::codegen
