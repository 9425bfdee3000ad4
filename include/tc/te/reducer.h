// Reducers of the user's own: how two partial results become one. A reduction is
// folded in whatever order its loops have, in parts, and by several threads, so
// that a reducer must be associative and commutative and have an identity. That is
// checked when it is made, and again when a computation is read from text.
//
//   const auto range = reducer("range", {kF32, kF32},
//       [](const State& a, const State& b) { return State{min(a[0], b[0]), max(a[1], b[1])}; },
//       {inf, -inf});
//   compute_many({n}, [&](const Axes& i) { return reduce_tuple(range, {A(i[0], k), A(i[0], k)}, {k}); }, ...)
#pragma once
#include "tc/te/tensor.h"

namespace tc {

/// The components of one partial result.
using State = std::vector<Expr>;
using Combine = std::function<State(const State& a, const State& b)>;
using Where = std::function<Expr(const State&)>;

/// A reducer of components of these types, what an empty reduction has being
/// `identity`. With `where` the laws need hold only for the states for which it is
/// true, and for the identity; every source must then be shown to be such a state.
///
/// Checked by proof where the simplifier finds one, else on random states: integers
/// as they wrap, small floats as real numbers (rounding is no counterexample).
/// Errors, with the states that show it:
///   te.reducer.associative  combine(combine(a, b), c) is not combine(a, combine(b, c))
///   te.reducer.commutative  combine(a, b) is not combine(b, a)
///   te.reducer.identity     combine(identity, a) or combine(a, identity) is not a
///   te.reducer.where        states leave `where` when combined, or none was found,
///                           or a source is not shown to be one
///   te.reducer.unchecked    it has no value on any state that was tried
///   te.reducer.form         it is made of anything but its two states
[[nodiscard]] ir::CombinerRef reducer(const std::string& name, const std::vector<DType>& types,
                                      const Combine& combine, const State& identity,
                                      const Where& where = nullptr);
/// The same check of a combiner that exists; sum, prod, min, max, all and any pass at once.
[[nodiscard]] Check check_reducer(const ir::Combiner& combiner);
/// The operation that a combiner of one component is by itself, lhs op rhs: add, mul,
/// min or max, of bools and_ or or_. Nothing of any other, whatever its name.
[[nodiscard]] std::optional<ir::BinaryOp> operation_of(const ir::Combiner& combiner);
/// Whether a fold has the same bits in every order: no float is added, multiplied
/// or otherwise rounded.
[[nodiscard]] bool is_exact(const ir::Combiner& combiner);

/// (count, mean, sum of squared distances from the mean) of float values, in one
/// pass; the sources are (1, x, 0), and the variance is the third by the first.
/// Chan, Golub and LeVeque, Updating formulae and a pairwise algorithm, 1979.
[[nodiscard]] ir::CombinerRef mean_variance_combiner(DType type);
/// (greatest value m, sum of exp(x - m)) of float values, in one pass; the sources
/// are (x, 1). Milakov and Gimelshein, Online normalizer calculation for softmax, 2018.
[[nodiscard]] ir::CombinerRef softmax_combiner(DType type);

}  // namespace tc
