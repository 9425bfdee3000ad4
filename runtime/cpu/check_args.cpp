// tc_check_args: a compiled function's arguments against its description.
//
// The checks are ordered so that each may rely on those before it, and report
// the first problem of the first argument that has one. Nothing is formatted
// until an argument is refused.
#include <cstdint>
#include <cstring>

#include "tc/runtime/c_api.h"
#include "text.h"

namespace tc::runtime {
namespace {

/// One argument under examination.
struct Arg {
  const tc_func_spec* func;
  const tc_arg_spec* spec;
  const DLTensor* tensor;
  int32_t index;
};

/// The bytes that an argument occupies, [begin, end).
struct Range {
  uintptr_t begin, end;
};

void append_dtype(Text& text, uint8_t code, uint8_t bits, uint16_t lanes) {
  static constexpr const char* kNames[] = {"i", "u", "f", "handle", "bf", "complex"};
  if (code == kDLBool && bits == 8) {
    text.append("bool");
  } else if (code < sizeof kNames / sizeof *kNames) {
    text.append("%s%d", kNames[code], bits);
  } else {
    text.append("dtype(code %d, %d bits)", code, bits);
  }
  if (lanes != 1) text.append("x%d", lanes);
}

/// "[64, 32]"; `wildcard` is printed as "any".
void append_list(Text& text, const int64_t* values, int32_t count, int64_t wildcard = INT64_MIN) {
  text.append("[");
  for (int32_t i = 0; i < count; ++i) {
    if (i > 0) text.append(", ");
    if (values[i] == wildcard) {
      text.append("any");
    } else {
      text.append("%lld", static_cast<long long>(values[i]));
    }
  }
  text.append("]");
}

/// "matmul: argument 1 (B) ", the start of every sentence about an argument.
Text sentence_about(const Arg& arg) {
  Text text;
  text.append("%s: argument %d (%s) ", arg.func->name, arg.index, arg.spec->name);
  return text;
}

/// How to mend a shape: an argument that the schedule packs is named NAME_packed, and
/// there is a function that packs it.
Text fix_shape(const Arg& arg, const char* otherwise) {
  static constexpr char kSuffix[] = "_packed";
  constexpr int kLength = sizeof kSuffix - 1;
  Text text;
  const char* name = arg.spec->name;
  const int length = static_cast<int>(strlen(name)) - kLength;
  if (length > 0 && strcmp(name + length, kSuffix) == 0) {
    text.append("pack it first, with %s_pack_%.*s(%.*s, %s), and pass what that makes", arg.func->name,
                length, name, length, name, name);
  } else {
    text.append("%s", otherwise);
  }
  return text;
}

/// Sets the error with the facts that all refusals of an argument share.
int32_t refuse(const Arg& arg, const char* code, const Text& sentence, const char* expected, const char* got,
               const char* fix) {
  Text wanted, given;
  if (expected == nullptr) {
    append_dtype(wanted, arg.spec->code, arg.spec->bits, arg.spec->lanes);
    append_list(wanted, arg.spec->shape, arg.spec->ndim, -1);
    expected = wanted.c_str();
  }
  if (got == nullptr) {
    const DLDataType dtype = arg.tensor->dtype;
    append_dtype(given, dtype.code, dtype.bits, dtype.lanes);
    append_list(given, arg.tensor->shape, arg.tensor->ndim);
    got = given.c_str();
  }
  const Fact facts[] = {{"workload", arg.func->workload}, {"expected", expected}, {"got", got}, {"fix", fix}};
  set_error(code, sentence.c_str(), facts, 4);
  return 1;
}

int32_t refuse_null(const Arg& arg, const char* what) {
  Text sentence = sentence_about(arg);
  sentence.append("%s", what);
  return refuse(arg, "runtime.arg.null", sentence, nullptr, "NULL", "pass a DLTensor for every argument");
}

int32_t refuse_device(const Arg& arg) {
  Text sentence = sentence_about(arg), got;
  const DLDevice device = arg.tensor->device;
  sentence.append("is not in CPU memory");
  got.append("device type %d, id %d", static_cast<int>(device.device_type),
             static_cast<int>(device.device_id));
  return refuse(arg, "runtime.arg.device", sentence, "device type 1 (CPU)", got.c_str(),
                "copy it to the CPU");
}

int32_t refuse_dtype(const Arg& arg) {
  Text sentence = sentence_about(arg);
  const DLDataType dtype = arg.tensor->dtype;
  sentence.append("has type ");
  append_dtype(sentence, dtype.code, dtype.bits, dtype.lanes);
  sentence.append(", expected ");
  append_dtype(sentence, arg.spec->code, arg.spec->bits, arg.spec->lanes);
  return refuse(arg, "runtime.arg.dtype", sentence, "", "", "convert it, or compile for this type");
}

int32_t refuse_rank(const Arg& arg) {
  Text sentence = sentence_about(arg), got;
  sentence.append("has %d axes, expected %d", arg.tensor->ndim, arg.spec->ndim);
  got.append("%d axes", arg.tensor->ndim);
  const bool printable = arg.tensor->shape != nullptr && arg.tensor->ndim >= 0 && arg.tensor->ndim <= 32;
  return refuse(arg, "runtime.arg.rank", sentence, nullptr, printable ? nullptr : got.c_str(),
                fix_shape(arg, "reshape it, or compile for this rank").c_str());
}

int32_t refuse_extent(const Arg& arg, int32_t axis) {
  Text sentence = sentence_about(arg);
  sentence.append("has extent %lld on axis %d, expected ", static_cast<long long>(arg.tensor->shape[axis]),
                  axis);
  if (arg.spec->shape[axis] < 0) {
    sentence.append("0 or more");
  } else {
    sentence.append("%lld", static_cast<long long>(arg.spec->shape[axis]));
  }
  return refuse(arg, "runtime.arg.shape", sentence, nullptr, nullptr,
                fix_shape(arg, "pass this shape, or compile for the one given").c_str());
}

int32_t refuse_size(const Arg& arg) {
  Text sentence = sentence_about(arg);
  sentence.append("has more bytes than 64 bits can count");
  return refuse(arg, "runtime.arg.shape", sentence, nullptr, nullptr, "pass a smaller tensor");
}

int32_t refuse_offset(const Arg& arg) {
  Text sentence = sentence_about(arg), got;
  sentence.append("lies outside the address space");
  got.append("byte_offset %llu", static_cast<unsigned long long>(arg.tensor->byte_offset));
  return refuse(arg, "runtime.arg.data", sentence, "data + byte_offset inside the tensor's memory",
                got.c_str(), "give data and byte_offset that address the first element");
}

int32_t refuse_strides(const Arg& arg) {
  Text sentence = sentence_about(arg), expected, got;
  sentence.append("is strided, expected compact row-major");
  int64_t compact[64];
  const int32_t rank = arg.tensor->ndim;
  if (rank <= 64) {
    int64_t stride = 1;
    for (int32_t axis = rank; axis-- > 0; stride *= arg.tensor->shape[axis]) compact[axis] = stride;
    expected.append("strides ");
    append_list(expected, compact, rank);
    got.append("strides ");
    append_list(got, arg.tensor->strides, rank);
  }
  return refuse(arg, "runtime.arg.strides", sentence, expected.c_str(), got.c_str(),
                "pass a contiguous copy");
}

int32_t refuse_data(const Arg& arg) {
  Text sentence = sentence_about(arg);
  sentence.append("has no data");
  return refuse(arg, "runtime.arg.data", sentence, nullptr, "a NULL data pointer",
                "allocate the tensor first");
}

int32_t refuse_alignment(const Arg& arg, uintptr_t address, int32_t alignment) {
  Text sentence = sentence_about(arg), expected, got;
  sentence.append("is not aligned to %d bytes", alignment);
  expected.append("an address divisible by %d", alignment);
  got.append("an address with remainder %d", static_cast<int>(address % static_cast<uintptr_t>(alignment)));
  return refuse(arg, "runtime.arg.alignment", sentence, expected.c_str(), got.c_str(),
                "pass an aligned copy");
}

int32_t refuse_overlap(const Arg& output, const Arg& other, Range a, Range b) {
  Text sentence = sentence_about(output), got;
  sentence.append("is written, but shares memory with argument %d (%s)", other.index, other.spec->name);
  const uintptr_t shared = (a.end < b.end ? a.end : b.end) - (a.begin > b.begin ? a.begin : b.begin);
  got.append("%llu shared bytes", static_cast<unsigned long long>(shared));
  return refuse(output, "runtime.arg.overlap", sentence, "memory of its own", got.c_str(),
                "pass another output buffer, or a copy of the input");
}

/// Checks everything about one argument alone, and finds its bytes.
int32_t check_arg(const Arg& arg, Range* range) {
  const tc_arg_spec& spec = *arg.spec;
  if (arg.tensor == nullptr) return refuse_null(arg, "is NULL");
  const DLTensor& tensor = *arg.tensor;
  if (tensor.device.device_type != kDLCPU) return refuse_device(arg);
  if (tensor.dtype.code != spec.code || tensor.dtype.bits != spec.bits || tensor.dtype.lanes != spec.lanes) {
    return refuse_dtype(arg);
  }
  if (tensor.ndim != spec.ndim) return refuse_rank(arg);
  if (spec.ndim > 0 && tensor.shape == nullptr) return refuse_null(arg, "has a NULL shape");

  // Extents first: with one of 0 the strides and the other extents' product do
  // not matter.
  bool empty = false;
  for (int32_t axis = 0; axis < spec.ndim; ++axis) {
    const int64_t extent = tensor.shape[axis], wanted = spec.shape[axis];
    if (wanted < 0 ? extent < 0 : extent != wanted) return refuse_extent(arg, axis);
    empty |= extent == 0;
  }
  *range = {0, 0};
  if (empty) return 0;
  int64_t elements = 1, bits = 0;
  bool compact = true;
  for (int32_t axis = spec.ndim; axis-- > 0;) {
    const int64_t extent = tensor.shape[axis];
    compact &= tensor.strides == nullptr || extent == 1 || tensor.strides[axis] == elements;
    if (__builtin_mul_overflow(elements, extent, &elements)) return refuse_size(arg);
  }
  if (__builtin_mul_overflow(elements, int64_t{spec.bits} * spec.lanes, &bits) || bits > INT64_MAX - 7) {
    return refuse_size(arg);
  }
  if (!compact) return refuse_strides(arg);
  if (tensor.data == nullptr) return refuse_data(arg);

  uintptr_t begin = 0, end = 0;
  // No object is larger than INT64_MAX bytes: an offset beyond is a negative number in disguise.
  if (tensor.byte_offset > static_cast<uint64_t>(INT64_MAX) ||
      __builtin_add_overflow(reinterpret_cast<uintptr_t>(tensor.data), tensor.byte_offset, &begin) ||
      __builtin_add_overflow(begin, static_cast<uintptr_t>((bits + 7) / 8), &end)) {
    return refuse_offset(arg);
  }
  const int32_t natural = spec.bits >= 8 ? spec.bits / 8 : 1;
  const int32_t alignment = spec.alignment > 0 ? spec.alignment : natural;
  if (begin % static_cast<uintptr_t>(alignment) != 0) return refuse_alignment(arg, begin, alignment);
  *range = {begin, end};
  return 0;
}

int32_t check_overlaps(const tc_func_spec& spec, const DLTensor* const* args, const Range* ranges) {
  for (int32_t i = 0; i < spec.num_args; ++i) {
    if (spec.args[i].is_output == 0) continue;
    for (int32_t j = 0; j < spec.num_args; ++j) {
      const Range a = ranges[i], b = ranges[j];
      if (j == i || a.begin >= b.end || b.begin >= a.end) continue;
      // Of two outputs the later one is reported.
      if (j > i && spec.args[j].is_output != 0) continue;
      return refuse_overlap({&spec, &spec.args[i], args[i], i}, {&spec, &spec.args[j], args[j], j}, a, b);
    }
  }
  return 0;
}

int32_t refuse_call(const tc_func_spec& spec, const char* code, const Text& sentence, const char* fix) {
  const Fact facts[] = {{"workload", spec.workload}, {"fix", fix}};
  set_error(code, sentence.c_str(), facts, 2);
  return 1;
}

}  // namespace
}  // namespace tc::runtime

