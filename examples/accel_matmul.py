"""An int8 matmul on the simulated accelerator: what is computed, the program, its time.

    accel_matmul.py [M [N [K [MACHINE]]]]      MACHINE: vta, vta-1x32x32, vta-4x16x16 or a JSON file
"""
import sys

import numpy as np
import tc

m, n, k = (int(sys.argv[i]) if len(sys.argv) > i else d for i, d in ((1, 48), (2, 64), (3, 128)))
target = tc.Target("accel", sys.argv[4] if len(sys.argv) > 4 else "vta")

A = tc.placeholder((m, k), dtype="i8", name="A")
B = tc.placeholder((k, n), dtype="i8", name="B")
kk = tc.reduce_axis((0, k), name="k")
C = tc.compute((m, n), lambda y, x: tc.sum(tc.cast(A[y, kk], "i32") * tc.cast(B[kk, x], "i32"), axis=kk), name="C")
D = tc.compute((m, n), lambda y, x: tc.cast(tc.max(tc.min(C[y, x] >> 6, 127), -128), "i8"), name="D")

f = tc.build([A, B, D], target=target, name="matmul")   # blocks the operands into tiles, and schedules
print(f.explain())

rng = np.random.default_rng(0)
a, b = (rng.integers(-128, 128, t.shape, np.int8) for t in (A, B))
d = np.empty(D.shape, np.int8)
profile = f.profile(a, b, d)                            # f(a, b, d) runs without counting cycles
expected = np.clip((a.astype(np.int32) @ b.astype(np.int32)) >> 6, -128, 127)
np.testing.assert_array_equal(d, expected)

(program,) = f.programs()
listing = program.listing().splitlines()
code = listing.index(".code") + 1
print("\n".join(listing[code : code + 8]), f"\n... {program.stats['insns']} instructions\n")
print(profile.timeline())
print(profile.table())
