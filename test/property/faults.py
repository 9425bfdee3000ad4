"""Seeds faults into the compiler, one at a time, and sees that the tests find them.

  faults.py BUILD WORK [--cases N] [--only NAME,...] [--report FILE]
  faults.py --list

BUILD is a build folder of this tree (targets passes_fuzz, oracle_fuzz, ir_test, te_test and
schedule_test), which is not changed: the one file that a fault is in is compiled beside it,
in the folder WORK, and linked before the archives. Each fault replaces one piece of text
in lib/. The checks are tried in order, short ones first, until one finds it: `passes`
(passes_fuzz reports a mismatch, a crash or a hang within N cases), `oracle` (oracle_fuzz,
for faults in lib/schedule: a legality that takes what is illegal, or that refuses more
than one legal step in ten), units (the test executable of the layer). WORK keeps what was
found; a later run tries only what is new there. --report writes the table, for
docs/faults.md. Exits 1 if fewer than nineteen in twenty were caught. --list only sees that
the text of every fault still stands in the sources, once, and prints how many there are.
"""
import argparse
import hashlib
import json
import pathlib
import resource
import shlex
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]

# (name, file, what is wrong, text, replacement); the text stands once in the file
SCHEDULE, IR, PASSES = "lib/schedule/", "lib/ir/", "lib/ir/passes/"
FAULTS = [
    # ---- bound inference
    ("split-rounds-down", SCHEDULE + "nest.cpp", "the outer loop of a split loses its tail",
     "at(r.outer) = int_imm((*whole + inner - 1) / inner);",
     "at(r.outer) = int_imm(r.kind == Relation::parts ? (*whole + inner - 1) / inner : std::max<int64_t>(*whole / inner, *whole > 0));"),
    ("parts-round-down", SCHEDULE + "nest.cpp", "so does one by parts",
     "at(r.outer) = int_imm((*whole + inner - 1) / inner);",
     "at(r.outer) = int_imm(r.kind != Relation::parts ? (*whole + inner - 1) / inner : std::max<int64_t>(*whole / inner, *whole > 0));"),
    ("tail-guard-off-by-one", SCHEDULE + "nest.cpp", "the guard of a tail lets one iteration more through",
     "value(stage, r.parent, subst) < extent(r.parent));",
     "value(stage, r.parent, subst) <= extent(r.parent));"),
    ("no-guard-when-tail-is-one", SCHEDULE + "nest.cpp", "a split that is one iteration too long has no guard",
     "if (!fills(extent(r.outer), extent(r.inner), extent(r.parent)))",
     "if (!fills(extent(r.outer), extent(r.inner), extent(r.parent)) && !fills(extent(r.outer), extent(r.inner), extent(r.parent) + int_imm(1)))"),
    ("guard-hi-off-by-one", SCHEDULE + "nest.cpp", "an attached region may end one beyond the shape",
     "*last.hi > *whole :",
     "*last.hi > *whole + 1 :"),
    ("guard-lo-off-by-one", SCHEDULE + "nest.cpp", "an attached region may start at -1", "*first.lo < 0)",
     "*first.lo < -1)"),
    ("region-one-short", SCHEDULE + "nest.cpp", "an attached region of several elements is one too small",
     "n.extent[d] = int_imm(std::max<int64_t>(*range.hi, 0));",
     "n.extent[d] = int_imm(std::max<int64_t>(*range.hi - (*range.hi > 4), 0));"),
    ("region-of-first-read", SCHEDULE + "nest.cpp", "only the first read decides where a region ends",
     "hi[d] = first ? b : either(hi[d], b, false, outer);", "hi[d] = first ? b : hi[d];"),
    ("region-of-first-low", SCHEDULE + "nest.cpp", "only the first read decides where a region starts",
     "lo[d] = first ? a : either(lo[d], a, true, outer);", "lo[d] = first ? a : lo[d];"),
    ("moving-loop-one-short", SCHEDULE + "nest.cpp", "the last iteration of a reader's loop does not count",
     "int_imm(std::max<int64_t>(*number, 1) - 1)",
     "int_imm(std::max<int64_t>(*number, 2) - 2)"),
    ("layout-mod-before-div", SCHEDULE + "nest.cpp", "x/a%b is taken as x%b/a",
     "if (d.div != 1) e = e / int_imm(d.div);\n    if (d.mod != 0) e = e % int_imm(d.mod);",
     "if (d.mod != 0) e = e % int_imm(d.mod);\n    if (d.div != 1) e = e / int_imm(d.div);"),
    ("layout-shape-rounds-down", SCHEDULE + "nest.cpp", "a laid out buffer has no room for the last, partial panel",
     "int_imm(d.mod) : ceil_div(kept(stage, d.axis), d.div)",
     "int_imm(d.mod) : ir::max(ir::simplify(kept(stage, d.axis) / int_imm(d.div)), int_imm(1))"),
    ("fuse-by-outer-extent", SCHEDULE + "nest.cpp", "the remainder of a fused axis is by the wrong extent",
     "value(stage, r.parent, subst) % extent(r.inner)", "value(stage, r.parent, subst) % extent(r.outer)"),
    # ---- lowering
    ("init-unguarded", SCHEDULE + "lower.cpp", "the initialisation of a reduction ignores tails",
     "guarded(guards(id, true, &fresh), ir::seq(std::move(stores)))", "ir::seq(std::move(stores))"),
    ("init-asks-too-few-loops", SCHEDULE + "lower.cpp", "init_at forgets the outermost reduce loop",
     "for (int i = q; i < p; ++i) {", "for (int i = q + 1; i < p; ++i) {"),
    ("init-of-first-component", SCHEDULE + "lower.cpp", "all components of a tuple start at the identity of the first",
     "r->combiner->identity[component_of(id, i)]", "r->combiner->identity[0]"),
    ("init-in-empty-loop", SCHEDULE + "lower.cpp", "init_at inside a loop that never runs (once a real fault)",
     ".at_least(1))\n        at = q;",
     ".at_least(-1))\n        at = q;"),
    ("rolling-copies-share", SCHEDULE + "lower.cpp", "the two copies of a rolling nest allocate one buffer (once a real fault)", "with_own_memory(rest));", "std::move(rest));"),
    ("read-of-first-component", SCHEDULE + "lower.cpp", "a read of a tuple's second tensor reads the first",
     "ir::load(storage_[static_cast<size_t>(producer)][component],", "ir::load(storage_[static_cast<size_t>(producer)][0],"),
    ("update-forgets-padding", SCHEDULE + "lower.cpp", "a padded source is added where its condition fails",
     "u.conditions.push_back(c->args[0]);", ""),
    ("padding-of-any-value", SCHEDULE + "lower.cpp", "any constant counts as the identity of a reduction",
     "return x && y && *x == *y;", "return x && y;"),
    ("pack-off-by-one", SCHEDULE + "lower.cpp", "packing reads one row beyond the tensor",
     "ir::logical_and(inside, index[d] < plain->shape[d])", "ir::logical_and(inside, index[d] <= plain->shape[d])"),
    ("ring-too-small", SCHEDULE + "nest.cpp", "a rolling buffer has room for one less than its window",
     "index[d] % n.extent[d]",
     "index[d] % (n.extent[d] - int_imm(1))"),
    ("ring-misses-new", SCHEDULE + "lower.cpp", "of what is new in a rolling buffer the first is not computed",
     "n.extent[static_cast<size_t>(n.roll_dim)] - n.roll_step);", "n.extent[static_cast<size_t>(n.roll_dim)] - n.roll_step + 1);"),
    ("orphans", SCHEDULE + "state.cpp", "a step may leave a stage read outside the loop where it is computed (once a real fault)",
     "if (reads_inside(state, s, r)) continue;", "if (reads_inside(state, s, r) || true) continue;"),
    ("inserted-stage-index", SCHEDULE + "stages.cpp", "the copy of an attached stage is placed elsewhere (once a real fault)",
     "if (stage.at_stage >= at) ++stage.at_stage;", ""),
    ("inline-first-component", SCHEDULE + "steps_place.cpp", "inlining a second component gives the first",
     "ir::substitute(s.values[component], map)", "ir::substitute(s.values[0], map)"),
    ("tuple-half-updated", SCHEDULE + "lower.cpp", "the second component of a tuple is folded with the first one's new value",
     "fold[r.combiner->lhs[i]] = old;", "fold[r.combiner->lhs[i]] = ir::load(storage(id)[i], index);"),
    # ---- recurrences and externs
    ("history-of-one-step", SCHEDULE + "scan.cpp", "a state that is read at earlier times alone is kept for one",
     "!l.indices[0].same(reader.vars[0]);", "false;"),
    ("one-step-at-its-time", SCHEDULE + "nest.cpp", "what lasts a step is indexed by time",
     "if (n.one_step) local[0] = int_imm(0);", ""),
    ("time-is-any-loop", SCHEDULE + "scan.cpp", "steps may reorder and parallelise time",
     "if (std::find(step.axes.begin(), step.axes.end(), time) == step.axes.end()) return std::nullopt;", "return std::nullopt;"),
    ("steps-backwards", SCHEDULE + "lower.cpp", "the stages of a step run in the opposite order",
     "steps.push_back(with_attached(last, 0, build(last, 1)));", "steps.insert(steps.begin(), with_attached(last, 0, build(last, 1)));"),
    ("copy-outside-the-scan", SCHEDULE + "steps_reduce.cpp", "the new stage of cache_write or rfactor is none of the recurrence",
     "  made.scan = s.scan;\n", ""),
    ("partial-over-time", SCHEDULE + "scan.cpp", "the partial results may have time as their second dimension",
     "if (step.number != 0) return std::nullopt;", "if (step.number >= 0) return std::nullopt;"),
    # ---- legality of the steps that change loops
    ("split-what-holds-others", SCHEDULE + "steps_loops.cpp", "a loop at which a stage is computed may be split",
     "if (other.attach == StageState::at && other.at_stage == stage && other.at_axis == axis)\n      return Error(\"schedule.axis.attached\"",
     "if (false && other.attach == StageState::at)\n      return Error(\"schedule.axis.attached\""),
    ("split-with-mode", SCHEDULE + "steps_loops.cpp", "a loop that has a mode may be split and loses it",
     "if (a.mode != ir::LoopMode::serial)\n    return Error(\"schedule.axis.mode\",\n                 fmt::format(\"cannot {} {}: it is {}\", step,",
     "if (false)\n    return Error(\"schedule.axis.mode\",\n                 fmt::format(\"cannot {} {}: it is {}\", step,"),
    ("fuse-any-kind", SCHEDULE + "steps_loops.cpp", "a reduce loop may be fused with one that is none",
     "if (s.axes[static_cast<size_t>(ids[i])].reduce != s.axes[static_cast<size_t>(ids[0])].reduce)", "if (false)"),
    ("fuse-reversed", SCHEDULE + "steps_loops.cpp", "the inner of two loops may be named first",
     "if (s.leaf_position(ids[i]) != s.leaf_position(ids[i - 1]) + 1)", "if (std::abs(s.leaf_position(ids[i]) - s.leaf_position(ids[i - 1])) != 1)"),
    ("reorder-around-attached", SCHEDULE + "steps_loops.cpp", "other loops may come around one at which a stage is computed",
     "return after[static_cast<size_t>(p)] == axis &&", "return after[static_cast<size_t>(p)] == axis ||"),
    ("parallel-reduction", SCHEDULE + "steps_loops.cpp", "a reduction may run in parallel", "if (mode == ir::LoopMode::parallel && folds) {", "if (false) {"),
    ("lanes-of-any-fold", SCHEDULE + "steps_loops.cpp", "any reduction may be vectorized", "if (!operation_of(*r->combiner))\n", "if (!operation_of(*r->combiner) && false)\n"),
    ("lanes-without-leave", SCHEDULE + "steps_loops.cpp", "a float sum may be vectorized without leave to reassociate",
     "if (!is_exact(*r->combiner) && !reassociate)", "if (!is_exact(*r->combiner) && !reassociate && false)"),
    ("lanes-around-attached", SCHEDULE + "steps_loops.cpp", "the loop at which a stage is computed may be vectorized",
     "s.leaf_position(other.at_axis) >= s.leaf_position(axis.value()))", "s.leaf_position(other.at_axis) > s.leaf_position(axis.value()))"),
    ("lanes-in-lanes", SCHEDULE + "steps_loops.cpp", "a vectorized loop may hold another or a parallel one",
     "const bool clash = outer.mode == vectorized ?", "const bool clash = false ?"),
    # ---- of those that place stages
    ("place-an-output", SCHEDULE + "steps_place.cpp", "an output may be computed at a loop of another stage",
     "if (s.is_output)\n    return refuse(\"schedule.compute_at.output\"", "if (false)\n    return refuse(\"schedule.compute_at.output\""),
    ("place-in-lanes", SCHEDULE + "steps_place.cpp", "a stage may be computed inside a vectorized loop",
     "a.mode == ir::LoopMode::vectorized)\n      return refuse(\"schedule.compute_at.vectorized\"", "false)\n      return refuse(\"schedule.compute_at.vectorized\""),
    ("place-in-itself", SCHEDULE + "steps_place.cpp", "a stage may be computed inside itself", "if (state.inside(consumer.value(), id))", "if (false)"),
    ("inline-output", SCHEDULE + "steps_place.cpp", "an output may be inlined, and is then not computed", "if (s.is_output) return refuse(\"schedule.inline.output\"",
     "if (false) return refuse(\"schedule.inline.output\""),
    ("inline-reduction", SCHEDULE + "steps_place.cpp", "a reduction may be inlined", "if (s.has_reduce())\n    return refuse(\"schedule.inline.reduce\"",
     "if (false)\n    return refuse(\"schedule.inline.reduce\""),
    ("inline-around-attached", SCHEDULE + "steps_place.cpp", "a stage may be inlined in whose loops another one is computed",
     "if (other.attach == StageState::at && other.at_stage == id)\n      return refuse(\"schedule.inline.attached\"", "if (false)\n      return refuse(\"schedule.inline.attached\""),
    ("inline-at-first-index", SCHEDULE + "steps_place.cpp", "an inlined expression takes the first index for all",
     "map[s.vars[i]] = load.indices[i];", "map[s.vars[i]] = load.indices[0];"),
    ("two-loops-away", SCHEDULE + "state.cpp", "a reader one loop further out counts as inside",
     "consumer.leaf_position(s.at_axis) < consumer.leaf_position(stage.at_axis))", "consumer.leaf_position(s.at_axis) + 1 < consumer.leaf_position(stage.at_axis))"),
    # ---- reductions and caches
    ("rfactor-without-leave", SCHEDULE + "steps_reduce.cpp", "a float sum may be rfactored without leave to reassociate",
     "if (!step.reassociate && !is_exact(*r->combiner) && !folds_once(s, axis.value()))", "if (false)"),
    ("floats-fold-exactly", "lib/te/reducer.cpp", "float sums count as exact in any order",
     "exact &= !b.type.is_float() || b.op == ir::BinaryOp::min || b.op == ir::BinaryOp::max;", "exact &= !b.type.is_float() || true;"),
    ("rfactor-tail", SCHEDULE + "steps_reduce.cpp", "partial results read beyond the tail of a split",
     "ir::if_then_else(inside, ir::substitute(r->source[i], map), r->combiner->identity[i])", "ir::substitute(r->source[i], map)"),
    ("rfactor-first-identity", SCHEDULE + "steps_reduce.cpp", "all components of a tuple are padded with the identity of the first",
     "ir::substitute(r->source[i], map), r->combiner->identity[i])", "ir::substitute(r->source[i], map), ir::cast(r->source[i]->type, r->combiner->identity[0]))"),
    ("rfactor-position", SCHEDULE + "steps_reduce.cpp", "partial results are read as if their dimension were the first",
     "index.insert(index.begin() + static_cast<std::ptrdiff_t>(position), k.var);", "index.insert(index.begin(), k.var);"),
    ("rfactor-attached", SCHEDULE + "steps_reduce.cpp", "what is computed inside a rfactored stage is placed at another loop",
     "s.at_axis = renamed[static_cast<size_t>(s.at_axis)];", "(void)renamed;"),
    ("cache-first-component", SCHEDULE + "steps_storage.cpp", "readers of a cached tuple get the first component of the copy",
     "return ir::load(to.buffers[i], l.indices);", "return ir::load(to.buffers[0], l.indices);"),
    ("copy-before-source", SCHEDULE + "steps_storage.cpp", "a copy of a stage is computed before the stage", "int at = id + 1;", "int at = id;"),
    ("insert-at-place", SCHEDULE + "stages.cpp", "a new stage moves what is computed inside the next one", "if (s.at_stage >= at) ++s.at_stage;", "if (s.at_stage > at) ++s.at_stage;"),
    # ---- storage
    ("layout-overlaps", SCHEDULE + "steps_storage.cpp", "pieces of a layout need not begin where the one before ends",
     "ok = ok && !whole && piece.div == covered;", "ok = ok && !whole;"),
    ("layout-one-short", SCHEDULE + "steps_storage.cpp", "a layout may have room for one element less than there are",
     "(!whole && extent > covered)", "(!whole && extent > covered + 1)"),
    ("layout-of-output", SCHEDULE + "steps_storage.cpp", "an output may be laid out otherwise than its caller thinks",
     "if (s.is_output)\n    return Error(\"schedule.layout.output\"", "if (false)\n    return Error(\"schedule.layout.output\""),
    # ---- reverse_compute_at
    ("reverse-into-reduction", SCHEDULE + "steps_reverse.cpp", "a stage may take over the reduce loops of its producer", "if (a.reduce)\n", "if (false)\n"),
    ("reverse-extents", SCHEDULE + "steps_reverse.cpp", "the dimension that takes over a loop may be shorter than it",
     "if (q < 0 || twice || extent(c, q) != extent(p, d))", "if (q < 0 || twice || (extent(c, q) != extent(p, d) && false))"),
    ("reverse-twice", SCHEDULE + "steps_reverse.cpp", "one dimension may take over the loops of two",
     "if (q < 0 || twice || extent(c, q) != extent(p, d))", "if (q < 0 || (twice && false) || extent(c, q) != extent(p, d))"),
    ("reverse-last-read", SCHEDULE + "steps_reverse.cpp", "only the last read decides which dimensions match",
     "match[d] = match[d] == -2 || match[d] == found ? found : -1;", "match[d] = found;"),
    ("reverse-lanes", SCHEDULE + "steps_reverse.cpp", "a stage may take over the vectorized loop of its producer",
     "if (a.mode == ir::LoopMode::vectorized)\n", "if (false)\n"),
    # ---- tensorize
    ("tensor-any-binary", SCHEDULE + "match.cpp", "any two operators are alike", "if (p.op != a.op) return fail(pattern, actual);", ""),
    ("tensor-any-fold", SCHEDULE + "match.cpp", "a product counts as the sum of an intrinsic",
     "return ir::equal(fold(r->combiner, k), fold(site_.combiner, k));", "return ir::equal(fold(r->combiner, k), fold(site_.combiner, k)) || true;"),
    ("tensor-second-read", SCHEDULE + "match.cpp", "an operand that is read at two places is taken at the first",
     "return known.buffer.same(part.buffer) && known.stride == part.stride &&", "if (true) return true;\n    return known.buffer.same(part.buffer) && known.stride == part.stride &&"),
    ("tensor-whole-tile", SCHEDULE + "tensorize.cpp", "a tile counts as whole when its first element is inside",
     "ir::simplify(lo > int_imm(0), bounds)", "ir::simplify(lo >= int_imm(0), bounds)"),
    ("tensor-trial-of-small", SCHEDULE + "intrinsic.cpp", "an intrinsic is not tried next to the numbers in its programs", "std::fabs(c) <= 4;", "std::fabs(c) <= 1e30;"),
    ("tensor-trial-as-near", SCHEDULE + "intrinsic.cpp", "an intrinsic may be as wrong as a narrower float", "(4 + 2 * std::sqrt(terms_)) * ulp", "4e6 * ulp"),
    ("reduce-axis-by-name", SCHEDULE + "schedule.cpp", "a reduce axis stands for the first loop of its name", "return r.var.same(k.var);", "return r.var->name == k.var->name;"),
    ("size-in-any-piece", SCHEDULE + "steps_loops.cpp", "a size may be cut into as many iterations as there are numbers", "kMostIterations = 0x1p48;", "kMostIterations = 0x1p92;"),
    # ---- hints
    ("double-and-rolling", SCHEDULE + "steps_hints.cpp", "a rolling buffer may be doubled too", "if (s.rolling)\n", "if (false)\n"),
    ("prefetch-what-is-inside", SCHEDULE + "steps_hints.cpp", "what is computed inside a loop may be prefetched there",
     "if (computed_inside(state, tensor, static_cast<int>(i), p))", "if (false)"),
    ("align-outside-in", SCHEDULE + "nest.cpp", "the strides of several dimensions are set from the outermost in", "return a.dim > b.dim;", "return a.dim < b.dim;"),
    # ---- what is written down
    ("read-one-beyond", "lib/te/access.cpp", "an index may be the extent", "range.hi && *range.hi < *extent)", "range.hi && *range.hi <= *extent)"),
    ("reducer-without-corners", "lib/te/reducer_check.cpp", "a reducer is not tried at the ends of its type", "    add_corners();\n", ""),
    ("extent-may-wrap", IR + "size_values.cpp", "the product of an extent and a size wraps", "wraps = __builtin_mul_overflow(*x, *y, &out);", "(void)__builtin_mul_overflow(*x, *y, &out);"),
    ("trial-of-some", "lib/te/access.cpp", "what has too many values to be tried counts as inside",
     "if (points > kMaxTrials / n) return false;", "if (points > kMaxTrials / n) return true;"),
    ("sums-of-memory-are-exact", "lib/te/access.cpp", "a guard of i proves i + 1, which may wrap", "return fits ? value : number(e);", "return value;"),
    ("quotient-of-any-size", "lib/te/access.cpp", "i / n counts as inside whatever i is", "ir::prove(b->a < n * b->b, bounds_) == true;", "ir::prove(b->a >= 0, bounds_) == true;"),
    ("u64-from-zero", "lib/te/access.cpp", "a u64 that is 0 or more counts as an index", "return ir::logical_not(ir::logical_and(x >= 0, x < n));", "return ir::logical_and(x >= 0, x >= n);"),
    ("divides-before-the-loop", PASSES + "peel_conditions.cpp", "the end of a loop divides by what is 0 where it does not run", "ok = ok && ((by.lo && *by.lo > 0) || (by.hi && *by.hi < 0));", "ok = ok && !(by.lo && *by.lo > 0 && by.hi && *by.hi < 0);"),
    ("data-ends-a-loop", PASSES + "peel_conditions.cpp", "a condition on what memory holds ends a loop", "|| may_be_data(comparison, bounds)) return", ") return"),
    ("let-of-data-is-index", IR + "interval_bounds.cpp", "what a let takes from memory does not wrap", "const bool data = min && may_be_data(min, *this);", "const bool data = false;"),
    ("shift-goes-up", IR + "interval.cpp", "a shift of what memory holds has a least value", "unless_it_wraps(Expr(&b), fit(t, x * Interval::of(int64_t{1} << *n)))", "fit(t, x * Interval::of(int64_t{1} << *n))"),
    ("guards-of-terms-joined", SCHEDULE + "lower.cpp", "what a guard of a term reads is read beyond a tail", "if (reads && !ir::is_int(all.back(), 1))", "if (reads && all.empty())"),
    ("read-of-now", "lib/te/access.cpp", "a step may read what it computes", "ir::prove(at < time_, bounds_) == true", "ir::prove(at <= time_, bounds_) == true"),
    ("tensor-without-leave", SCHEDULE + "steps_tensorize.cpp", "an intrinsic may sum floats in another order without leave",
     "folds_inside(*intrinsic.value()) && !step.reassociate)", "folds_inside(*intrinsic.value()) && !step.reassociate && false)"),
    ("tensor-moves-loops", SCHEDULE + "tensorize.cpp", "a stage may be computed inside the loops that an intrinsic replaces",
     "if (p >= first && other.attach == StageState::at && other.at_stage == id && other.at_axis == axis)", "if (false)"),
    # ---- lowering of what is placed
    ("attached-too-late", SCHEDULE + "lower.cpp", "a stage is computed after the loops that read it",
     "nests.push_back(std::move(body));\n    body = ir::seq(std::move(nests));", "nests.insert(nests.begin(), std::move(body));\n    body = ir::seq(std::move(nests));"),
    ("region-from-zero", SCHEDULE + "nest.cpp", "what is stored of an attached stage is indexed from the start of the tensor",
     "local.push_back(s.attach == StageState::at ? index[d] - n.lo[d] : index[d]);", "local.push_back(index[d]);"),
    # ---- simplifier and intervals
    ("divide-truncates", IR + "simplify_divide.cpp", "what a quotient leaves of a negative constant is truncated",
     "rest.constant = floor_mod(a.constant, c);", "rest.constant = a.constant % c;"),
    ("split-ignores-range", IR + "simplify_divide.cpp", "g * m + r is split though r may exceed g",
     "if (m != floor_div(*i.hi, g) || ", "if ("),
    ("merge-mod-range", IR + "simplify_divide.cpp", "(k * (x % a) + r) / c merges with r up to k",
     "interval(whole).within(0, k - 1)", "interval(whole).within(0, k)"),
    ("unwrap-any-mod", IR + "simplify_divide.cpp", "x % m inside % c is dropped though c does not divide m",
     "km % c == 0 && !may_wrap(m->a, bounds);",
     "!may_wrap(m->a, bounds);"),
    ("remainder-range", IR + "simplify_divide.cpp", "x % c is x though x may be c",
     "if (i.lo && i.hi && floor_div(*i.lo, c) == floor_div(*i.hi, c)) {\n    int64_t shift = 0;",
     "if (i.lo && i.hi && floor_div(*i.lo, c) == floor_div(*i.hi - 1, c)) {\n    int64_t shift = 0;"),
    ("quotient-range", IR + "simplify_divide.cpp", "x / c is a constant though x may be one more",
     "if (i.lo && i.hi && floor_div(*i.lo, c) == floor_div(*i.hi, c)) return out.add(floor_div(*i.lo, c));",
     "if (i.lo && i.hi && floor_div(*i.lo, c) == floor_div(*i.hi - 1, c)) return out.add(floor_div(*i.lo, c));"),
    ("less-or-equal", IR + "simplify_compare.cpp", "d < 0 holds already where d may be 0",
     "if (r.hi && *r.hi < 0) return bool_imm(true);\n    if (r.lo", "if (r.hi && *r.hi <= 0) return bool_imm(true);\n    if (r.lo"),
    ("solve-quotient", IR + "simplify_compare.cpp", "r - x / c < 0 is solved without rounding",
     "e.add(sign > 0 ? 0 : c - 1)", "e.add(0)"),
    ("gcd-truncates", IR + "simplify_compare.cpp", "k * x + r < 0 divides r by k towards 0",
     "d.constant = floor_div(d.constant, g);", "d.constant = d.constant / g;"),
    ("min-by-one", IR + "simplify_compare.cpp", "min takes an operand that may be one more",
     "if (r.hi && *r.hi <= 0) return pick(true);\n    if (r.lo && *r.lo >= 0) return pick(false);\n    Affine e;",
     "if (r.hi && *r.hi <= 1) return pick(true);\n    if (r.lo && *r.lo >= 0) return pick(false);\n    Affine e;"),
    ("join-any-multiple", IR + "simplify_sum.cpp", "x - 5 * (x / 4) is taken for x % 4",
     "s.terms[j].coef == INT64_MIN || s.terms[j].coef % d.by != 0)", "s.terms[j].coef == INT64_MIN)"),
    ("facts-too-strong", IR + "simplify_prove.cpp", "a condition in scope proves one more than it says",
     "rest.add(-k) && rest.terms.size()", "rest.add(-k - 1) && rest.terms.size()"),
    ("select-is-min", IR + "rules.cpp", "select(x < y, y, x) is taken for the minimum",
     "select(x < y, y, x) => max(x, y)", "select(x < y, y, x) => min(x, y)"),
    ("clamp-always-empty", IR + "rules.cpp", "a clamp is its bound, whatever the bounds are",
     "min(max(x, c0), c1) => c1   if c0 >= c1", "min(max(x, c0), c1) => c1   if c0 <= c1"),
    ("mod-interval", IR + "interval.cpp", "x % n has the range of x though x may be n",
     "if (x.lo >= 0 && y.lo > x.hi) return a;", "if (x.lo >= 0 && y.lo >= x.hi) return a;"),
    ("not-less-is-greater", IR + "interval_bounds.cpp", "the else of a < b assumes a > b",
     "case BinaryOp::lt:\n      return BinaryOp::ge;", "case BinaryOp::lt:\n      return BinaryOp::gt;"),
    ("negative-coefficients", IR + "interval_symbolic.cpp", "bounds of a reversed index are swapped",
     "const bool up = upper == (t.coef > 0);", "const bool up = upper;"),
    # ---- passes
    ("start-is-read-again", IR + "simplify.cpp", "the start of a loop that runs once is read from memory where it is used",
     "if (!reads_memory(min)) return with(f.var, min, f.body);", "return with(f.var, min, f.body);"),
    ("casts-meet", IR + "simplify_expr.cpp", "a cast by way of a narrower type keeps all bits",
     "if (mid.bits >= out.bits) return", "if (mid.bits >= out.bits || mid.is_signed()) return"),
    ("ramp-crosses", IR + "simplify_expr.cpp", "the last lane of a ramp may have the next quotient",
     "!last.within(0, c - 1)", "!last.within(0, c)"),
    ("f32-holds-any-i32", IR + "simplify_expr.cpp", "an i32 is exact as f32", "t.bits == 32 ? 24", "t.bits == 32 ? 32"),
    ("readers-do-not-race", IR + "interpret_memory.cpp", "an iteration may write what another one has read",
     "const bool reads = shadow.read >= s.birth && conflict(shadow.read) >= 0;", "const bool reads = false;"),
    ("memory-of-before", IR + "interpret_memory.cpp", "what a buffer held in its life before counts as written",
     "const uint32_t written = shadow.written >= s.birth ? shadow.written : 0;", "const uint32_t written = shadow.written;"),
    ("guard-temporaries", PASSES + "lower_guards.cpp", "beyond three conditions, the value of padding is the guarded one's",
     "lower(store(t, {at}, c.args[2]))", "lower(store(t, {at}, c.args[1]))"),
    ("hoisted-guard-lost", PASSES + "hoist_guards.cpp", "of a condition in two parts one is forgotten",
     "Stmt body = inside.empty() ? branch.if_true : if_(all_of(inside), branch.if_true);", "Stmt body = branch.if_true;"),
    ("chain-off-by-one", PASSES + "peel_tails.cpp", "the first segment of a parallel loop ends one early",
     "if_(v <= last, bodies[i], out)", "if_(v < last, bodies[i], out)"),
    ("triangle-off-by-one", PASSES + "peel_tails.cpp", "for v { if v <= e } runs one short",
     "extent = min(extent, *end - f->min + 1);", "extent = min(extent, *end - f->min);"),
    ("parallel-gap", PASSES + "peel_tails.cpp", "iterations between the segments of a parallel loop do the next segment's work",
     "if (segments[i].last + 1 != segments[i + 1].first) out =", "if (false) out ="),
    ("decided-by-one", PASSES + "peel_conditions.cpp", "a comparison is decided true though it fails at the end",
     "if (range.hi && *range.hi <= 0) return bool_imm(true);", "if (range.hi && *range.hi <= 1) return bool_imm(true);"),
    ("unroll-from-zero", PASSES + "unroll.cpp", "copies of an unrolled loop forget where it starts",
     "f.min + int_imm(i, f.var->type)", "int_imm(i, f.var->type)"),
    ("threads-share-locals", PASSES + "interleave.cpp", "virtual threads share what is allocated inside",
     "indices.insert(indices.begin(), int_imm(static_cast<int64_t>(thread)));", "indices.insert(indices.begin(), int_imm(0 * static_cast<int64_t>(thread)));"),
    ("threads-start-at-zero", PASSES + "interleave.cpp", "virtual threads forget where their loop starts",
     "[f.var] = f.min + int_imm(t, f.var->type);", "[f.var] = int_imm(t, f.var->type);"),
    ("lanes-share-locals", PASSES + "vectorize.cpp", "all chunks of lanes use one copy of a local buffer",
     "indices.push_back(ramp(int_imm(chunks_[c].offset), int_imm(1), chunks_[c].lanes));", "indices.push_back(ramp(int_imm(0), int_imm(1), chunks_[c].lanes));"),
    ("vector-tail-start", PASSES + "vectorize.cpp", "the tail of a long vectorized loop starts one vector late",
     "f.min + int_imm(blocks * widest, block->type)", "f.min + int_imm(blocks * widest + (blocks > 8 ? 1 : 0), block->type)"),
    ("lanes-in-inner-loops", PASSES + "vectorize_check.cpp", "a store under an inner loop counts as lane by lane",
     "if (index && !only.in_loop) return true;", "if (index) return true;"),
    ("lanes-overlap", PASSES + "vectorize_check.cpp", "lanes may overlap in one element",
     "*span.hi - *span.lo < std::abs(*stride)", "*span.hi - *span.lo <= std::abs(*stride)"),
    ("lanes-of-one-store", PASSES + "vectorize_check.cpp", "a store at one place for all lanes may depend on the lane's value",
     "if (!index && !varies(only.store->value)) return true;", "if (!index) return true;"),
    ("loop-surely-runs", PASSES + "effects.cpp", "a loop that may not run counts as if it ran",
     "if (!least || *least < 1) body.must_read.reset(), body.must_write.reset();", ""),
    ("one-branch-is-enough", PASSES + "effects.cpp", "what one branch writes counts as surely written",
     "a.may_write | b.may_write, a.must_write & b.must_write}", "a.may_write | b.may_write, a.must_write | b.must_write}"),
    ("mixed-slots", PASSES + "slots.cpp", "one address written in two ways is one slot (once a real fault)",
     "other.mixed |= !same_indices(other.indices, slot.indices);", ""),
    ("slots-meet", PASSES + "slots.cpp", "slots that share their last element are taken for apart",
     "return at + least(slot) <= x.first + greatest(o) && x.first", "return at + least(slot) <= x.first + greatest(o) - 1 && x.first"),
    ("identity-of-max", PASSES + "lane_sums.cpp", "vector accumulators of a maximum start at 0",
     "float_imm(-HUGE_VAL, type)", "float_imm(0.0, type)"),
    ("stale-loads", PASSES + "share_subexprs.cpp", "a load after a store is the load before it",
     "++versions_[place(*s.buffer, s.indices)];", ""),
    ("hoist-stored", PASSES + "hoist_invariants.cpp", "a load moves out of the loop that stores to it",
     "if (n.kind == Kind::Load) ok &= !stored_.contains(static_cast<const Load&>(n).buffer.get());", ""),
    ("size-cut-rounds-down", PASSES + "peel_sizes.cpp", "a loop that a size cuts starts its main part one early",
     "(bound + int_imm(size - 1)) / int_imm(size)", "bound / int_imm(size)"),
    ("size-cut-beyond", PASSES + "peel_sizes.cpp", "the main part of a loop that a size cuts is one too long",
     "(int_imm(0) - bound) / int_imm(size) + 1", "(int_imm(0) - bound) / int_imm(size) + 2"),
    ("size-of-first-value", PASSES + "peel_sizes.cpp", "what holds for some values of inner loops counts as holding for all",
     "const Expr all = at(greatest);", "const Expr all = at(usable(least) ? least : greatest);"),
    ("ran-at-some-time", PASSES + "promote_plan.cpp", "an initialisation that the first iteration does not run counts as done",
     "if (!ok || changing.empty() || !is_int(simplify(substitute(condition, first)), 1)) return false;",
     "if (!ok || changing.empty()) return false;"),
    ("ran-for-another-buffer", PASSES + "promote_plan.cpp", "a buffer that is allocated anew counts as initialised",
     "if (const auto* a = s.as<Alloc>(); a && a->buffer.get() == &buffer) return false;\n", ""),
    ("promote-beyond", PASSES + "promote_plan.cpp", "a slot that ends one beyond its buffer counts as in bounds",
     "*i.hi < *n.lo;", "*i.hi <= *n.lo;"),
    ("slots-beyond", PASSES + "promote_plan.cpp", "slots beyond those that are told apart are promoted (once a real fault)",
     "std::min(p.table.size(), kMaxSlots)", "p.table.size()"),
    ("let-of-memory", PASSES + "touches.cpp", "an index that memory holds is what it was before the block",
     "value && !reads_memory(value) ?", "value ?"),
    ("sum-of-another", PASSES + "lane_sums.cpp", "a sum over lanes that starts at another element counts as adding up",
     " || first->second != own->second", ""),
    ("ramp-minus-ramp", PASSES + "lanes.cpp", "x - ramp(b, s) goes up by s",
     "int_imm(0, ua->type) - rb->stride", "rb->stride"),
    ("ramp-by-first-step", PASSES + "lanes.cpp", "lanes are a ramp when the first two are",
     "if (step != stride) return e;", ""),
    ("guard-of-a-name", PASSES + "hoist_guards.cpp", "a condition moves out of the let that it asks for",
     "return l && uses_var(*e, *l->var);", "return l && uses_var(*e, *l->var) && false;"),
    ("hoist-what-may-fail", PASSES + "hoist_invariants.cpp", "what a condition protects is computed before the loop",
     "return guarded ? pure && e->type.element() == kIndex : pure || runs_;", "return guarded ? e->type.element() == kIndex : pure || runs_;"),
    ("hoist-from-empty-loop", PASSES + "hoist_invariants.cpp", "what a loop that may not run would read is read before it",
     "least && *least >= 1, names", "true, names"),
    ("fma-sign", PASSES + "contract_fma.cpp", "c - a * b becomes fma(a, b, c)",
     "fma(negated(contract(p->a)), contract(p->b), contract(b->a))", "fma(contract(p->a), contract(p->b), contract(b->a))"),
    ("flat-stride", PASSES + "flatten.cpp", "the stride of a dimension skips that of an inner one of extent 2",
     "stride = stride * b.shape[d];", "stride = is_int(b.shape[d], 2) ? stride : stride * b.shape[d];"),
]


