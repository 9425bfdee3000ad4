// The interface of a peer: a shared object that side.c loads (each with its own
// symbols) and measures in turn with the others, in one process and one run.
//   op "mm"  shape mm_shape, in0 = A[b][m][k], in1 = B[b][k][n] (a constant: may be packed in make), out =
//   C[b][m][n] op "mmd" as mm, but B is not constant: any packing must happen inside run op "cv"  shape
//   cv_shape, in0 = x[ic][h][w], in1 = w[oc][ic/g][k][k] (constant), out = y[oc][oh][ow]
//            (activations may be kept in any layout: converting them is part of make and out, not of run)
//   op "softmax" "layernorm" "gelu" "relu" "add" "rowsum" "transpose" "exp": shape rw_shape, in0 =
//   x[rows][cols]
// make returns NULL where the peer does not do the operator.
#pragma once
#include "shapes.h"
#ifdef __cplusplus
extern "C" {
#endif
const char* peer_name(void);
void* peer_make(const char* op, const void* shape, int threads, const float* in0, const float* in1);
void peer_run(void* ctx);
void peer_out(void* ctx, float* out);
void peer_drop(void* ctx);
#ifdef __cplusplus
}
#endif
