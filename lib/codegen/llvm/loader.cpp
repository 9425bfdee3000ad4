// RuntimeDyld without an ORC session: one object, one mapping, no state shared
// between kernels, and about 0.05 ms.
#include "loader.h"

#include <fmt/format.h>
#include <llvm/ExecutionEngine/RTDyldMemoryManager.h>
#include <llvm/ExecutionEngine/RuntimeDyld.h>
#include <llvm/Object/ObjectFile.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstring>

#include "codegen.h"
#include "tc/runtime/c_api.h"

namespace tc::codegen {

namespace {

// Three neighbouring runs of pages: code, constants, data. One reservation, so
// that 32-bit distances always reach.
class Pages final : public llvm::RuntimeDyld::MemoryManager {
 public:
  ~Pages() override {
    if (base_) munmap(base_, total_);
  }
  bool needsToReserveAllocationSpace() override { return true; }
  void reserveAllocationSpace(uintptr_t code, llvm::Align, uintptr_t constants, llvm::Align, uintptr_t data,
                              llvm::Align) override {
    const uintptr_t page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    const auto pages = [&](uintptr_t n) {
      return (n + 256 + page - 1) / page * page;
    };  // slack for alignment
    const uintptr_t sizes[3] = {pages(code), pages(constants), pages(data)};
    total_ = sizes[0] + sizes[1] + sizes[2];
    void* p = mmap(nullptr, total_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return;
    base_ = static_cast<uint8_t*>(p);
    uint8_t* at = base_;
    for (int i = 0; i < 3; ++i) {
      run_[i] = {at, at, at + sizes[i]};
      at += sizes[i];
    }
  }
  uint8_t* allocateCodeSection(uintptr_t size, unsigned align, unsigned, llvm::StringRef) override {
    return take(0, size, align);
  }
  uint8_t* allocateDataSection(uintptr_t size, unsigned align, unsigned, llvm::StringRef,
                               bool read_only) override {
    return take(read_only ? 1 : 2, size, align);
  }
  bool finalizeMemory(std::string* why) override {
    const bool ok = base_ && protect(run_[0], PROT_READ | PROT_EXEC) && protect(run_[1], PROT_READ);
    if (!ok && why) *why = fmt::format("mprotect: {}", std::strerror(errno));
    return !ok;
  }
  void registerEHFrames(uint8_t*, uint64_t, size_t) override {}  // generated code does not throw
  void deregisterEHFrames() override {}

 private:
  struct Run {
    uint8_t *begin = nullptr, *next = nullptr, *end = nullptr;
  };
  static bool protect(const Run& r, int how) {
    return mprotect(r.begin, static_cast<size_t>(r.end - r.begin), how) == 0;
  }
  uint8_t* take(int i, uintptr_t size, unsigned align) {
    Run& r = run_[i];
    const uintptr_t a = std::max(align, 1u);
    const uintptr_t start = (reinterpret_cast<uintptr_t>(r.next) + a - 1) / a * a;
    if (!base_ || start + size > reinterpret_cast<uintptr_t>(r.end))
      return nullptr;  // RuntimeDyld reports it
    r.next = reinterpret_cast<uint8_t*>(start + size);
    return reinterpret_cast<uint8_t*>(start);
  }
  uint8_t* base_ = nullptr;
  size_t total_ = 0;
  Run run_[3];
};

template <class F>
void* address_of(F* function) {
  return reinterpret_cast<void*>(function);
}

// Everything that generated code may call, bound by address: the process's
// symbols are never searched, so tc may be loaded with its symbols hidden.
void* runtime_symbol(const std::string& name) {
  static const std::pair<const char*, void*> kTable[] = {
      {"tc_alloc", address_of(&tc_alloc)},
      {"tc_free", address_of(&tc_free)},
      {"tc_parallel_for", address_of(&tc_parallel_for)},
      {"tc_check_args", address_of(&tc_check_args)},
      {"tc_set_error", address_of(&tc_set_error)},
      {"tc_refuse_extent", address_of(&tc_refuse_extent)},
      // what LLVM falls back to where the processor has no instruction
      {"memcpy", address_of<void*(void*, const void*, size_t)>(&std::memcpy)},
      {"memmove", address_of<void*(void*, const void*, size_t)>(&std::memmove)},
      {"memset", address_of<void*(void*, int, size_t)>(&std::memset)},
      {"fmod", address_of<double(double, double)>(&::fmod)},
      {"fmodf", address_of<float(float, float)>(&::fmodf)},
      {"fma", address_of<double(double, double, double)>(&::fma)},
      {"fmaf", address_of<float(float, float, float)>(&::fmaf)},
      {"floor", address_of<double(double)>(&::floor)},
      {"floorf", address_of<float(float)>(&::floorf)},
      {"ceil", address_of<double(double)>(&::ceil)},
      {"ceilf", address_of<float(float)>(&::ceilf)},
      {"trunc", address_of<double(double)>(&::trunc)},
      {"truncf", address_of<float(float)>(&::truncf)},
      {"roundeven", address_of<double(double)>(&::rint)},  // under the default rounding mode
      {"roundevenf", address_of<float(float)>(&::rintf)},
  };
  for (const auto& [known, address] : kTable)
    if (name == known) return address;
  return nullptr;
}

class Resolver final : public llvm::LegacyJITSymbolResolver {
 public:
  std::string missing;
  llvm::JITSymbol findSymbol(const std::string& name) override {
    if (void* p = runtime_symbol(name))
      return {reinterpret_cast<uint64_t>(p), llvm::JITSymbolFlags::Exported};
    missing += (missing.empty() ? "" : " ") + name;
    return nullptr;
  }
  llvm::JITSymbol findSymbolInLogicalDylib(const std::string&) override { return nullptr; }
};

}  // namespace

struct LoadedObject::Impl {
  std::string bytes;  // the parsed object refers to them while it is loaded
  Pages pages;
  Resolver resolver;
  llvm::RuntimeDyld dyld{pages, resolver};
};

LoadedObject::LoadedObject(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LoadedObject::~LoadedObject() = default;

std::shared_ptr<const LoadedObject> LoadedObject::load(const std::string& object) {
  auto impl = std::make_unique<Impl>();
  const auto broken = [](const std::string& why) {
    return Error("codegen.link", "the compiled object cannot be loaded")
        .fact("why", why)
        .fix("delete the object cache (TC_CACHE_DIR) if it is damaged; else please report this");
  };
  auto parsed = llvm::object::ObjectFile::createObjectFile(llvm::MemoryBufferRef(object, "kernel"));
  if (!parsed) throw broken(llvm::toString(parsed.takeError()));
  Impl* raw = impl.get();
  try {
    guarded([&] {
      raw->dyld.loadObject(**parsed);
      if (!raw->dyld.hasError() && raw->resolver.missing.empty()) raw->dyld.resolveRelocations();
    });
  } catch (...) {
    (void)impl.release();  // half loaded
    throw;
  }
  if (!impl->resolver.missing.empty()) throw broken("there is no " + impl->resolver.missing);
  if (impl->dyld.hasError()) throw broken(impl->dyld.getErrorString().str());
  std::string why;
  if (impl->pages.finalizeMemory(&why)) throw broken(why);
  return std::shared_ptr<const LoadedObject>(new LoadedObject(std::move(impl)));
}

void* LoadedObject::symbol(const std::string& name) const {
  return reinterpret_cast<void*>(impl_->dyld.getSymbol(name).getAddress());
}

}  // namespace tc::codegen