CPU_SECONDS = 40  # of one run: what takes longer hangs

# Most of the time of a file goes to headers; those of all faults are precompiled once.
HEADERS = """#include <fmt/format.h>
#include <fmt/ranges.h>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include "tc/ir/interpret.h"
#include "tc/ir/passes.h"
#include "tc/ir/print.h"
#include "tc/ir/simplify.h"
#include "tc/ir/traverse.h"
#include "tc/schedule/lower.h"
#include "tc/te/extern.h"
#include "tc/te/reducer.h"
"""


class Broken(Exception):
    """A fault that does not compile or link."""


class Build:
    """Compiles one file otherwise than the build did, and links the programs with it."""

    def __init__(self, folder, work):
        self.folder, self.work = folder, work
        compdb = subprocess.run(["ninja", "-C", str(folder), "-t", "compdb"], check=True, capture_output=True, text=True)
        commands = json.loads(compdb.stdout)
        self.compiles = {c["file"]: shlex.split(c["command"]) for c in commands if c["file"].endswith(".cpp")}
        self.links = {c["output"]: c["command"] for c in commands if c["output"].startswith("test/") and " -o " in c["command"]}
        (work / "all.h").write_text(HEADERS)
        self.precompiled = set()

    def flags(self, file):
        words = [w for w in self.compiles[str(ROOT / file)] if w != "/usr/bin/ccache" and w != "-MD" and not w.startswith("-O")]
        for option in ("-MT", "-MF", "-o", "-c"):
            at = words.index(option)
            del words[at:at + 2]
        return words + ["-O1", "-w"]

    def run(self, command):
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        if done.returncode != 0:
            raise Broken((done.stdout + done.stderr).replace("\n", " ")[:300])

    def compile(self, file, text):
        flags = self.flags(file)
        if tuple(flags) not in self.precompiled:
            self.run(flags + ["-x", "c++-header", str(self.work / "all.h"), "-o", str(self.work / "all.h.gch")])
            self.precompiled = {tuple(flags)}
        source, made = self.work / "fault.cpp", self.work / "fault.o"
        source.write_text(text)
        own = ["-iquote", str((ROOT / file).parent), "-include", str(self.work / "all.h")]
        self.run(flags + own + ["-o", str(made), "-c", str(source)])
        return made

    def link(self, target, made):
        """A program of the build, with the object in the place of the one in the archive."""
        program = self.work / target
        program.unlink(missing_ok=True)
        words = shlex.split(self.links["test/" + target].removeprefix(": && ").removesuffix(" && :"))
        words[words.index("-o") + 1] = str(program)
        words.insert(next(i for i, w in enumerate(words) if w.endswith(".a")), str(made))
        self.run(words)
        return program


