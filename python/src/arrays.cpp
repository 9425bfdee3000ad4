#include "arrays.h"

#include <fmt/format.h>
#include <unistd.h>

namespace tc::python {
namespace {

constexpr DLPackVersion kVersion{DLPACK_MAJOR_VERSION, DLPACK_MINOR_VERSION};

// The DLPack type of a struct-module format; nothing for what is no number.
std::optional<DLDataType> type_of_format(const char* format, int64_t itemsize) {
  if (!format) return DLDataType{kDLUInt, 8, 1};
  const char first = *format;
  if ((first == '>' || first == '!') && itemsize > 1) return std::nullopt;  // the other byte order
  if (first == '@' || first == '=' || first == '<' || first == '>' || first == '!' || first == '|') ++format;
  if (!*format || format[1]) return std::nullopt;
  const auto bits = static_cast<uint8_t>(itemsize * 8);
  switch (*format) {
    case 'e':
    case 'f':
    case 'd':
      return DLDataType{kDLFloat, bits, 1};
    case 'b':
    case 'h':
    case 'i':
    case 'l':
    case 'q':
    case 'n':
      return DLDataType{kDLInt, bits, 1};
    case 'B':
    case 'H':
    case 'I':
    case 'L':
    case 'Q':
    case 'N':
      return DLDataType{kDLUInt, bits, 1};
    case '?':
      return DLDataType{kDLBool, 8, 1};
    default:
      return std::nullopt;
  }
}

Error wrong_type(const std::string& what, const std::string& got) {
  return Error("runtime.arg.dtype", what + " has elements that tc does not know")
      .fact("argument", what)
      .fact("got", got)
      .fix(
          "convert it, e.g. with numpy's astype; elements are f64 f32 f16 bf16, i64..i8, u64..u8 or bool in "
          "the machine's byte order");
}

const char* format_of(DLDataType t) {
  switch (t.code) {
    case kDLFloat:
      return t.bits == 64 ? "d" : t.bits == 32 ? "f" : "e";
    case kDLInt:
      return t.bits == 64 ? "q" : t.bits == 32 ? "i" : t.bits == 16 ? "h" : "b";
    case kDLBool:
      return "?";
    case kDLBfloat:
      return "H";
    default:
      return t.bits == 64 ? "Q" : t.bits == 32 ? "I" : t.bits == 16 ? "H" : "B";
  }
}

std::string typestr(DLDataType t) {
  const char kind = t.code == kDLFloat ? 'f' : t.code == kDLInt ? 'i' : t.code == kDLBool ? 'b' : 'u';
  return fmt::format("{}{}{}", t.bits == 8 ? '|' : '<', kind, t.bits / 8);
}

}  // namespace

std::string dl_name(DLDataType t) {
  const char* kind = t.code == kDLFloat    ? "f"
                     : t.code == kDLBfloat ? "bf"
                     : t.code == kDLInt    ? "i"
                     : t.code == kDLUInt   ? "u"
                                           : "type";
  if (t.code == kDLBool) return "bool";
  return fmt::format("{}{}", kind, t.bits);
}

// ---- ArrayView

ArrayView::ArrayView(py::handle object, const std::string& what) {
  if (py::isinstance<NDArray>(object)) {
    const auto& a = object.cast<const NDArray&>();
    tensor_ = *a.dl();
    readonly_ = a.readonly();
    keep_ = py::reinterpret_borrow<py::object>(object);
    return;
  }
  if (from_buffer(object, what) || from_dlpack(object, what) || from_interface(object, what)) return;
  throw Error("runtime.arg.type", what + " is " + a_type(object) + ", not an array")
      .fact("argument", what)
      .fix("pass a NumPy array, or anything with __dlpack__, the buffer protocol or __array_interface__");
}

ArrayView::~ArrayView() {
  if (buffer_) PyBuffer_Release(&*buffer_);
}

void ArrayView::set_shape(int ndim, const std::string& what) {
  TC_REQUIRE(ndim <= kMaxRank,
             Error("runtime.arg.rank", fmt::format("{} has {} axes", what, ndim)).fact("argument", what));
  tensor_.ndim = ndim;
  tensor_.shape = shape_.data();
  tensor_.strides = strides_.data();
  tensor_.device = {kDLCPU, 0};
}

bool ArrayView::from_buffer(py::handle object, const std::string& what) {
  if (!PyObject_CheckBuffer(object.ptr())) return false;
  Py_buffer view;
  if (PyObject_GetBuffer(object.ptr(), &view, PyBUF_RECORDS_RO) !=
      0) {  // e.g. of a type that buffers do not know
    PyErr_Clear();
    return false;
  }
  buffer_ = view;
  const auto type = type_of_format(view.format, view.itemsize);
  if (!type) {
    const std::string format = view.format ? view.format : "";
    PyBuffer_Release(&*buffer_);
    buffer_.reset();
    if (py::hasattr(object, "__dlpack__") && !py::hasattr(object, "__array_interface__")) return false;
    throw wrong_type(what, fmt::format("the format \"{}\"", format));
  }
  readonly_ = view.readonly;
  set_shape(view.ndim, what);
  tensor_.data = view.buf;
  tensor_.dtype = *type;
  for (int d = 0; d < view.ndim; ++d) {
    const auto i = static_cast<size_t>(d);
    shape_[i] = view.shape[d];
    TC_REQUIRE(view.strides[d] % view.itemsize == 0,
               Error("runtime.arg.strides",
                     fmt::format("{} has a stride of {} bytes along axis {}, no multiple of its elements",
                                 what, view.strides[d], d))
                   .fact("argument", what)
                   .fix("copy it: numpy.ascontiguousarray(x)"));
    strides_[i] = view.strides[d] / view.itemsize;
  }
  return true;
}

bool ArrayView::from_dlpack(py::handle object, const std::string& what) {
  if (!py::hasattr(object, "__dlpack__")) return false;
  if (py::hasattr(object, "__dlpack_device__")) {
    const py::object device = object.attr("__dlpack_device__")();
    py::object kind = py::none();
    if (py::isinstance<py::tuple>(device) && py::len(device) == 2) kind = device[py::int_(0)];
    TC_REQUIRE(PyIndex_Check(kind.ptr()),
               Error("runtime.arg.type", what + " has a __dlpack_device__ that returns no (type, id)")
                   .fact("argument", what)
                   .fact("got", a_type(device)));
    TC_REQUIRE(PyNumber_AsSsize_t(kind.ptr(), nullptr) == kDLCPU,
               Error("runtime.arg.device", what + " is not in the CPU's memory")
                   .fact("argument", what)
                   .fix("copy it to the CPU first"));
  }
  try {
    keep_ =
        object.attr("__dlpack__")(py::arg("max_version") = py::make_tuple(kVersion.major, kVersion.minor));
  } catch (py::error_already_set& e) {
    if (!e.matches(PyExc_TypeError)) throw;
    keep_ = object.attr("__dlpack__")();  // older than version 1
  }
  PyObject* capsule = keep_.ptr();
  if (PyCapsule_IsValid(capsule, "dltensor_versioned")) {
    auto* m = static_cast<DLManagedTensorVersioned*>(PyCapsule_GetPointer(capsule, "dltensor_versioned"));
    TC_REQUIRE(m->version.major == DLPACK_MAJOR_VERSION,
               Error("runtime.arg.type",
                     fmt::format("{} comes with DLPack {}.{}", what, m->version.major, m->version.minor))
                   .fact("argument", what)
                   .fix("this tc reads DLPack 1.x"));
    tensor_ = m->dl_tensor;
    readonly_ = m->flags & DLPACK_FLAG_BITMASK_READ_ONLY;
  } else if (PyCapsule_IsValid(capsule, "dltensor")) {
    tensor_ = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(capsule, "dltensor"))->dl_tensor;
  } else {
    throw Error("runtime.arg.type", what + " has a __dlpack__ that returns no DLPack capsule")
        .fact("argument", what);
  }
  // the capsule keeps its name: whoever drops it last calls the exporter's deleter, which is what we need
  TC_REQUIRE(tensor_.device.device_type == kDLCPU,
             Error("runtime.arg.device", what + " is not in the CPU's memory")
                 .fact("argument", what)
                 .fix("copy it to the CPU first"));
  return true;
}

