#include "tc/codegen/abi.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

#include "tc/ir/print.h"
#include "tc/ir/simplify.h"
#include "tc/ir/traverse.h"

namespace tc::codegen {

using namespace ir;

namespace {

// Elements of a shape, or nothing where they do not fit.
std::optional<int64_t> elements_of(const std::vector<int64_t>& shape) {
  int64_t n = 1;
  bool empty = false, too_many = false;
  for (const int64_t extent : shape) {
    if (extent < 0) return std::nullopt;
    if (extent == 0)
      empty = true;
    else
      too_many |= __builtin_mul_overflow(n, extent, &n);
  }
  if (empty) return 0;
  return too_many || n > INT64_MAX / 16 ? std::nullopt : std::optional(n);
}

}  // namespace

std::vector<VarRef> AbiSpec::sizes() const {
  std::vector<VarRef> out;
  for (const bool alone : {true, false})
    for (const AbiArg& a : args)
      for (const Expr& e : a.extents)
        if (!alone || e->kind == Kind::Var) collect_sizes(e, out);
  return out;
}

std::vector<int64_t> AbiSpec::size_values(std::span<const DLTensor* const> call) const {
  const auto value = [&](const VarRef& size) {
    for (size_t i = 0; i < args.size() && i < call.size(); ++i)
      for (size_t d = 0; d < args[i].extents.size(); ++d)
        if (args[i].extents[d].same(size)) return call[i]->shape[d];
    return int64_t{0};
  };
  std::vector<int64_t> out;
  for (const VarRef& size : sizes()) out.push_back(value(size));
  return out;
}

std::string extent_text(const AbiArg& arg, size_t dim) {
  return arg.extents.empty() ? std::to_string(arg.shape[dim]) : to_string(arg.extents[dim]);
}

AbiSpec AbiSpec::of(const Func& func) {
  std::set<const Buffer*> stored;
  walk<Store>(func.body, [&](const Store& s) { stored.insert(s.buffer.get()); });
  AbiSpec out;
  for (const BufferRef& b : func.params) {
    AbiArg arg{b->name, b->type, {}, stored.count(b.get()) != 0, 0};
    bool numbers = true;
    for (const Expr& e : b->shape) {
      arg.shape.push_back(as_int(e).value_or(-1));
      numbers &= arg.shape.back() >= 0;
    }
    if (!numbers) arg.extents = b->shape;
    out.args.push_back(std::move(arg));
  }
  return out;
}

namespace {
// An argument with sizes in its shape: they are bound, and their product is the parameter's extent.
Check check_sizes(const AbiSpec& abi, const AbiArg& a, const Buffer& b,
                  const std::function<Error(std::string)>& wrong) {
  if (a.extents.size() != a.shape.size())
    return wrong(fmt::format("the argument {} has {} dimensions and {} extents", a.name, a.shape.size(),
                             a.extents.size()));
  Expr elements = int_imm(1);
  for (const Expr& e : a.extents) {
    std::vector<VarRef> used;
    collect_sizes(e, used);
    for (const VarRef& v : used) {
      const auto alone = [&](const Expr& other) { return other.same(v); };
      if (std::none_of(abi.args.begin(), abi.args.end(), [&](const AbiArg& other) {
            return std::any_of(other.extents.begin(), other.extents.end(), alone);
          }))
        return wrong(fmt::format("no argument has the size {} as an extent by itself", v->name));
    }
    elements = elements * e;
  }
  const Expr extent = b.shape.empty() ? int_imm(1) : b.shape[0];
  if (!is_int(simplify(elements - extent), 0))
    return wrong(fmt::format("the argument {} has {} elements, its parameter {}", a.name, to_string(elements),
                             to_string(extent)));
  return std::nullopt;
}
}  // namespace

Check check_abi(const Func& func, const AbiSpec& abi) {
  const auto wrong = [&](std::string what) {
    return Error("codegen.abi", std::move(what))
        .fact("function", func.name)
        .fix("describe each parameter, in order, with its own type and extents");
  };
  if (abi.args.size() != func.params.size())
    return wrong(
        fmt::format("{} arguments are described for {} parameters", abi.args.size(), func.params.size()));
  for (size_t i = 0; i < abi.args.size(); ++i) {
    const AbiArg& a = abi.args[i];
    const Buffer& b = *func.params[i];
    if (a.type != b.type)
      return wrong(fmt::format("the argument {} is {}, its parameter {}", a.name, to_string(a.type),
                               to_string(b.type)));
    if (b.type.lanes != 1) return wrong(fmt::format("the parameter {} holds vectors", b.name));
    if (b.shape.size() > 1)
      return wrong(fmt::format("the parameter {} has {} dimensions; target form has flat buffers", b.name,
                               b.shape.size()));
    if (!a.extents.empty()) {
      if (auto error = check_sizes(abi, a, b, wrong)) return error;
      continue;
    }
    const auto elements = elements_of(a.shape);
    const auto extent = b.shape.empty() ? std::optional<int64_t>(1) : as_int(b.shape[0]);
    if (!elements) return wrong(fmt::format("the shape of the argument {} is negative or too large", a.name));
    if (!extent) return wrong(fmt::format("the extent of the parameter {} is no constant", b.name));
    if (*extent != *elements)
      return wrong(
          fmt::format("the argument {} has {} elements, its parameter {}", a.name, *elements, *extent));
    if (a.alignment < 0 || a.alignment > (1 << 20) || (a.alignment & (a.alignment - 1)) != 0)
      return wrong(
          fmt::format("the alignment {} of the argument {} is no power of two", a.alignment, a.name));
  }
  return std::nullopt;
}

DLDataType dl_type(ir::DType type) {
  const auto code = type.is_bool()                      ? kDLBool
                    : type.code == ir::TypeCode::bfloat ? kDLBfloat
                    : type.is_float()                   ? kDLFloat
                    : type.is_signed()                  ? kDLInt
                                                        : kDLUInt;
  return {static_cast<uint8_t>(code), static_cast<uint8_t>(type.is_bool() ? 8 : type.bits), 1};
}

std::string symbol_name(std::string_view name) {
  static const std::set<std::string_view> kTaken = {"alignas",      "alignof",
                                                    "and",          "and_eq",
                                                    "asm",          "auto",
                                                    "bitand",       "bitor",
                                                    "bool",         "break",
                                                    "case",         "catch",
                                                    "char",         "class",
                                                    "compl",        "concept",
                                                    "const",        "constexpr",
                                                    "const_cast",   "continue",
                                                    "co_await",     "co_return",
                                                    "co_yield",     "decltype",
                                                    "default",      "delete",
                                                    "do",           "double",
                                                    "dynamic_cast", "else",
                                                    "enum",         "explicit",
                                                    "export",       "extern",
                                                    "false",        "float",
                                                    "for",          "friend",
                                                    "goto",         "if",
                                                    "inline",       "int",
                                                    "long",         "mutable",
                                                    "namespace",    "new",
                                                    "noexcept",     "not",
                                                    "not_eq",       "nullptr",
                                                    "operator",     "or",
                                                    "or_eq",        "private",
                                                    "protected",    "public",
                                                    "register",     "reinterpret_cast",
                                                    "requires",     "restrict",
                                                    "return",       "short",
                                                    "signed",       "sizeof",
                                                    "static",       "static_assert",
                                                    "static_cast",  "struct",
                                                    "switch",       "template",
                                                    "this",         "thread_local",
                                                    "throw",        "true",
                                                    "try",          "typedef",
                                                    "typeid",       "typename",
                                                    "union",        "unsigned",
                                                    "using",        "virtual",
                                                    "void",         "volatile",
                                                    "wchar_t",      "while",
                                                    "xor",          "xor_eq",
                                                    "main",         "memcpy",
                                                    "memmove",      "memset",
                                                    "malloc",       "free",
                                                    "abort",        "exit",
                                                    "exp",          "log",
                                                    "sin",          "cos",
                                                    "tanh",         "erf",
                                                    "pow",          "sqrt",
                                                    "floor",        "ceil",
                                                    "round",        "trunc",
                                                    "fma",          "fmod",
                                                    "fmodf",        "abs",
                                                    "min",          "max",
                                                    "div",          "index",
                                                    "read",         "write"};
  std::string out;
  for (const char c : name)
    out += (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_';
  if (out.empty() || (out[0] >= '0' && out[0] <= '9') || out[0] == '_')
    out = "f" + out;  // a leading _ is reserved
  const bool ours = out.rfind("tc_", 0) == 0;
  return kTaken.count(out) || ours ? out + "_" : out;
}

}  // namespace tc::codegen