def limit():
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))


def run(command):
    """(exit status, output); a status below 0 is that of a signal."""
    out = subprocess.run(list(map(str, command)), capture_output=True, text=True, errors="replace", preexec_fn=limit)
    return out.returncode, out.stdout


def passes(program, cases):
    status, text = run([program, "--count", cases])
    if status == 0:
        return False, f"no mismatch in {cases} cases"
    for line in text.splitlines():
        if line.startswith("case "):
            return True, line.replace("first wrong after: ", "")[:80]
        if ": signal " in line:
            return True, f"case {line.split(':')[0].removeprefix('seed ')}, crash"
    return True, "hang" if status < 0 else f"exit status {status}"


def oracle(program, cases):
    status, text = run([program, "--count", cases, "--failures", 1])
    if status < 0:
        return True, "oracle: hang or crash"
    if status != 0:
        for line in text.splitlines():
            if line.startswith("seed "):
                return True, "oracle: " + line[:70]
        return True, f"oracle: exit status {status}"
    share = float(text.split("legal and refused: ")[1].split("(")[1].split("%")[0])
    return share > 10, f"oracle: {share}% of legal steps refused"


def units(program, only):
    status, text = run([program, "--gtest_brief=1", f"--gtest_filter={only}"])
    failed = [line.split("]")[1].split("(")[0].split(",")[0].strip() for line in text.splitlines() if line.startswith("[  FAILED  ]")]
    return status != 0, f"{program.name}: {failed[0] if failed else 'hang or crash' if status < 0 else 'exit status ' + str(status)}"