bool ArrayView::from_interface(py::handle object, const std::string& what) {
  if (!py::hasattr(object, "__array_interface__")) return false;
  const auto info = object.attr("__array_interface__").cast<py::dict>();
  const auto type = info["typestr"].cast<std::string>();
  const auto data = py::reinterpret_borrow<py::object>(info.contains("data") ? py::object(info["data"])
                                                                             : py::object(py::none()));
  TC_REQUIRE(PyTuple_Check(data.ptr()),
             Error("runtime.arg.type", what + " has an __array_interface__ without an address")
                 .fact("argument", what));
  const auto shape = py::cast<std::vector<int64_t>>(info["shape"]);
  const int64_t itemsize = type.size() > 2 ? std::atoll(type.c_str() + 2) : 0;
  const char kind = type.size() > 2 ? type[1] : '?';
  const auto bits = static_cast<uint8_t>(itemsize * 8);
  if (itemsize < 1 || itemsize > 8 || (type[0] == '>' && itemsize > 1) ||
      std::string_view("fiub").find(kind) == std::string_view::npos)
    throw wrong_type(what, type);
  set_shape(static_cast<int>(shape.size()), what);
  tensor_.dtype = {static_cast<uint8_t>(kind == 'f'   ? kDLFloat
                                        : kind == 'i' ? kDLInt
                                        : kind == 'b' ? kDLBool
                                                      : kDLUInt),
                   bits, 1};
  tensor_.data = reinterpret_cast<void*>(py::cast<uintptr_t>(data.cast<py::tuple>()[0]));
  readonly_ = data.cast<py::tuple>()[1].cast<bool>();
  std::copy(shape.begin(), shape.end(), shape_.begin());
  if (info.contains("strides") && !info["strides"].is_none()) {
    const auto strides = py::cast<std::vector<int64_t>>(info["strides"]);
    for (size_t d = 0; d < shape.size() && d < strides.size(); ++d) {
      TC_REQUIRE(strides[d] % itemsize == 0,
                 Error("runtime.arg.strides", what + " has strides that are no multiples of its elements")
                     .fact("argument", what));
      strides_[d] = strides[d] / itemsize;
    }
  } else {
    tensor_.strides = nullptr;
  }
  keep_ = py::make_tuple(object, info);
  return true;
}

