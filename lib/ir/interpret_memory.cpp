// Buffers, loops and what is checked about them.
#include <fmt/format.h>

#include <numeric>

#include "interpret_machine.h"
#include "tc/ir/numeric.h"
#include "tc/ir/print.h"
#include "tc/ir/size_values.h"

namespace tc::ir::interp {
namespace {

constexpr int kMaxNesting = 400;  // of elements that compute each other

// Loops whose iterations have no order.
bool unordered(LoopMode mode) { return mode == LoopMode::parallel || mode == LoopMode::vthread; }
bool concurrent(LoopMode mode) { return unordered(mode) || mode == LoopMode::vectorized; }

// The number of elements, or nothing where it does not fit.
std::optional<int64_t> product(const std::vector<int64_t>& extents) {
  int64_t n = 1;
  for (const int64_t e : extents)
    if (e < 0 || __builtin_mul_overflow(n, e, &n)) return std::nullopt;
  return n;
}

template <class T>
std::string joined(const std::vector<T>& items) {
  return fmt::format("[{}]", fmt::join(items, ", "));
}

std::string joined_sizes(const SizeMap& sizes) {
  std::vector<std::string> out;
  for (const auto& [v, value] : sizes) out.push_back(fmt::format("{} = {}", v->name, value));
  std::sort(out.begin(), out.end());
  return fmt::format("{}", fmt::join(out, ", "));
}

}  // namespace

Machine::Machine(Program program, std::span<const TensorView> args, const InterpretOptions& options,
                 bool lazy)
    : p_(std::move(program)),
      options_(options),
      lazy_(lazy),
      steps_left_(options.max_steps),
      bytes_left_(options.max_bytes) {
  options_.detect_races &= std::any_of(p_.code.begin(), p_.code.end(), [](const Instr& i) {
    return i.op == Op::for_begin && concurrent(static_cast<LoopMode>(i.aux));
  });
  checked_ = !lazy && (options_.detect_races || options_.detect_uninitialized);
  regs_.resize(std::max(p_.registers + p_.constants.size(), p_.buffers.size()) +
               1);  // operands that are buffers stay inside too
  std::copy(p_.constants.begin(), p_.constants.end(), regs_.begin() + p_.registers);
  buffers_.resize(p_.buffers.size());
  memo_.resize(p_.fragments.size());
  whole_ran_.resize(p_.wholes.size());
  bind_args(args);
  if (options_.watch) watch();
}

void Machine::bind_args(std::span<const TensorView> args) {
  const auto& params = p_.func->params;
  if (args.size() != params.size()) {
    std::string names;
    for (const BufferRef& b : params) names += (names.empty() ? "" : ", ") + b->name;
    throw Error("ir.interpret.args", fmt::format("{} takes {} arguments and is given {}", p_.func->name,
                                                 params.size(), args.size()))
        .fact("parameters", names)
        .fix("give one array for each parameter, in their order: inputs and outputs");
  }
  for (uint32_t n = 0; n < params.size(); ++n) {
    const Buffer& b = *params[n];
    const TensorView& view = args[n];
    Storage& s = buffers_[n];
    const auto refuse = [&](std::string expected, std::string got) {
      throw Error("ir.interpret.args", fmt::format("the argument for {} does not fit it", b.name))
          .fact("expected", std::move(expected))
          .fact("got", std::move(got))
          .fix("give an array of the parameter's type and shape");
    };
    if (view.type != b.type) refuse(to_string(b.type), to_string(view.type));
    if (view.shape.size() != b.shape.size())
      refuse(fmt::format("{} dimensions", b.shape.size()), joined(view.shape));
    const auto size = product(view.shape);
    if (!size) refuse("a shape", joined(view.shape));
    s.extents = view.shape;
    s.size = *size;
    s.data = view.data;
    const bool computed = lazy_ && p_.stored[n];
    if (!s.data && s.size > 0 && !computed) refuse("data", "a null pointer");
    if (!p_.stored[n] || computed) continue;
    if (checked_) s.shadow.resize(static_cast<size_t>(s.size));
    s.birth = options_.initialized_outputs ? 0 : 1;
  }
  SizeMap sizes;
  for (const Program::Symbol& symbol : p_.symbols) {
    const Var& v = *symbol.var;
    const int64_t value =
        symbol.param == Program::Symbol::kNoParam ? given_size(v) : args[symbol.param].shape[symbol.dim];
    if (value < v.least.value_or(0))
      throw Error("ir.interpret.args",
                  fmt::format("the size {} is {}, and is at least {}", v.name, value, v.least.value_or(0)))
          .fix("give arguments of the sizes that the function is for");
    regs_[symbol.reg].i = value;
    sizes[&v] = value;
  }
  if (sizes.empty()) return;
  if (const Expr e = unfit_extent(*p_.func, sizes))
    throw Error("ir.interpret.args",
                fmt::format("the extent {} is too large for these arguments", to_string(e)))
        .fact("sizes", joined_sizes(sizes))
        .fix("give smaller arguments");
}

int64_t Machine::given_size(const Var& v) const {
  for (const auto& [size, value] : options_.sizes)
    if (size.get() == &v) return value;
  for (const auto& [size, value] : options_.sizes)
    if (size->name == v.name) return value;
  throw Error("ir.interpret.args", fmt::format("the size {} is not given", v.name))
      .fact("function", p_.func->name)
      .fix("no parameter has it as an extent by itself: give its value, in InterpretOptions::sizes");
}

// ---- time, loops

uint32_t Machine::tick() {
  if (now_ == UINT32_MAX) throw Error("ir.interpret.steps", "too many parallel iterations to tell apart");
  return ++now_;
}

void Machine::charge(int64_t cost) {
  steps_left_ -= cost;
  if (steps_left_ < 0)
    throw Error("ir.interpret.steps", "the program takes too many steps to interpret")
        .fact("limit", std::to_string(options_.max_steps))
        .fact("function", p_.func->name)
        .fix("interpret a smaller shape, or raise max_steps");
}

void Machine::set_variable(const Frame& f, DType type) {
  const int64_t at = f.permuted ? f.offset : f.done;
  regs_[f.reg].i = wrap(type, static_cast<int64_t>(static_cast<uint64_t>(f.min) + static_cast<uint64_t>(at)));
}

void Machine::for_begin(const Instr& i, const Var* var) {
  const auto mode = static_cast<LoopMode>(i.aux);
  Frame f{var, i.dst, regs_[i.a].i, regs_[i.b].i, 0, 1, 0, false, false};
  if (unordered(mode) && options_.order != LoopOrder::forward && f.extent > 1) {
    f.permuted = true;
    if (options_.order == LoopOrder::reverse) {
      f.step = f.offset = f.extent - 1;
    } else {  // a full cycle: the step has no factor in common with the extent
      const uint64_t seed = (options_.seed + 1) * 0x9e3779b97f4a7c15ull + static_cast<uint64_t>(i.dst);
      f.offset = static_cast<int64_t>((seed >> 32) % static_cast<uint64_t>(f.extent));
      f.step = static_cast<int64_t>((seed >> 7) % static_cast<uint64_t>(f.extent));
      while (std::gcd(f.step, f.extent) != 1) f.step = (f.step + 1) % f.extent;
    }
  }
  f.concurrent = options_.detect_races && concurrent(mode);
  if (f.concurrent) {
    const uint32_t instance = tick();
    levels_.push_back({instance, tick()});
  }
  frames_.push_back(f);
  set_variable(f, i.type);
}

bool Machine::for_next(const Instr& i) {
  charge(i.imm >> 32);
  Frame& f = frames_.back();
  if (++f.done < f.extent) {
    if (f.concurrent) levels_.back().iteration = tick();
    if (f.permuted)
      f.offset = f.offset >= f.extent - f.step ? f.offset - (f.extent - f.step) : f.offset + f.step;
    if (f.permuted || i.type.bits != 64)
      set_variable(f, i.type);
    else
      regs_[f.reg].i = static_cast<int64_t>(static_cast<uint64_t>(regs_[f.reg].i) + 1);
    return true;
  }
  if (f.concurrent) levels_.pop_back();
  frames_.pop_back();
  return false;
}

// ---- buffers

void Machine::alloc(const Instr& i) {
  const Buffer& b = *p_.buffers[i.b];
  Storage& s = buffers_[i.b];
  s.extents.resize(b.shape.size());
  for (size_t d = 0; d < s.extents.size(); ++d)
    s.extents[d] = std::max<int64_t>(0, regs_[p_.operands[static_cast<size_t>(i.imm) + d].reg].i);
  const auto size = product(s.extents);
  int64_t bytes = 0;
  const int64_t each = b.type.bytes() + (checked_ ? static_cast<int64_t>(sizeof(Shadow)) : 0);
  const bool fits = size && !__builtin_mul_overflow(*size, each, &bytes) &&
                    bytes <= bytes_left_ + static_cast<int64_t>(s.own.size());
  const bool later = lazy_ && !i.aux;  // computed element by element, or by a whole that takes the memory
  if (!fits && !later)
    fail(i, "ir.interpret.memory", fmt::format("{} is too large to interpret: {}", b.name, joined(s.extents)),
         "interpret a smaller shape, or raise max_bytes");
  s.size = size.value_or(0);
  if (later) {
    if (!size)
      fail(i, "ir.interpret.memory", fmt::format("{} has too many elements: {}", b.name, joined(s.extents)));
    return;
  }
  own_memory(s, b);
  if (checked_ && s.shadow.size() < static_cast<size_t>(s.size)) {
    bytes_left_ -= static_cast<int64_t>((static_cast<size_t>(s.size) - s.shadow.size()) * sizeof(Shadow));
    s.shadow.resize(static_cast<size_t>(s.size));
  }
  s.birth = tick();
  if (options_.watch) find_watched(b, s);
}

// ---- the element that is watched

void Machine::watch() {
  Watch& w = *options_.watch;
  w.writes.clear();
  w.count = 0;
  std::vector<std::string> names, shapes;
  for (size_t n = 0; n < p_.buffers.size(); ++n) {
    const Buffer& b = *p_.buffers[n];
    names.push_back(b.name);
    if (b.name != w.buffer) continue;
    const bool fits = b.shape.size() == w.index.size(), param = n < p_.func->params.size();
    if (fits) find_watched(b, buffers_[n]);
    if (!fits || (param && buffers_[n].watched < 0))
      shapes.push_back(param ? joined(buffers_[n].extents) : fmt::format("{} dimensions", b.shape.size()));
  }
  const auto with_name = static_cast<size_t>(std::count(names.begin(), names.end(), w.buffer));
  if (with_name > shapes.size()) return;
  Error e("ir.interpret.watch", with_name == 0
                                    ? fmt::format("there is no buffer {} to watch", w.buffer)
                                    : fmt::format("{} has no element {}", w.buffer, joined(w.index)));
  if (with_name == 0)
    throw std::move(e).fact("buffers", fmt::format("{}", fmt::join(names, ", "))).fix("name one of them");
  throw std::move(e).fact("extents", shapes[0]).fix("give an index as the buffer is stored");
}

// Of parameters when they are bound, of others whenever they come to life.
void Machine::find_watched(const Buffer& b, Storage& s) const {
  s.watched = -1;
  const Watch* w = options_.watch;
  if (!w || b.name != w->buffer || w->index.size() != s.extents.size()) return;
  int64_t at = 0;
  for (size_t d = 0; d < s.extents.size(); ++d) {
    if (w->index[d] < 0 || w->index[d] >= s.extents[d]) return;
    at = at * s.extents[d] + w->index[d];
  }
  s.watched = at;
}

void Machine::note_watched(const Instr& i, uint32_t lane, Slot value) {
  Watch& w = *options_.watch;
  if (w.count++ >= w.max_writes) return;
  Write write{value_of(i.type, value), "", i.lanes > 1 ? static_cast<int>(lane) : -1, {}};
  for (const Frame& f : frames_) write.loops.emplace_back(f.var->name, regs_[f.reg].i);
  if (const StmtNode* s = p_.stmts[static_cast<size_t>(&i - p_.code.data())]) {
    const std::string text = to_string(Stmt(s));
    write.statement = text.substr(0, text.find('\n'));
  }
  w.writes.push_back(std::move(write));
}

void Machine::own_memory(Storage& s, const Buffer& b) {
  const auto need = static_cast<size_t>(s.size * b.type.bytes());
  if (s.own.size() >= need && s.data) return;
  bytes_left_ -= static_cast<int64_t>(need - std::min(need, s.own.size()));
  s.own.resize(std::max<size_t>(need, 1));
  s.data = s.own.data();
}

// Into memory of the machine's own: an argument may hold what is to be compared.
void Machine::run_whole(size_t which) {
  const Whole& w = p_.wholes[which];
  for (const uint32_t n : w.written) {
    Storage& s = buffers_[n];
    const Buffer& b = *p_.buffers[n];
    int64_t bytes = 0;
    if (__builtin_mul_overflow(s.size, static_cast<int64_t>(b.type.bytes()), &bytes) || bytes > bytes_left_)
      throw Error("ir.interpret.memory",
                  fmt::format("{} is too large to interpret: {}", b.name, joined(s.extents)))
          .fix("interpret a smaller shape, or raise max_bytes");
    s.data = nullptr;
    own_memory(s, b);
  }
  run(w.entry);
  whole_ran_[which] = true;
}

int64_t Machine::offset(const Instr& i, const Storage& s, uint32_t lane) {
  const IndexOperand* operand = p_.operands.data() + i.imm;
  int64_t at = 0;
  for (const int64_t extent : s.extents) {
    const int64_t index = regs_[operand->reg + lane * operand->step].i;
    if (static_cast<uint64_t>(index) >= static_cast<uint64_t>(extent))
      fail_access(i, "ir.interpret.bounds",
                  fmt::format("{} is {} out of bounds", p_.buffers[i.b]->name,
                              i.op == Op::store ? "written" : "read"),
                  lane, "guard the access, or correct the index");
    at = at * extent + index;
    ++operand;
  }
  return at;
}

void Machine::note_read(const Instr& i, Storage& s, int64_t at, uint32_t lane) {
  Shadow& shadow = s.shadow[static_cast<size_t>(at)];
  const uint32_t written = shadow.written >= s.birth ? shadow.written : 0;
  if (options_.detect_uninitialized && s.birth && !written)
    fail_access(i, "ir.interpret.uninitialized",
                fmt::format("{} is read where nothing was written", p_.buffers[i.b]->name), lane,
                "initialise it first");
  if (levels_.empty()) return;
  if (conflict(written) >= 0)
    fail_access(i, "ir.interpret.race",
                fmt::format("an iteration reads what another iteration of the same loop writes: {}",
                            p_.buffers[i.b]->name),
                lane, "run the loop serially, or give each iteration elements of its own");
  const uint32_t read = shadow.read >= s.birth ? shadow.read : 0;
  const int level = read ? conflict(read) : -1;
  // read by several iterations of one instance: its own time stands for all of them
  shadow.read = level >= 0 ? levels_[static_cast<size_t>(level)].instance : now_;
}

void Machine::note_write(const Instr& i, Storage& s, int64_t at, uint32_t lane) {
  Shadow& shadow = s.shadow[static_cast<size_t>(at)];
  if (!levels_.empty()) {
    const bool writes = shadow.written >= s.birth && conflict(shadow.written) >= 0;
    const bool reads = shadow.read >= s.birth && conflict(shadow.read) >= 0;
    if (writes || reads)
      fail_access(i, "ir.interpret.race",
                  fmt::format("an iteration writes what another iteration of the same loop {}: {}",
                              writes ? "writes" : "reads", p_.buffers[i.b]->name),
                  lane, "run the loop serially, or give each iteration elements of its own");
  }
  shadow.written = now_;
}

template <class T, class F>
void Machine::load_as(const Instr& i, Slot* dst, F&& convert) {
  Storage& s = buffers_[i.b];
  const bool noted = !s.shadow.empty();
  for (uint32_t l = 0; l < i.lanes; ++l) {
    const int64_t at = offset(i, s, l);
    if (noted) note_read(i, s, at, l);
    convert(dst[l], static_cast<const T*>(s.data)[at]);
  }
}
template <class T, class F>
void Machine::store_as(const Instr& i, const Slot* src, F&& convert) {
  Storage& s = buffers_[i.b];
  const bool noted = !s.shadow.empty();
  for (uint32_t l = 0; l < i.lanes; ++l) {
    const int64_t at = offset(i, s, l);
    if (noted) note_write(i, s, at, l);
    static_cast<T*>(s.data)[at] = convert(src[l]);
    if (at == s.watched) note_watched(i, l, src[l]);
  }
}

void Machine::load(const Instr& i, Slot* dst) {
  const auto integer = [](Slot& s, auto v) { s.i = static_cast<int64_t>(v); };
  if (i.type == kF32) return load_as<float>(i, dst, [](Slot& s, float v) { s.f = v; });
  if (i.type == kF64) return load_as<double>(i, dst, [](Slot& s, double v) { s.d = v; });
  if (i.type == kF16) return load_as<uint16_t>(i, dst, [](Slot& s, uint16_t v) { s.f = from_f16_bits(v); });
  if (i.type == kBF16) return load_as<uint16_t>(i, dst, [](Slot& s, uint16_t v) { s.f = from_bf16_bits(v); });
  if (i.type.is_bool()) return load_as<uint8_t>(i, dst, [](Slot& s, uint8_t v) { s.i = v != 0; });
  const bool sign = i.type.is_signed();
  switch (i.type.bits) {
    case 64:
      return load_as<int64_t>(i, dst, integer);
    case 32:
      return sign ? load_as<int32_t>(i, dst, integer) : load_as<uint32_t>(i, dst, integer);
    case 16:
      return sign ? load_as<int16_t>(i, dst, integer) : load_as<uint16_t>(i, dst, integer);
    default:
      return sign ? load_as<int8_t>(i, dst, integer) : load_as<uint8_t>(i, dst, integer);
  }
}

void Machine::store(const Instr& i, const Slot* src) {
  if (i.type == kF32) return store_as<float>(i, src, [](Slot s) { return s.f; });
  if (i.type == kF64) return store_as<double>(i, src, [](Slot s) { return s.d; });
  if (i.type == kF16) return store_as<uint16_t>(i, src, [](Slot s) { return to_f16_bits(s.f); });
  if (i.type == kBF16) return store_as<uint16_t>(i, src, [](Slot s) { return to_bf16_bits(s.f); });
  switch (i.type.bits) {  // two's complement: the sign does not matter
    case 64:
      return store_as<int64_t>(i, src, [](Slot s) { return s.i; });
    case 32:
      return store_as<int32_t>(i, src, [](Slot s) { return static_cast<int32_t>(s.i); });
    case 16:
      return store_as<int16_t>(i, src, [](Slot s) { return static_cast<int16_t>(s.i); });
    default:
      return store_as<int8_t>(i, src, [](Slot s) { return static_cast<int8_t>(s.i); });
  }
}

// ---- single elements

void Machine::demand(const Instr& i, Slot* dst) {
  const auto [fragment, component] = p_.computed.at(p_.buffers[i.b]);
  const Storage& s = buffers_[i.b];
  int64_t index[64];
  for (uint32_t l = 0; l < i.lanes; ++l) {
    (void)offset(i, s, l);  // checks the bounds
    const IndexOperand* operand = p_.operands.data() + i.imm;
    for (size_t d = 0; d < s.extents.size() && d < 64; ++d, ++operand)
      index[d] = regs_[operand->reg + l * operand->step].i;
    dst[l] = element(fragment, component, index);
  }
}

Slot Machine::element(uint32_t fragment, uint32_t component, const int64_t* index) {
  const Fragment& f = p_.fragments[fragment];
  int64_t at = 0;
  const Storage& s = buffers_[static_cast<size_t>(std::find(p_.buffers.begin(), p_.buffers.end(), f.buffer) -
                                                  p_.buffers.begin())];
  for (size_t d = 0; d < f.vars.size(); ++d) at = at * s.extents[d] + index[d];
  auto& memo = memo_[fragment];
  if (const auto it = memo.find(at); it != memo.end()) return it->second[component];
  if (++nesting_ > kMaxNesting)
    throw Error("ir.interpret.steps", "too many stages read one another to evaluate single elements")
        .fact("limit", std::to_string(kMaxNesting));
  if (f.whole >= 0 && !whole_ran_[static_cast<size_t>(f.whole)]) run_whole(static_cast<size_t>(f.whole));
  charge(f.cost);
  for (size_t d = 0; d < f.vars.size(); ++d) regs_[f.vars[d]].i = index[d];
  run(f.entry);
  std::vector<Slot> values;
  for (const uint32_t r : f.results) values.push_back(regs_[r]);
  --nesting_;
  return memo.emplace(at, std::move(values)).first->second[component];
}

// ---- errors

std::string Machine::index_text(const Instr& i, uint32_t lane) const {
  std::vector<int64_t> index;
  for (size_t d = 0; d < buffers_[i.b].extents.size(); ++d) {
    const IndexOperand& o = p_.operands[static_cast<size_t>(i.imm) + d];
    index.push_back(regs_[o.reg + lane * o.step].i);
  }
  return joined(index);
}

Error Machine::located(Error e, const Instr& i) const {
  std::vector<std::string> loops;
  for (const Frame& f : frames_) loops.push_back(fmt::format("{} = {}", f.var->name, regs_[f.reg].i));
  if (!loops.empty()) (void)std::move(e).fact("loops", fmt::format("{}", fmt::join(loops, ", ")));
  if (const StmtNode* s = p_.stmts[static_cast<size_t>(&i - p_.code.data())]) {
    const std::string text = to_string(Stmt(s));
    (void)std::move(e).fact("statement", text.substr(0, text.find('\n')));
  }
  return e;
}

void Machine::fail(const Instr& i, std::string_view code, std::string message, std::string fix) const {
  Error e = located(Error(std::string(code), std::move(message)), i);
  if (!fix.empty()) (void)std::move(e).fix(std::move(fix));
  throw e;
}

void Machine::fail_access(const Instr& i, std::string_view code, std::string message, uint32_t lane,
                          std::string fix) const {
  Error e = Error(std::string(code), std::move(message))
                .fact("index", index_text(i, lane))
                .fact("extents", joined(buffers_[i.b].extents));
  if (i.lanes > 1) (void)std::move(e).fact("lane", std::to_string(lane));
  e = located(std::move(e), i);
  (void)std::move(e).fix(std::move(fix));
  throw e;
}

}  // namespace tc::ir::interp
