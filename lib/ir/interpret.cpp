#include "tc/ir/interpret.h"

#include <fmt/format.h>

#include "interpret_machine.h"
#include "tc/ir/print.h"

namespace tc::ir {

Check interpret(const FuncRef& f, std::span<const TensorView> args, const InterpretOptions& options) {
  try {
    interp::Machine(interp::compile(f, false), args, options, false).run(0);
    return std::nullopt;
  } catch (const Error& e) {
    return e;
  }
}

double Value::as_double() const {
  if (type.is_float()) return f;
  return type == kU64 ? static_cast<double>(static_cast<uint64_t>(i)) : static_cast<double>(i);
}

std::string to_string(const Value& v) {
  if (v.type.is_float()) return to_string(float_imm(v.f, v.type.bits == 64 ? kF64 : kF32));
  if (v.type.is_bool()) return v.i ? "true" : "false";
  return v.type == kU64 ? std::to_string(static_cast<uint64_t>(v.i)) : std::to_string(v.i);
}

struct ElementEvaluator::State {
  interp::Machine machine;
};

ElementEvaluator::ElementEvaluator(std::unique_ptr<State> state) : state_(std::move(state)) {}
ElementEvaluator::~ElementEvaluator() = default;
ElementEvaluator::ElementEvaluator(ElementEvaluator&&) noexcept = default;
ElementEvaluator& ElementEvaluator::operator=(ElementEvaluator&&) noexcept = default;

Expected<ElementEvaluator> ElementEvaluator::make(const FuncRef& te_form, std::span<const TensorView> args,
                                                  const InterpretOptions& options) {
  try {
    auto state =
        std::make_unique<State>(State{interp::Machine(interp::compile(te_form, true), args, options, true)});
    state->machine.run(0);  // the extents
    return ElementEvaluator(std::move(state));
  } catch (const Error& e) {
    return e;
  }
}

Expected<Value> ElementEvaluator::at(const BufferRef& buffer, std::span<const int64_t> index) {
  interp::Machine& m = state_->machine;
  const auto it = m.program().computed.find(buffer.get());
  if (it == m.program().computed.end())
    return Error("ir.interpret.args", fmt::format("{} is not computed by this function", buffer->name));
  const auto [fragment, component] = it->second;
  const auto& buffers = m.program().buffers;
  const auto& extents =
      m.storage(
           static_cast<uint32_t>(std::find(buffers.begin(), buffers.end(), buffer.get()) - buffers.begin()))
          .extents;
  bool inside = index.size() == extents.size();
  for (size_t d = 0; inside && d < extents.size(); ++d) inside = index[d] >= 0 && index[d] < extents[d];
  if (!inside)
    return Error("ir.interpret.bounds", fmt::format("{} has no such element", buffer->name))
        .fact("index", fmt::format("[{}]", fmt::join(index, ", ")))
        .fact("extents", fmt::format("[{}]", fmt::join(extents, ", ")));
  try {
    const interp::Slot s = m.element(fragment, component, index.data());
    return interp::value_of(buffer->type, s);
  } catch (const Error& e) {
    m.reset();
    return e;
  }
}

Expected<std::vector<Value>> evaluate_at(const FuncRef& te_form, const BufferRef& buffer,
                                         std::span<const std::vector<int64_t>> indices,
                                         std::span<const TensorView> args, const InterpretOptions& options) {
  auto evaluator = ElementEvaluator::make(te_form, args, options);
  if (!evaluator) return evaluator.error();
  std::vector<Value> values;
  for (const auto& index : indices) {
    const Expected<Value> v = evaluator.value().at(buffer, index);
    if (!v) return v.error();
    values.push_back(v.value());
  }
  return values;
}

Expected<Value> evaluate_at(const FuncRef& te_form, const BufferRef& buffer,
                            const std::vector<int64_t>& index, std::span<const TensorView> args,
                            const InterpretOptions& options) {
  auto values = evaluate_at(te_form, buffer, std::span(&index, 1), args, options);
  if (!values) return values.error();
  return values.value()[0];
}

}  // namespace tc::ir
