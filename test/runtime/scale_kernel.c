/* What the compiler's ahead-of-time output looks like to a loader: y = 2 x over
 * any number of f32, in parallel. Its runtime is the host program's. */
#include "tc/runtime/c_api.h"

static const int64_t kShape[] = {-1};
static const tc_arg_spec kArgs[] = {
    {"x", kDLFloat, 32, 1, 1, kShape, 0, 0, 0},
    {"y", kDLFloat, 32, 1, 1, kShape, 0, 1, 0},
};
TC_API const tc_func_spec scale_spec = {TC_ABI_VERSION, "scale", "scale dtype=f32", 2, kArgs};
TC_API const tc_func_spec stale_spec = {TC_ABI_VERSION + 1, "stale", 0, 0, 0};

typedef struct {
  const float* x;
  float* y;
} closure_t;

static int32_t scale_part(void* closure, int64_t begin, int64_t end) {
  const closure_t* c = (const closure_t*)closure;
  for (int64_t i = begin; i < end; ++i) c->y[i] = 2 * c->x[i];
  return 0;
}

TC_API int32_t scale(const DLTensor* const* args, int32_t n) {
  closure_t closure;
  if (tc_check_args(&scale_spec, args, n) != 0) return 1;
  closure.x = (const float*)args[0]->data;
  closure.y = (float*)args[1]->data;
  return tc_parallel_for(scale_part, &closure, args[0]->shape[0]);
}

TC_API int32_t stale(const DLTensor* const* args, int32_t n) {
  (void)args;
  return n;
}

TC_API int32_t without_spec(const DLTensor* const* args, int32_t n) {
  (void)args;
  return n;
}