bool ArrayView::compact() const {
  int64_t expected = 1;
  for (int d = tensor_.ndim - 1; d >= 0; --d) {
    if (tensor_.shape[d] == 0) return true;
    if (tensor_.strides && tensor_.shape[d] != 1 && tensor_.strides[d] != expected) return false;
    expected *= tensor_.shape[d];
  }
  return reinterpret_cast<uintptr_t>(data()) % std::max(1, tensor_.dtype.bits / 8) == 0;
}

void ArrayView::expect(DType type) {
  if (type == kBF16 && tensor_.dtype.code == kDLUInt && tensor_.dtype.bits == 16)
    tensor_.dtype.code = kDLBfloat;
}

// ---- NDArray

NDArray::NDArray(runtime::Tensor tensor) : own_(std::move(tensor)) {}
NDArray::NDArray(std::unique_ptr<ArrayView> view) : view_(std::move(view)) {}
NDArray::~NDArray() = default;

std::vector<int64_t> NDArray::strides() const {
  const DLTensor& t = *dl();
  if (t.strides) return {t.strides, t.strides + t.ndim};
  std::vector<int64_t> out(static_cast<size_t>(t.ndim), 1);
  for (int d = t.ndim - 2; d >= 0; --d)
    out[static_cast<size_t>(d)] = out[static_cast<size_t>(d) + 1] * t.shape[d + 1];
  return out;
}

namespace {

// What a DLPack consumer gets: it owns a reference to the Python object.
template <class Managed>
struct Exported {
  Managed managed{};
  std::vector<int64_t> shape, strides;
  PyObject* owner = nullptr;

