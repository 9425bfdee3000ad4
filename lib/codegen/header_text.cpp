// The C header of an exported library.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cctype>
#include <set>
#include <unordered_map>

#include "tc/codegen/export.h"
#include "tc/ir/print.h"

namespace tc::codegen {

namespace {

using namespace ir;

std::string c_type(DType t) {
  switch (t.code) {
    case TypeCode::int_:
      return fmt::format("int{}_t", static_cast<int>(t.bits));
    case TypeCode::uint:
      return fmt::format("uint{}_t", static_cast<int>(t.bits));
    case TypeCode::bool_:
      return "uint8_t";
    case TypeCode::bfloat:
      return "uint16_t";
    case TypeCode::float_:
      return t.bits == 64 ? "double" : t.bits == 32 ? "float" : "uint16_t";
  }
  return "void";
}

const char* dlpack_code(DType t) {
  switch (t.code) {
    case TypeCode::int_:
      return "kDLInt";
    case TypeCode::uint:
      return "kDLUInt";
    case TypeCode::float_:
      return "kDLFloat";
    case TypeCode::bfloat:
      return "kDLBfloat";
    case TypeCode::bool_:
      return "kDLBool";
  }
  return "kDLOpaqueHandle";
}

// What stands between /* and */.
std::string comment_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '/' && !out.empty() && out.back() == '*') out += ' ';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::vector<std::string> parameter_names(const AbiSpec& abi) {
  std::set<std::string> taken = {"tensors", "args", "shapes"};
  std::vector<std::string> out;
  for (const AbiArg& a : abi.args) {
    const std::string stem = symbol_name(a.name);
    std::string name = stem;
    for (int i = 1; !taken.insert(name).second; ++i) name = fmt::format("{}_{}", stem, i);
    out.push_back(name);
  }
  return out;
}

std::string shape_text(const AbiArg& a) {
  std::string out;
  for (size_t d = 0; d < a.shape.size(); ++d) out += (d ? ", " : "") + extent_text(a, d);
  return a.shape.empty() ? "a scalar" : fmt::format("[{}]", out);
}

// An extent in C, where / truncates.
std::string c_text(const Expr& e, const std::unordered_map<const Var*, std::string>& sizes) {
  if (const auto v = as_int(e)) return fmt::format("INT64_C({})", *v);
  if (const auto* v = e.as<Var>()) return sizes.at(v);
  const auto* b = e.as<Binary>();
  TC_REQUIRE(b, Error("codegen.form", fmt::format("the extent {} has no form in C", to_string(e))));
  const std::string x = c_text(b->a, sizes), y = c_text(b->b, sizes);
  switch (b->op) {
    case BinaryOp::add:
    case BinaryOp::sub:
    case BinaryOp::mul:
      return fmt::format("({} {} {})", x, to_string(b->op), y);
    case BinaryOp::min:
      return fmt::format("({1} < {0} ? {1} : {0})", x, y);
    case BinaryOp::max:
      return fmt::format("({1} > {0} ? {1} : {0})", x, y);
    case BinaryOp::div:
      return fmt::format("({0} / {1} - ({0} % {1} < 0))", x, y);
    default:
      throw Error("codegen.form", fmt::format("the extent {} has no form in C", to_string(e)));
  }
}

void describe(std::string& out, const ExportFunc& f, const std::string& symbol,
              const std::vector<std::string>& names) {
  out +=
      fmt::format("/* {}{}\n *\n", symbol, f.abi.workload.empty() ? "" : ": " + comment_text(f.abi.workload));
  for (size_t i = 0; i < names.size(); ++i) {
    const AbiArg& a = f.abi.args[i];
    out += fmt::format(" *   {}  {} {}, {}{}\n", names[i], to_string(a.type), shape_text(a),
                       a.is_output ? "written" : "read",
                       a.alignment > a.type.bytes() ? fmt::format(", aligned to {} bytes", a.alignment) : "");
  }
  for (const VarRef& v : f.abi.sizes())
    out += fmt::format(" *   {}  a size of {} or more, known by the extents of the arguments\n", v->name,
                       v->least.value_or(0));
  out +=
      " *\n * Tensors are row-major and compact; what is written overlaps nothing else.\n"
      " * Returns 0, or non-zero after a refusal: the reason is tc_last_error(). */\n";
}

void declarations(std::string& out, const std::string& symbol, bool sizes) {
  out += fmt::format(
      "TC_EXPORTED int32_t {0}(const DLTensor* const* args, int32_t n);\n"
      "/* The same without any check, on pointers to the first elements{1}. */\n"
      "TC_EXPORTED int32_t {0}_raw(void* const* data);\n"
      "/* What the arguments must be. */\nTC_EXPORTED extern const tc_func_spec {0}_spec;\n"
      "/* The same as {0}, on plain pointers. */\n",
      symbol, sizes ? ", then to the sizes, int64_t each" : "");
}

void typed_wrapper(std::string& out, const AbiSpec& abi, const std::string& symbol,
                   const std::vector<std::string>& names) {
  std::string params;
  for (size_t i = 0; i < names.size(); ++i)
    params += fmt::format("{}{}{}* {}", i ? ", " : "", abi.args[i].is_output ? "" : "const ",
                          c_type(abi.args[i].type), names[i]);
  // sizes come last, under names that no argument has
  std::unordered_map<const Var*, std::string> sizes;
  std::set<std::string> taken(names.begin(), names.end());
  for (const VarRef& v : abi.sizes()) {
    const std::string stem = symbol_name(v->name);
    std::string name = stem;
    for (int i = 1; !taken.insert(name).second; ++i) name = fmt::format("{}_{}", stem, i);
    sizes[v.get()] = name;
    params += fmt::format("{}int64_t {}", params.empty() ? "" : ", ", name);
  }
  const auto extents = [&](const AbiArg& a) {
    if (a.extents.empty()) return fmt::format("{}", fmt::join(a.shape, ", "));
    std::string list;
    for (const Expr& e : a.extents) list += (list.empty() ? "" : ", ") + c_text(e, sizes);
    return list;
  };
  out += fmt::format("static inline int32_t {}_run({}) {{\n", symbol, params.empty() ? "void" : params);
  const size_t n = names.size();
  if (n == 0) {
    out += fmt::format("  return {}(NULL, 0);\n}}\n\n", symbol);
    return;
  }
  for (size_t i = 0; i < n; ++i)
    if (!abi.args[i].shape.empty())
      out += fmt::format("  int64_t shape_{}[{}] = {{{}}};\n", i, abi.args[i].shape.size(),
                         extents(abi.args[i]));
  out += fmt::format("  DLTensor tensors[{}];\n  const DLTensor* args[{}];\n", n, n);
  for (size_t i = 0; i < n; ++i) {
    const AbiArg& a = abi.args[i];
    out += fmt::format(
        "  tensors[{0}].data = (void*){1};\n  tensors[{0}].device.device_type = kDLCPU;\n  "
        "tensors[{0}].device.device_id = 0;\n",
        i, names[i]);
    out += fmt::format(
        "  tensors[{0}].ndim = {1};\n  tensors[{0}].dtype.code = {2};\n  tensors[{0}].dtype.bits = {3};\n  "
        "tensors[{0}].dtype.lanes = 1;\n",
        i, a.shape.size(), dlpack_code(a.type), a.type.is_bool() ? 8 : static_cast<int>(a.type.bits));
    out += fmt::format(
        "  tensors[{0}].shape = {1};\n  tensors[{0}].strides = NULL;\n  tensors[{0}].byte_offset = 0;\n  "
        "args[{0}] = &tensors[{0}];\n",
        i, a.shape.empty() ? "NULL" : fmt::format("shape_{}", i));
  }
  out += fmt::format("  return {}(args, {});\n}}\n\n", symbol, n);
}

}  // namespace

