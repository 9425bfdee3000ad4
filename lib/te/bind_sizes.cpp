// A computation for some values of its sizes: its te form with numbers put in.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "tc/ir/print.h"
#include "tc/ir/simplify.h"
#include "tc/ir/size_values.h"
#include "tc/ir/traverse.h"
#include "tc/te/graph.h"

namespace tc {

std::vector<VarRef> sizes_of(const std::vector<Tensor>& args) {
  std::vector<VarRef> out;
  for (const Tensor& t : args)
    if (t && t.op().is_placeholder())
      for (const Expr& e : t.shape()) ir::collect_sizes(e, out);
  return out;
}

Check check_sizes(const std::vector<VarRef>& sizes, const SizeValues& values) {
  std::vector<std::string> names;
  for (const VarRef& v : sizes) names.push_back(v->name);
  for (const auto& [v, value] : values) {
    const auto is_it = [&](const VarRef& s) { return s.same(v); };
    if (std::none_of(sizes.begin(), sizes.end(), is_it))
      return Error("te.size.unknown", fmt::format("{} is no size of the inputs", v->name))
          .fact("size", v->name)
          .fact("sizes", names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")))
          .fix(names.empty() ? "give no sizes: all extents are numbers"
                             : "give values of the sizes themselves: a size_var made anew is another one, "
                               "whatever its name");
    if (value < v->least.value_or(0))
      return Error("te.shape.negative", fmt::format("the size {} cannot be {}", v->name, value))
          .fact("size", v->name)
          .fact("expected", fmt::format("{} or more", v->least.value_or(0)))
          .fix("give a value that the size can have");
  }
  return std::nullopt;
}

ParsedGraph bind_sizes(const std::vector<Tensor>& args, const SizeValues& sizes) {
  if (Check error = check_sizes(sizes_of(args), sizes)) throw *std::move(error);
  ir::VarMap map;
  for (const auto& [v, value] : sizes) map[v] = ir::int_imm(value);
  std::vector<Tensor> outputs;
  for (const Tensor& t : args)
    if (t && !t.op().is_placeholder()) outputs.push_back(t);
  const FuncRef f = to_func(Graph::of(outputs), args);
  ir::SizeMap numbers;
  for (const auto& [v, value] : sizes) numbers[v.get()] = value;
  for (const VarRef& v : sizes_of(args))
    numbers.try_emplace(v.get(), v->least.value_or(0));  // those that stay
  if (const Expr e = ir::unfit_extent(*f, numbers))
    throw Error("te.shape.overflow",
                fmt::format("the extent {} is too large for these sizes", ir::to_string(e)))
        .fix("give smaller sizes");
  ir::BufferMap made;
  std::vector<BufferRef> params;
  for (const BufferRef& p : f->params) {
    std::vector<Expr> shape;
    for (const Expr& e : p->shape) shape.push_back(ir::simplify(ir::substitute(e, map)));
    params.push_back(ir::buffer(p->name, p->type, std::move(shape)));
    made[p] = params.back();
  }
  const ir::Stmt body = ir::substitute(ir::substitute(f->body, map), made);
  return from_func(ir::func(f->name, std::move(params), body)).value();
}

}  // namespace tc