  static void drop(Managed* m) {
    auto* self = static_cast<Exported*>(m->manager_ctx);
    if (Py_IsInitialized()) {
      const py::gil_scoped_acquire gil;
      Py_DECREF(self->owner);
    }
    delete self;
  }
};

template <class Managed>
py::object export_dlpack(const py::object& self, const char* name) {
  const auto& a = self.cast<const NDArray&>();
  auto* e = new Exported<Managed>;
  e->shape = a.shape(), e->strides = a.strides();
  e->managed.dl_tensor = *a.dl();
  e->managed.dl_tensor.shape = e->shape.data();
  e->managed.dl_tensor.strides = e->strides.data();
  e->managed.manager_ctx = e;
  e->managed.deleter = &Exported<Managed>::drop;
  if constexpr (std::is_same_v<Managed, DLManagedTensorVersioned>) {
    e->managed.version = kVersion;
    e->managed.flags = a.readonly() ? DLPACK_FLAG_BITMASK_READ_ONLY : 0;
  }
  e->owner = self.inc_ref().ptr();
  PyObject* capsule = PyCapsule_New(&e->managed, name, [](PyObject* c) {
    const char* unused =
        std::is_same_v<Managed, DLManagedTensorVersioned> ? "dltensor_versioned" : "dltensor";
    if (!PyCapsule_IsValid(c, unused)) return;  // taken by a consumer, who renamed it
    auto* m = static_cast<Managed*>(PyCapsule_GetPointer(c, unused));
    if (m->deleter) m->deleter(m);
  });
  if (!capsule) {
    Exported<Managed>::drop(&e->managed);
    throw py::error_already_set();
  }
  return py::reinterpret_steal<py::object>(capsule);
}

py::object dlpack(const py::object& self, const py::object& stream, const py::object& max_version,
                  const py::object& device, const py::object& copy) {
  const auto& a = self.cast<const NDArray&>();
  if (!stream.is_none()) throw py::buffer_error("arrays of tc are in the CPU's memory and have no streams");
  if (!device.is_none() && device.cast<py::tuple>()[0].cast<int>() != kDLCPU)
    throw py::buffer_error("tc does not copy arrays to other devices");
  if (!copy.is_none() && copy.cast<bool>()) throw py::buffer_error("tc exports arrays without copies");
  const bool versioned = !max_version.is_none() && max_version.cast<py::tuple>()[0].cast<int>() >= 1;
  if (!versioned && a.readonly())
    throw py::buffer_error("the array is read-only, which DLPack before version 1 cannot say");
  return versioned ? export_dlpack<DLManagedTensorVersioned>(self, "dltensor_versioned")
                   : export_dlpack<DLManagedTensor>(self, "dltensor");
}

py::buffer_info buffer_of(NDArray& a) {
  const DLTensor& t = *a.dl();
  const auto bytes = static_cast<py::ssize_t>(t.dtype.bits / 8);
  std::vector<py::ssize_t> shape, strides;
  for (const int64_t n : a.shape()) shape.push_back(n);
  for (const int64_t s : a.strides()) strides.push_back(s * bytes);
  return py::buffer_info(static_cast<char*>(t.data) + t.byte_offset, bytes, format_of(t.dtype), t.ndim, shape,
                         strides, a.readonly());
}

py::dict interface_of(const NDArray& a) {
  const DLTensor& t = *a.dl();
  py::list strides;
  for (const int64_t s : a.strides()) strides.append(s * (t.dtype.bits / 8));
  py::dict out;
  out["version"] = 3;
  out["shape"] = py::tuple(py::cast(a.shape()));
  out["typestr"] = typestr(t.dtype);
  out["data"] = py::make_tuple(reinterpret_cast<uintptr_t>(t.data) + t.byte_offset, a.readonly());
  out["strides"] = py::tuple(strides);
  return out;
}

}  // namespace

py::object numpy_empty(DType type, const std::vector<int64_t>& shape) {
  const std::string name = type == kBF16    ? "uint16"
                           : type.is_bool() ? "bool"
                                            : fmt::format("{}{}",
                                                          type.is_float()    ? "float"
                                                          : type.is_signed() ? "int"
                                                                             : "uint",
                                                          type.bits);
  return py::module_::import("numpy").attr("empty")(py::tuple(py::cast(shape)), name);
}

ir::TensorView interpreter_view(const Tensor& t, py::handle object, bool output,
                                std::vector<std::unique_ptr<ArrayView>>& keep) {
  auto view = std::make_unique<ArrayView>(object, t.name());
  view->expect(t.dtype());
  const DLTensor& d = *view->dl();
  const DLDataType wanted = codegen::dl_type(t.dtype());
  TC_REQUIRE(d.dtype.code == wanted.code && d.dtype.bits == wanted.bits && d.dtype.lanes == 1,
             Error("runtime.arg.dtype", fmt::format("{} has elements of another type", t.name()))
                 .fact("argument", t.name())
                 .fact("expected", ir::to_string(t.dtype()))
                 .fact("got", dl_name(d.dtype))
                 .fix("convert it, e.g. with numpy's astype"));
  const std::vector<int64_t> shape(d.shape, d.shape + d.ndim);
  bool same = static_cast<int>(shape.size()) == t.ndim();  // sizes are compared where it is run
  for (int dim = 0; same && dim < t.ndim(); ++dim)
    same = t.dim(dim).number().value_or(shape[static_cast<size_t>(dim)]) == shape[static_cast<size_t>(dim)];
  TC_REQUIRE(same, Error("runtime.arg.shape", fmt::format("{} has another shape", t.name()))
                       .fact("argument", t.name())
                       .fact("expected", to_string(Shape(t.shape())))
                       .fact("got", fmt::format("[{}]", fmt::join(shape, ", ")))
                       .fix("pass an array of the tensor's shape"));
  TC_REQUIRE(!output || !view->readonly(),
             Error("runtime.arg.readonly",
                   fmt::format("{} is an output, and the array given is read-only", t.name()))
                 .fact("argument", t.name())
                 .fix("pass an array that may be written"));
  if (!view->compact()) {
    TC_REQUIRE(!output, Error("runtime.arg.strides",
                              fmt::format("{} is an output and not row-major without gaps", t.name()))
                            .fact("argument", t.name())
                            .fix("pass a new array and copy from it"));
    view =
        std::make_unique<ArrayView>(py::module_::import("numpy").attr("ascontiguousarray")(object), t.name());
    view->expect(t.dtype());
  }
  keep.push_back(std::move(view));
  return {t.dtype(), shape, keep.back()->data()};
}