using namespace tc::runtime;

extern "C" int32_t tc_check_args(const tc_func_spec* spec, const DLTensor* const* args, int32_t n) {
  if (spec->abi_version != TC_ABI_VERSION) {
    Text sentence;
    sentence.append("this function was compiled for runtime ABI %u, the runtime has %u", spec->abi_version,
                    TC_ABI_VERSION);
    const Fact fix = {"fix", "compile it again with the tc that the runtime came with"};
    set_error("runtime.abi", sentence.c_str(), &fix, 1);
    return 1;
  }
  if (n != spec->num_args) {
    Text sentence;
    sentence.append("%s: got %d arguments, expected %d", spec->name, n, spec->num_args);
    Text fix;
    fix.append("pass inputs and outputs in this order: ");
    for (int32_t i = 0; i < spec->num_args; ++i) fix.append(i == 0 ? "%s" : ", %s", spec->args[i].name);
    return refuse_call(*spec, "runtime.arg.count", sentence, fix.c_str());
  }
  if (n > 0 && args == nullptr) {
    Text sentence;
    sentence.append("%s: the argument array is NULL", spec->name);
    return refuse_call(*spec, "runtime.arg.null", sentence, "pass an array of DLTensor pointers");
  }
  constexpr int32_t kMostArgs = 256;  // bounds the stack; a compiled function has a handful
  if (n > kMostArgs) {
    Text sentence;
    sentence.append("%s: got %d arguments, at most %d are possible", spec->name, n, kMostArgs);
    return refuse_call(*spec, "runtime.arg.count", sentence, "split the function");
  }
  Range ranges[kMostArgs];
  for (int32_t i = 0; i < n; ++i) {
    if (check_arg({spec, &spec->args[i], args[i], i}, &ranges[i]) != 0) return 1;
  }
  return check_overlaps(*spec, args, ranges);
}

extern "C" int32_t tc_refuse_extent(const tc_func_spec* spec, const DLTensor* const* args, int32_t arg,
                                    int32_t axis, int64_t expected, const char* relation,
                                    const char* origin) {
  const Arg a = {spec, &spec->args[arg], args[arg], arg};
  Text sentence = sentence_about(a), wanted;
  sentence.append("has extent %lld on axis %d, expected %s%lld",
                  static_cast<long long>(a.tensor->shape[axis]), axis, relation,
                  static_cast<long long>(expected));
  wanted.append("%s%lld on axis %d; %s", relation, static_cast<long long>(expected), axis, origin);
  return refuse(a, "runtime.arg.shape", sentence, wanted.c_str(), nullptr,
                "pass arguments whose extents go together");
}