std::string header_text(const std::vector<ExportFunc>& funcs, std::string_view library) {
  std::string guard = "TC_LIBRARY_";
  for (const char c : library)
    guard += std::isalnum(static_cast<unsigned char>(c))
                 ? static_cast<char>(std::toupper(static_cast<unsigned char>(c)))
                 : '_';
  guard += "_H_";
  std::string out = fmt::format(
      "/* {}: functions compiled by tc. Link lib{}.so (or {}.o) and tc_runtime. */\n#ifndef {}\n#define "
      "{}\n\n",
      comment_text(library), comment_text(library), comment_text(library), guard, guard);
  out +=
      "#include <stddef.h>\n#include <stdint.h>\n\n#include \"tc/runtime/c_api.h\"\n\n#ifndef "
      "TC_EXPORTED\n#define TC_EXPORTED\n#endif\n\n"
      "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n";
  for (const ExportFunc& f : funcs) {
    const std::string symbol = symbol_name(f.func->name);
    const auto names = parameter_names(f.abi);
    describe(out, f, symbol, names);
    declarations(out, symbol, !f.abi.sizes().empty());
    typed_wrapper(out, f.abi, symbol, names);
  }
  return out + "#ifdef __cplusplus\n}  /* extern \"C\" */\n#endif\n#endif  /* " + guard + " */\n";
}

}  // namespace tc::codegen
