#include "tc/codegen/export.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include "objects.h"

namespace tc::codegen {

namespace fs = std::filesystem;

namespace {

// Files that become visible together: written to a private directory beside
// their places, then renamed one by one; what was not renamed is removed.
class Staging {
 public:
  explicit Staging(const fs::path& directory) {
    static std::atomic<int> counter{0};
    std::error_code e;
    fs::create_directories(directory, e);
    root_ = directory / fmt::format(".tc-export-{}-{}", ::getpid(), counter++);
    if (!fs::create_directory(root_, e)) throw failed(directory, e.message());
    directory_ = directory;
  }
  ~Staging() {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  std::string place(const std::string& name) {
    names_.push_back(name);
    return (root_ / name).string();
  }
  void write(const std::string& name, const std::string& bytes) {
    std::ofstream out(place(name), std::ios::binary);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    out.flush();
    if (!out) throw failed(directory_ / name, std::strerror(errno));
  }
  void publish() {
    for (const std::string& name : names_) {
      std::error_code e;
      if (fs::is_directory(directory_ / name, e)) throw failed(directory_ / name, "it is a directory");
    }
    for (const std::string& name : names_) {
      std::error_code e;
      fs::rename(root_ / name, directory_ / name, e);
      if (e) throw failed(directory_ / name, e.message());
    }
  }

  static Error failed(const fs::path& path, const std::string& why) {
    return Error("io.write", "a file of the library cannot be written")
        .fact("path", path.string())
        .fact("why", why)
        .fix("choose a directory that can be written");
  }

 private:
  fs::path directory_, root_;
  std::vector<std::string> names_;
};

void check_names(const std::vector<ExportFunc>& funcs) {
  TC_REQUIRE(!funcs.empty(),
             Error("codegen.export.name", "a library needs at least one function").fix("give one"));
  std::set<std::string> symbols;
  for (const ExportFunc& f : funcs) {
    TC_REQUIRE(f.func,
               Error("codegen.form", "there is no function to export").fix("give a function in target form"));
    const std::string symbol = symbol_name(f.func->name);
    for (const std::string& s : {symbol, symbol + "_raw", symbol + "_run", symbol + "_spec"})
      TC_REQUIRE(
          symbols.insert(s).second,
          Error("codegen.export.name", fmt::format("two functions of the library have the symbol {}", s))
              .fix("give the functions different names"));
  }
}

void write_files(const std::vector<ExportFunc>& funcs, const Target& target, const fs::path& path,
                 const ExportFormats& formats) {
  check_names(funcs);
  const std::string stem = path.filename().string();
  TC_REQUIRE(!stem.empty() && stem != "." && stem != "..",
             Error("codegen.export.name", "the path of a library must end in a name")
                 .fact("path", path.string())
                 .fix("write e.g. lib/matmul"));
  Staging staging(path.parent_path().empty() ? fs::path(".") : path.parent_path());
  if (formats.llvm) staging.write(stem + ".ll", module_text(funcs, target));
  if (formats.assembly) staging.write(stem + ".s", module_assembly(funcs, target));
  if (formats.header) staging.write(stem + ".h", header_text(funcs, stem));
  if (formats.object || formats.shared) {
    const std::string bytes = module_object(funcs, target);
    if (formats.object) staging.write(stem + ".o", bytes);
    if (formats.shared) {
      const fs::path object = fs::path(staging.place("lib" + stem + ".so")).replace_extension(".o");
      std::ofstream out(object, std::ios::binary);
      out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
      out.close();
      TC_REQUIRE(!!out, Staging::failed(object, "the file system takes no more"));
      fs::path shared = object;
      shared.replace_extension(".so");
      if (Check wrong = link_shared(object.string(), shared.string(), "lib" + stem + ".so")) throw *wrong;
    }
  }
  staging.publish();
}

}  // namespace

Check export_library(const std::vector<ExportFunc>& funcs, const Target& target, std::string_view path,
                     const ExportFormats& formats) {
  try {
    write_files(funcs, target, fs::path(path), formats);
    return std::nullopt;
  } catch (const Error& e) {
    return e;
  }
}

}  // namespace tc::codegen