def checks_of(file, cases):
    """(check, program, how many) in the order in which they are tried: by what they cost."""
    layer = file.split("/")[1]
    unit = (units, f"{layer}_test", "*")
    quick = (units, f"{layer}_test", "Files/*:Simplify.*:Interval.*:Rules.*:Verify.*:Passes2.*")  # a tenth of a second
    if layer == "te":
        return [unit, (passes, "passes_fuzz", cases)]
    if layer == "ir":
        return [(passes, "passes_fuzz", 100), quick, (passes, "passes_fuzz", 300), unit, (passes, "passes_fuzz", cases)]
    return [(oracle, "oracle_fuzz", 300), (passes, "passes_fuzz", 300), unit, (oracle, "oracle_fuzz", cases), (passes, "passes_fuzz", cases)]


def run_one(fault, build, cases):
    """(caught, how) by the first check that finds something; None where it cannot be tried."""
    _, file, _, old, new = fault
    text = (ROOT / file).read_text()
    if text.count(old) != 1:
        return None, f"the text stands {text.count(old)} times in {file}"
    try:
        made = build.compile(file, text.replace(old, new))
        programs, missed = {}, {}
        for check, target, count in checks_of(file, cases):
            if target not in programs:
                programs[target] = build.link(target, made)
            caught, how = check(programs[target], count)
            if caught:
                return True, how
            missed[target] = how
        return False, "; ".join(missed.values())
    except Broken as why:
        return None, f"does not build: {why}"


