/* What a compiled function needs at run time: errors, the thread pool,
 * workspace memory, and the check of its arguments. Plain C11; it depends on
 * libc and pthreads only. Loading a compiled library and owning tensors are the
 * C++ headers beside this one.
 *
 * A compiled function is `int32_t NAME(const DLTensor* const* args, int32_t n)`:
 * 0 on success, non-zero on refusal, the reason then being tc_last_error() of
 * the same thread. Its description is the symbol `NAME_spec`, a tc_func_spec. */
#ifndef TC_RUNTIME_C_API_H_
#define TC_RUNTIME_C_API_H_

#include <stdint.h>

#include "tc/runtime/dlpack.h"

#if defined(__GNUC__)
#define TC_API __attribute__((visibility("default")))
#else
#define TC_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Errors ------------------------------------------------------------- */

/* The newest error of the calling thread: "error[CODE]: sentence", then one
 * fact a line, indented. "" before the first one. The text stays valid until
 * the thread's next error; it is never NULL and a success does not clear it. */
TC_API const char* tc_last_error(void);

/* Makes "error[code]: text" the calling thread's newest error. Text beyond 2047
 * bytes is cut. NULL is taken as "". */
TC_API void tc_set_error(const char* code, const char* text);

/* ---- Threads ------------------------------------------------------------ */

/* A part of a parallel loop: iterations [begin, end). Returns 0, or non-zero
 * after tc_set_error. It must not throw. */
typedef int32_t (*tc_loop_body)(void* closure, int64_t begin, int64_t end);

/* Runs body over [0, extent), split statically into at most tc_num_threads()
 * contiguous parts whose lengths differ by at most one; the caller runs the
 * first part. Returns when all parts have. Every part runs, even where another
 * one failed. The result is 0, or that of the first failed part in loop order,
 * whose error text becomes the caller's. extent <= 0 runs nothing.
 *
 * The call runs serially, as one part in the caller, where it is nested in
 * another parallel loop, and where another thread is inside the pool at that
 * moment: two callers then both make progress on their own CPUs, and neither
 * waits for the other's loop. */
TC_API int32_t tc_parallel_for(tc_loop_body body, void* closure, int64_t extent);

/* Threads that later loops use, the caller included: clamped to the number of
 * CPUs in the process's affinity mask. n <= 0 restores the default. */
TC_API void tc_set_num_threads(int32_t n);

/* The number of threads in use, >= 1. The default is the number of CPUs in the
 * affinity mask, or the cgroup's CPU quota where that is lower; the environment
 * variable TC_NUM_THREADS, read once, replaces it. */
TC_API int32_t tc_num_threads(void);

/* ---- Workspace ---------------------------------------------------------- */

/* `bytes` of uninitialised memory, aligned to 64 bytes; 0 bytes is a valid
 * request. Blocks are cached per thread, so that a kernel which asks for the
 * same workspace in each call pays for it once. NULL with an error
 * (runtime.alloc.size, runtime.alloc.exhausted) where bytes is negative or
 * memory is short. */
TC_API void* tc_alloc(int64_t bytes);

/* Gives a block of tc_alloc back, from any thread. NULL is allowed. */
TC_API void tc_free(void* block);

/* ---- Arguments ---------------------------------------------------------- */

/* Version of the two structures below, and of the meaning of a compiled
 * function's arguments. */
#define TC_ABI_VERSION 1u

/* What a compiled function expects of one argument. A shape entry of -1 accepts
 * any extent. alignment is in bytes; 0 asks for that of the element type. */
typedef struct {
  const char* name;
  uint8_t code, bits; /* as in DLDataType */
  uint16_t lanes;
  int32_t ndim;
  const int64_t* shape; /* ndim entries */
  int32_t alignment;
  int32_t is_output;                   /* written by the function */
  const int64_t* packed_bytes_or_null; /* reserved: NULL */
} tc_arg_spec;

/* What a compiled function is: its name, the workload it was compiled for (text
 * for people and logs, may be NULL), and its arguments in order. */
typedef struct {
  uint32_t abi_version;
  const char* name;
  const char* workload;
  int32_t num_args;
  const tc_arg_spec* args;
} tc_func_spec;

/* 0 if args satisfy spec. Otherwise 1, and tc_last_error() has one message that
 * names the argument, what was expected and got, and a fix. Codes:
 *   runtime.abi            the spec is of another ABI version
 *   runtime.arg.count      n differs from the number of arguments
 *   runtime.arg.null       an argument, or its shape, is NULL
 *   runtime.arg.device     not CPU memory
 *   runtime.arg.dtype      another element type
 *   runtime.arg.rank       another number of axes
 *   runtime.arg.shape      another extent, or a size beyond 64 bits
 *   runtime.arg.strides    not compact row-major (NULL strides are compact;
 *                          strides of axes of extent 1, and all strides of a
 *                          tensor without elements, do not matter)
 *   runtime.arg.data       data is NULL though the tensor has elements
 *   runtime.arg.alignment  data is not aligned
 *   runtime.arg.overlap    an output shares memory with another argument
 * A compiled function with sizes then checks these itself: runtime.arg.shape
 * where an extent differs from what the sizes make it, and runtime.arg.size
 * where they are so large together that a buffer or loop would overflow. */
TC_API int32_t tc_check_args(const tc_func_spec* spec, const DLTensor* const* args, int32_t n);

/* For compiled functions, after tc_check_args: refuses args[arg] because its
 * extent on `axis` is not as the function's sizes ask. `relation` is "n = ",
 * "n + 2 = " or "n >= ", which `expected` completes; `origin` says where the
 * sizes come from. Returns 1, the error being runtime.arg.shape. */
TC_API int32_t tc_refuse_extent(const tc_func_spec* spec, const DLTensor* const* args, int32_t arg,
                                int32_t axis, int64_t expected, const char* relation, const char* origin);

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* TC_RUNTIME_C_API_H_ */
