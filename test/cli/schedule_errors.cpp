// Of E = max(A, 0), C = E B, D = C + 1: steps of which the last is refused.
#include "error_cases.h"
#include "tc/schedule/schedule.h"
#include "tc/te/ops.h"

namespace tc::test {
namespace {

ErrorCase steps(std::string code, std::string text) {
  return {
      std::move(code), text, [text] {
        const Tensor A = placeholder({20, 30}, kF32, "A"), B = placeholder({30, 40}, kF32, "B");
        const Tensor E =
            compute({20, 30}, [&](Expr y, Expr x) { return max(A(y, x), ir::float_imm(0)); }, "E");
        const ReduceAxis k = reduce_axis(0, 30, "k");
        const Tensor C = compute({20, 40}, [&](Expr y, Expr x) { return sum(E(y, k) * B(k, x), k); }, "C");
        const Tensor D = compute({20, 40}, [&](Expr y, Expr x) { return C(y, x) + ir::float_imm(1); }, "D");
        Schedule s({D});
        if (Check e = s.apply(parse_steps(text).value())) throw *e;
      }};
}

}  // namespace

ErrorFamily schedule_errors() {
  return {
      "schedule",
      {steps("schedule.parse", "split C y factor=eight into=yo,yi"),
       steps("schedule.stage.unknown", "split F y factor=8 into=yo,yi"),
       steps("schedule.stage.input", "split A i factor=8 into=io,ii"),
       steps("schedule.stage.name", "cache_write C scope=global into=E"),
       steps("schedule.axis.unknown", "split C z factor=8 into=zo,zi"),
       steps("schedule.axis.not_a_loop", "split C y factor=8 into=yo,yi\nunroll C y"),
       steps("schedule.axis.name", "split C y factor=8 into=x,yi"),
       steps("schedule.axis.mode", "unroll C x\nparallel C x"),
       steps("schedule.axis.attached", "compute_at E C y\nsplit C y factor=4 into=yo,yi"),
       steps("schedule.split.factor", "split C y factor=0 into=yo,yi"),
       steps("schedule.fuse.kinds", "fuse C x,k into=xk"),
       steps("schedule.fuse.adjacent", "fuse C x,y into=xy"),
       steps("schedule.reorder.twice", "reorder C y,x,y"),
       steps("schedule.reorder.attached", "compute_at E C y\nreorder C x,y"),
       {"schedule.vectorize.reduce", "vectorize the reduce axis of op::argmax",
        [] {
          const Tensor I = op::argmax(placeholder({8, 16}, kF32, "X"));
          Schedule s({I});
          for (const std::string& stage : s.stages())
            if (const auto k = s[stage].reduce_axes(); !k.empty()) s[stage].vectorize(k[0], true);
        }},
       steps("schedule.vectorize.reassociate", "vectorize C k"),
       steps("schedule.vectorize.attached", "compute_at E C x\nvectorize C x"),
       steps("schedule.mode.nested", "vectorize C y\nparallel C x"),
       steps("schedule.parallel.reduce", "parallel C k"),
       steps("schedule.vthread.reduce", "vthread C k"),
       steps("schedule.double_buffer.argument", "double_buffer D"),
       steps("schedule.double_buffer.place", "double_buffer E"),
       steps("schedule.rolling_buffer.argument", "rolling_buffer A"),
       steps("schedule.rolling_buffer.place", "rolling_buffer E"),
       steps("schedule.rolling_buffer.mode", "compute_at C D y\nparallel D y\nrolling_buffer C"),
       steps("schedule.rolling_buffer.window", "compute_at C D y\nrolling_buffer C"),
       steps("schedule.storage_align.argument", "storage_align B y factor=16"),
       steps("schedule.storage_align.dim", "storage_align E x factor=16"),
       steps("schedule.storage_align.factor", "storage_align E y factor=16 offset=16"),
       steps("schedule.storage_align.twice", "storage_align E y factor=16\nstorage_align E y factor=8"),
       steps("schedule.storage_align.layout", "storage_align E y factor=16\nlayout E dims=x,y"),
       steps("schedule.prefetch.distance", "prefetch C k tensor=B distance=-1"),
       steps("schedule.prefetch.reader", "prefetch D x tensor=E distance=1"),
       steps("schedule.prefetch.inside", "compute_at E C y\nprefetch C y tensor=E distance=1"),
       steps("schedule.prefetch.twice", "prefetch C k tensor=B distance=1\nprefetch C k tensor=B distance=2"),
       steps("schedule.compute_at.output", "compute_at D C y"),
       steps("schedule.compute_at.cycle", "compute_at E C y\ncompute_at C E y"),
       steps("schedule.compute_at.reader", "compute_at E D y"),
       steps("schedule.compute_at.vectorized", "vectorize D x\ncompute_at C D x"),
       steps("schedule.place.reader", "compute_at C D y\ncompute_at E D y\ncompute_root C"),
       steps("schedule.inline.output", "compute_inline D"),
       steps("schedule.inline.reduce", "compute_inline C"),
       steps("schedule.inline.steps", "split E y factor=4 into=yo,yi\ncompute_inline E"),
       steps("schedule.init_at.reduce", "init_at E y"),
       steps("schedule.init_at.mode", "vectorize C x\ninit_at C x"),
       steps("schedule.cache_read.reader", "cache_read A scope=global readers=C into=A_r"),
       steps("schedule.rfactor.reduce", "rfactor C y position=0 into=C_rf"),
       steps("schedule.rfactor.position", "rfactor C k position=3 reassociate into=C_rf"),
       steps("schedule.rfactor.reassociate",
             "split C k factor=8 into=ko,ki\nrfactor C ko position=0 into=C_rf"),
       steps("schedule.reverse_compute_at.reader", "reverse_compute_at D E y"),
       steps("schedule.reverse_compute_at.inside", "compute_at C D y\nreverse_compute_at D C y"),
       steps("schedule.reverse_compute_at.late", "unroll D x\nreverse_compute_at D C y"),
       steps("schedule.reverse_compute_at.reduce", "reorder C k,y,x\nreverse_compute_at D C x"),
       steps("schedule.reverse_compute_at.access", "reverse_compute_at C E x"),
       steps("schedule.scope", "set_scope E scope=shared"),
       steps("schedule.layout.dim", "layout B dims=x*16,y"),
       steps("schedule.layout.bijective", "layout B dims=x/16,y"),
       steps("schedule.layout.output", "layout D dims=x,y")}};
}

}  // namespace tc::test
