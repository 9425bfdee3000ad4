#include "extern_detail.h"
#include "scan_detail.h"
#include "tc/ir/traverse.h"
#include "tc/te/extern.h"
#include "tc/te/graph.h"

namespace tc {
namespace {

using Input = std::function<Tensor(const BufferRef&)>;

Expr replaced(const Expr& e, const Input& input) {
  return ir::rewrite(e, [&](const ir::Load& l) -> Expr {
    const Tensor t = input(l.buffer);
    return t.buffer().same(l.buffer) ? Expr() : ir::load(t.buffer(), l.indices);
  });
}

std::vector<Tensor> scan_with(const ScanBody& body, const Input& input) {
  ir::BufferMap own;  // buffers of the new scan, as the old one's stay with it
  for (const ScanStage& s : body.stages)
    for (const BufferRef& b : s.buffers) own.emplace(b, ir::buffer(b->name, b->type, b->shape));
  const Input inside = [&](const BufferRef& b) {
    const auto found = own.find(b);
    return found == own.end() ? input(b) : Tensor(found->second);
  };
  ScanBody out;
  for (ScanStage s : body.stages) {
    for (Expr& v : s.values) v = replaced(v, inside);
    for (BufferRef& b : s.buffers) b = own.at(b);
    out.stages.push_back(std::move(s));
  }
  return detail::make_scan(std::move(out));
}

std::vector<Tensor> compute_with(const Op& op, const Input& input) {
  std::vector<Expr> values;
  for (const Expr& v : op.values) values.push_back(replaced(v, input));
  std::vector<std::string> axes;
  for (const VarRef& v : op.axes) axes.push_back(v->name);
  return compute_many(
      op.shape,
      [&](const Axes& own) {
        ir::VarMap map;
        for (size_t d = 0; d < own.size(); ++d) map[op.axes[d]] = own[d];
        std::vector<Expr> out;
        for (const Expr& v : values) out.push_back(ir::substitute(v, map));
        return out;
      },
      op.output_names, axes);
}

}  // namespace

std::vector<Tensor> with_inputs(const Op& op, const Input& input) {
  if (op.scan) return scan_with(*op.scan, input);
  if (!op.external) return compute_with(op, input);
  ExternBody body = *op.external;
  for (BufferRef& b : body.tensors) b = input(b).buffer();
  return detail::make_extern(op.name, std::move(body));
}

}  // namespace tc
