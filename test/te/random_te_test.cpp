#include "random_te.h"

#include <unordered_map>
#include <unordered_set>

#include "op_check.h"
#include "tc/ir/traverse.h"
#include "tc/te/workload.h"

namespace tc::test {
namespace {

bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

TEST(RandomPrograms, RunAndAreExact) {
  for (uint64_t seed = 0; seed < 1500; ++seed) {
    const RandomProgram p = random_program(seed);
    std::vector<HostTensor> data = random_args(p, seed);
    const Check error = evaluate(p.args, views_of(data));
    ASSERT_FALSE(error) << p.text << "\n" << error->str();
    for (size_t a = 0; a < data.size(); ++a)
      for (int64_t i = 0; i < data[a].size(); ++i) {
        const double v = data[a].get(i);
        if (std::isinf(v)) continue;  // the greatest or smallest of nothing
        ASSERT_EQ(v, std::round(v)) << p.text << p.args[a].name();
        if (data[a].dtype().is_float()) {
          ASSERT_LE(std::abs(v), 1 << 24) << p.text << p.args[a].name();
        }
      }
  }
}

TEST(RandomPrograms, AreTheSameForTheSameSeed) {
  for (uint64_t seed = 0; seed < 50; ++seed) EXPECT_EQ(random_program(seed).text, random_program(seed).text);
  EXPECT_NE(random_program(1).text, random_program(2).text);
}

TEST(RandomPrograms, CoverWhatSchedulesMustCopeWith) {
  int reductions = 0, tuples = 0, guards = 0, chains = 0, shared = 0, scalars = 0, rank4 = 0, empty = 0,
      integers = 0, many = 0, scans = 0, steps = 0, reducers = 0;
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    const RandomProgram p = random_program(seed);
    const Graph g = Graph::of(p.outputs);
    std::unordered_map<const void*, int> readers;
    for (const auto& op : g.ops) {
      reductions += !op->reduce_axes().empty();
      tuples += op->values.size() > 1;
      if (const auto* r = op->values[0].as<ir::Reduce>())
        reducers += !r->combiner->results[0].as<ir::Binary>() && r->combiner->name != "argmax";
      scalars += op->shape.empty();
      rank4 += op->shape.size() == 4;
      integers += op->values[0]->type.is_int();
      for (const Expr& e : op->shape) empty += ir::is_int(e, 0);
      std::unordered_set<const void*> read;
      for (const Expr& v : op->values) {
        ir::walk<ir::Load>(v, [&](const ir::Load& l) {
          const auto* from = static_cast<const Op*>(l.buffer->source.get());
          if (from && !from->is_placeholder() && read.insert(from).second) chains += 1, ++readers[from];
        });
        ir::walk<ir::Call>(v, [&](const ir::Call& c) { guards += c.op == ir::CallOp::if_then_else; });
      }
    }
    for (size_t i = 0; i < g.scans.size(); ++i) {
      const bool first = g.scans[i] >= 0 && (i == 0 || g.scans[i - 1] != g.scans[i]);
      scans += first, steps += g.scans[i] >= 0 && !first;
    }
    for (const auto& [op, n] : readers) shared += n > 1;
    many += p.outputs.size() > 1;
  }
  EXPECT_GT(reductions, 500);
  EXPECT_GT(tuples, 80);
  EXPECT_GT(guards, 100);
  EXPECT_GT(chains, 700);
  EXPECT_GT(shared, 30);
  EXPECT_GT(scalars, 100);
  EXPECT_GT(rank4, 50);
  EXPECT_GT(empty, 30);
  EXPECT_GT(integers, 200);
  EXPECT_GT(many, 50);
  EXPECT_GT(scans, 80);
  EXPECT_GT(steps, 20);
  EXPECT_GT(reducers, 10);
}

TEST(RandomPrograms, AreWorkloads) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const RandomProgram p = random_program(seed);
    const auto w = Workload::from_graph(p.args);
    ASSERT_TRUE(w) << p.text << w.error().str();
    const auto again = parse_workload(w.value().text());
    ASSERT_TRUE(again) << w.value().text() << "\n" << again.error().str();
    EXPECT_EQ(again.value().text(), w.value().text());
    // and it computes the same
    std::vector<HostTensor> a = random_args(p, seed);
    const WorkloadGraph g = again.value().build();
    std::vector<HostTensor> b = make_args(g.args, seed);
    ASSERT_FALSE(evaluate(p.args, views_of(a)));
    ASSERT_FALSE(evaluate(g.args, views_of(b)));
    for (size_t i = 0; i < a.size(); ++i)
      for (int64_t e = 0; e < a[i].size(); ++e) ASSERT_TRUE(same(a[i].get(e), b[i].get(e))) << p.text;
  }
}

TEST(Evaluate, SingleElementsAgreeWithTheWhole) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const RandomProgram p = random_program(seed);
    std::vector<HostTensor> data = random_args(p, seed);
    ASSERT_FALSE(evaluate(p.args, views_of(data)));
    for (const Tensor& out : p.outputs) {
      const auto indices = random_indices(out, 5, seed);
      const auto values = evaluate_at(p.args, out, indices, views_of(data));
      ASSERT_TRUE(values) << p.text << values.error().str();
      const size_t a = static_cast<size_t>(std::find(p.args.begin(), p.args.end(), out) - p.args.begin());
      for (size_t i = 0; i < indices.size(); ++i) {
        const double whole = at(data[a], indices[i]), single = values.value()[i].as_double();
        EXPECT_TRUE(same(whole, single)) << p.text;
      }
    }
  }
}

TEST(Evaluate, PoisonsOutputsAndAlignsMemory) {
  const Tensor a = placeholder({3}, kF32, "A"), b = compute({3}, [&](Expr i) { return a(i); }, "B");
  const auto data = make_args({a, b}, 1);
  EXPECT_EQ(static_cast<const unsigned char*>(data[1].data())[5], 0xa5);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(data[0].data()) % 64, 0u);
  EXPECT_EQ(code_of([] { HostTensor(kF32, {-1}); }), "te.shape.negative");
  EXPECT_EQ(code_of([] { HostTensor(kF32, {int64_t{1} << 40, int64_t{1} << 40}); }), "te.shape.overflow");
}

TEST(Evaluate, InputsAreLegalForTheirUse) {
  const Tensor a = placeholder({100}, kF32, "A"), b = placeholder({100}, kF32, "B"),
               i = placeholder({100}, kI32, "I");
  const Tensor c = compute(
      {100},
      [&](Expr x) { return log(a(x)) + b(max(min(i(x), ir::int_imm(99, kI32)), ir::int_imm(0, kI32))); },
      "C");
  const auto data = make_args({a, b, i, c}, 1);
  bool negative = false;
  for (int64_t e = 0; e < 100; ++e) {
    EXPECT_GT(data[0].get(e), 0);
    negative |= data[1].get(e) < 0;
    EXPECT_TRUE(data[2].get(e) >= 0 && data[2].get(e) < 100);
  }
  EXPECT_TRUE(negative);
}

}  // namespace
}  // namespace tc::test