namespace {

// Refused here and not by the allocator, which may promise what the machine has not.
std::unique_ptr<NDArray> empty(py::handle shape_arg, py::handle dtype) {
  std::vector<int64_t> shape = to_shape(shape_arg);
  const DLDataType type = codegen::dl_type(to_dtype(dtype));
  const std::string text = fmt::format("[{}]", fmt::join(shape, ", "));
  for (const int64_t n : shape)
    TC_REQUIRE(n >= 0, Error("te.shape.negative", fmt::format("the shape of an array has extent {}", n))
                           .fact("shape", text)
                           .fix("give extents of 0 or more"));
  const std::optional<int64_t> bytes = runtime::compact_bytes(shape, type);
  TC_REQUIRE(bytes, Error("te.shape.overflow", "an array has more bytes than can be addressed")
                        .fact("shape", text)
                        .fix("make it smaller"));
  const Error none = Error("runtime.memory", "there is not enough memory for an array")
                         .fact("shape", text)
                         .fact("bytes", std::to_string(*bytes))
                         .fix("make it smaller");
  TC_REQUIRE(*bytes / ::sysconf(_SC_PAGESIZE) <= ::sysconf(_SC_PHYS_PAGES), none);
  try {
    return std::make_unique<NDArray>(runtime::Tensor(std::move(shape), type));
  } catch (const std::bad_alloc&) {
    throw none;
  }
}

}  // namespace

void bind_arrays(py::module_& m) {
  py::class_<NDArray> c(
      m, "NDArray", py::buffer_protocol(),
      "An array in memory that compiled functions take. NumPy, PyTorch and others read it without a copy:\n"
      "it has the buffer protocol, __array_interface__ and __dlpack__. bf16 shows as uint16 save in DLPack.");
  c.def_buffer(&buffer_of);
  c.def_property_readonly("shape", [](const NDArray& a) { return py::tuple(py::cast(a.shape())); });
  c.def_property_readonly("ndim", [](const NDArray& a) { return a.dl()->ndim; });
  c.def_property_readonly("dtype", [](const NDArray& a) { return dl_name(a.dl()->dtype); });
  c.def_property_readonly("__array_interface__", &interface_of);
  c.def(
      "numpy", [](const py::object& self) { return py::module_::import("numpy").attr("asarray")(self); },
      "The same memory as a NumPy array.");
  c.def("__dlpack__", &dlpack, py::kw_only(), py::arg("stream") = py::none(),
        py::arg("max_version") = py::none(), py::arg("dl_device") = py::none(), py::arg("copy") = py::none());
  c.def("__dlpack_device__", [](const NDArray&) { return py::make_tuple(static_cast<int>(kDLCPU), 0); });
  c.def("__len__", [](const NDArray& a) {
    if (a.dl()->ndim == 0) throw py::type_error("a 0-d array has no length");
    return a.dl()->shape[0];
  });
  c.def("__repr__", [](const NDArray& a) {
    return fmt::format("NDArray({}[{}])", dl_name(a.dl()->dtype), fmt::join(a.shape(), ", "));
  });
  m.def("empty", &empty, py::arg("shape"), py::arg("dtype") = "f32",
        "empty(shape, dtype=\"f32\"): a new NDArray, aligned to 64 bytes, of zeros.");
  m.def(
      "from_dlpack",
      [](py::handle x) { return std::make_unique<NDArray>(std::make_unique<ArrayView>(x, "x")); },
      py::arg("x"), "from_dlpack(x): the memory of any array as an NDArray, without a copy.");
}

}  // namespace tc::python