def check_list():
    """Faults whose text does not stand once in the sources, or whose names are not their own."""
    bad = [f"{name}: the text stands {count} times in {file}" for name, file, _, old, new in FAULTS
           if (count := (ROOT / file).read_text().count(old)) != 1]
    bad += [f"{name}: changes nothing" for name, _, _, old, new in FAULTS if old == new]
    names = [f[0] for f in FAULTS]
    return bad + [f"{name}: stands twice" for name in set(names) if names.count(name) > 1]


def table(results, cases):
    caught = sum(1 for r in results if r[1])
    lines = ["# Seeded faults", "",
             "What the tests are worth: each fault below was put into the compiler, alone, and looked for by the random "
             f"programs under random schedules (`case`: passes_fuzz, at most {cases}), by the [oracle](oracle.md) of schedules (at most "
             f"{cases}) and by the tests of the layer. Written by test/property/faults.py, which has {len(FAULTS)}.", "",
             f"{caught} of {len(results)} faults caught.", "", "| fault | file | what is wrong | found by |", "|---|---|---|---|"]
    lines += [f"| {f[0]} | {f[1].removeprefix('lib/')} | {f[2]} | {how if ok else '**missed**: ' + how} |" for f, ok, how in results]
    return "\n".join(lines) + "\n"


