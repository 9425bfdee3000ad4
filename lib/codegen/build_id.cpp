#include <elf.h>
#include <link.h>

#include <cstring>

#include "fingerprint.h"

namespace tc::codegen {
namespace {

struct Search {
  uintptr_t code;
  std::string found;
};

// The description of the note NT_GNU_BUILD_ID among `bytes`, in hex.
std::string build_id_among(const char* bytes, size_t size) {
  const auto padded = [](size_t n) { return (n + 3) & ~size_t{3}; };
  while (size >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, bytes, sizeof note);
    const size_t name = sizeof note, value = name + padded(note.n_namesz);
    const size_t next = value + padded(note.n_descsz);
    if (next > size) break;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(bytes + name, "GNU", 4) == 0) {
      static constexpr char kHex[] = "0123456789abcdef";
      std::string out;
      for (size_t i = 0; i < note.n_descsz; ++i) {
        const auto b = static_cast<uint8_t>(bytes[value + i]);
        out += kHex[b >> 4];
        out += kHex[b & 15];
      }
      return out;
    }
    bytes += next;
    size -= next;
  }
  return "";
}

int visit(dl_phdr_info* info, size_t, void* data) {
  auto& search = *static_cast<Search*>(data);
  bool here = false;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& p = info->dlpi_phdr[i];
    const uintptr_t start = info->dlpi_addr + p.p_vaddr;
    here |= p.p_type == PT_LOAD && search.code >= start && search.code < start + p.p_memsz;
  }
  if (!here) return 0;
  for (int i = 0; i < info->dlpi_phnum && search.found.empty(); ++i) {
    const auto& p = info->dlpi_phdr[i];
    if (p.p_type == PT_NOTE)
      search.found = build_id_among(reinterpret_cast<const char*>(info->dlpi_addr + p.p_vaddr), p.p_memsz);
  }
  return 1;
}

}  // namespace

const std::string& build_id() {
  static const std::string id = [] {
    Search search{reinterpret_cast<uintptr_t>(&visit), ""};
    ::dl_iterate_phdr(visit, &search);
    return search.found;
  }();
  return id;
}

}  // namespace tc::codegen
