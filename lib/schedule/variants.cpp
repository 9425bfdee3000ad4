// Several schedules of one computation in one function: a chain of conditions over the sizes of a
// call around the loops of each.
#include <fmt/format.h>

#include <algorithm>

#include "tc/ir/print.h"
#include "tc/ir/traverse.h"
#include "tc/schedule/lower.h"

namespace tc {
namespace {

Error variants_error(std::string what) { return Error("lower.variants", std::move(what)); }

Check check_condition(const Expr& when, size_t number, const std::vector<VarRef>& sizes) {
  bool known = when->type == ir::kBool;
  std::string names;
  for (const VarRef& v : sizes) names += (names.empty() ? "" : " ") + v->name;
  ir::walk_all(*when, [&](const ir::Node& n) {
    if (n.kind == ir::Kind::Load) known = false;
    if (n.kind == ir::Kind::Var)
      known =
          known && std::any_of(sizes.begin(), sizes.end(), [&](const VarRef& v) { return v.get() == &n; });
    return true;
  });
  if (known) return std::nullopt;
  return variants_error(fmt::format("the condition of variant {} is not one over the sizes", number))
      .fact("condition", ir::to_string(when))
      .fact("sizes", names.empty() ? "none" : names)
      .fix("compare sizes of the inputs with numbers, e.g. n <= 64");
}

Check check_conditions(std::span<const Variant> variants, const std::vector<Tensor>& args) {
  if (variants.empty()) return variants_error("there is no variant").fix("give at least one schedule");
  const std::vector<VarRef> sizes = sizes_of(args);
  for (size_t i = 0; i < variants.size(); ++i) {
    const bool last = i + 1 == variants.size();
    if (last && variants[i].when)
      return variants_error("no variant is left for calls for which no condition holds")
          .fact("last condition", ir::to_string(variants[i].when))
          .fix("leave out the condition of the last variant");
    if (!last && !variants[i].when)
      return variants_error(fmt::format("variant {} has no condition, and hides those after it", i))
          .fix("give it one, or make it the last");
    if (last) break;
    if (auto error = check_condition(variants[i].when, i, sizes)) return error;
  }
  return std::nullopt;
}

std::string packs_text(const Lowered& l, const std::vector<Tensor>& args) {
  std::string out;
  for (const Pack& p : l.packs)
    out +=
        fmt::format("{}{} as {}", out.empty() ? "" : ", ", args[static_cast<size_t>(p.arg)].name(), p.layout);
  return out.empty() ? "plain" : out;
}

// The body on other parameters, and with buffers of its own.
ir::Stmt on_params(const ir::Func& f, const std::vector<BufferRef>& params) {
  ir::BufferMap map;
  for (size_t i = 0; i < params.size(); ++i)
    if (!params[i].same(f.params[i])) map[f.params[i]] = params[i];
  ir::walk<ir::Alloc>(f.body, [&](const ir::Alloc& a) {
    const ir::Buffer& b = *a.buffer;
    map[a.buffer] = ir::buffer(b.name, b.type, b.shape, b.scope);
  });
  return ir::substitute(f.body, map);
}

}  // namespace

Expected<Lowered> lower(std::span<const Variant> variants, const std::vector<Tensor>& args,
                        const std::string& name) {
  if (auto error = check_conditions(variants, args)) return *error;
  std::optional<Lowered> out;
  std::vector<ir::Stmt> bodies;
  for (size_t i = 0; i < variants.size(); ++i) {
    auto lowered = lower(variants[i].schedule, args, name);
    if (!lowered) {
      Error e = lowered.error();
      if (variants.size() == 1) return e;
      return std::move(e).fact("variant", std::to_string(i));
    }
    if (!out) {
      bodies.push_back(lowered.value().func->body);
      out = std::move(lowered).value();
      continue;
    }
    const std::string first = packs_text(*out, args), other = packs_text(lowered.value(), args);
    if (first != other)
      return variants_error(fmt::format("variant {} takes inputs in another layout than variant 0", i))
          .fact("variant 0", first)
          .fact(fmt::format("variant {}", i), other)
          .fix("give all variants the same layouts of inputs");
    bodies.push_back(on_params(*lowered.value().func, out->func->params));
  }
  ir::Stmt body = bodies.back();
  for (size_t i = bodies.size() - 1; i-- > 0;) body = ir::if_(variants[i].when, bodies[i], body);
  out->func = ir::func(name, out->func->params, body);
  return *std::move(out);
}

}  // namespace tc