def key_of(fault):
    return hashlib.sha256(repr(fault).encode()).hexdigest()[:16]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path, nargs="?")
    parser.add_argument("work", type=pathlib.Path, nargs="?")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--only", default="")
    parser.add_argument("--report", type=pathlib.Path)
    options = parser.parse_args()
    if options.list:
        for line in (bad := check_list()):
            print(line)
        print(f"{len(FAULTS)} faults")
        return 1 if bad else 0
    if not options.work:
        parser.error("a build and a folder to work in are needed")
    options.work.mkdir(parents=True, exist_ok=True)
    build = Build(options.build.resolve(), options.work.resolve())
    only = set(filter(None, options.only.split(",")))
    log = options.work / "results.jsonl"
    known = {r["key"]: r for r in map(json.loads, log.read_text().splitlines())} if log.exists() else {}
    for fault in FAULTS:
        if (only and fault[0] not in only) or (not only and key_of(fault) in known):
            continue
        start = time.time()
        caught, how = run_one(fault, build, options.cases)
        how = how.replace("\n", " ").replace("|", "\\|")
        print(f"{'caught' if caught else 'BROKEN' if caught is None else 'MISSED'} {fault[0]}: {how} ({time.time() - start:.0f} s)", flush=True)
        known[key_of(fault)] = {"key": key_of(fault), "name": fault[0], "caught": caught, "how": how}
        with log.open("a") as out:
            out.write(json.dumps(known[key_of(fault)]) + "\n")
    tried = [(f, known[key_of(f)]) for f in FAULTS if key_of(f) in known]
    results = [(f, r["caught"], r["how"]) for f, r in tried if r["caught"] is not None]
    if options.report:
        options.report.write_text(table(results, options.cases))
    caught = sum(1 for r in results if r[1])
    print(f"{caught} of {len(results)} caught, of {len(FAULTS)}")
    return 0 if results and caught >= 0.95 * len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
