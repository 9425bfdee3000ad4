#include "tc/runtime/accel/bundle.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <sstream>

#include "tc/runtime/c_api.h"
#include "tc/runtime/module.h"
#include "tc/runtime/tensor.h"
#include "tc/support/source_text.h"

namespace tc::accel {
namespace {

constexpr size_t kMaxList = size_t{1} << 20, kMaxProgram = size_t{1} << 30;
constexpr int64_t kMaxBytes = int64_t{1} << 40;

Error to_error(const runtime::Status& status) {
  const size_t start = status.text.find("]: ");  // the code has been read from it
  return Error(status.code, start == std::string::npos ? status.text : status.text.substr(start + 3));
}

Expected<std::string> read_file(const std::string& path, size_t most) {
  std::ifstream in(path, std::ios::binary);
  std::string text;
  std::vector<char> part(size_t{1} << 16);
  while (in && text.size() <= most) {
    in.read(part.data(), static_cast<std::streamsize>(part.size()));
    text.append(part.data(), static_cast<size_t>(in.gcount()));
  }
  if (!in.eof() || text.size() > most)
    return Error("runtime.accel.file", fmt::format("cannot read {}", printable(path)))
        .fact("why", text.size() > most ? "it is too large" : "it is not there, or no file")
        .fix("keep the files that tensorc compile wrote together, and name the one that ends with .bundle");
  return text;
}

// A host part: a function and the buffers that it takes.
struct HostStep {
  runtime::Function function;
  std::vector<size_t> buffers;
};
struct DeviceStep {
  std::shared_ptr<const Executable> executable;
  struct Operand {
    std::string name;
    size_t buffer = 0, bytes = 0;
  };
  std::vector<Operand> inputs, outputs;
};
struct Step {
  HostStep host;      // where valid
  DeviceStep device;  // else
};

}  // namespace

struct Bundle::State {
  std::string name;
  std::vector<BundleArg> args;
  std::vector<DLDataType> dtypes;  // of the arguments
  std::vector<int64_t> bytes;      // of all buffers: the arguments first
  std::vector<Step> steps;
};

// Reads a list line by line. What it says is checked against the files.
class BundleReader {
 public:
  BundleReader(std::string path, std::string text) : path_(std::move(path)), text_(std::move(text)) {
    const size_t slash = path_.rfind('/');
    folder_ = slash == std::string::npos ? "" : path_.substr(0, slash + 1);
  }

  Expected<Bundle> run() {
    std::istringstream lines(text_);
    while (std::getline(lines, line_)) {
      ++number_;
      std::istringstream words(line_);
      words_.clear();
      for (std::string word; words >> word;) words_.push_back(word);
      if (Check error = number_ == 1 ? header() : line()) return *error;
    }
    if (number_ == 0) return wrong("the file is empty");
    if (state_->name.empty()) return wrong("there is no name");
    if (!ended_) return wrong("the list has no end");
    if (Check error = load_programs()) return *error;
    return Bundle(state_);
  }

 private:
  [[nodiscard]] Error wrong(const std::string& what) const {
    return Error("runtime.accel.bundle", what)
        .fact("in", printable(path_))
        .fact("line", fmt::format("{}: {}", number_, printable(line_.substr(0, 200))))
        .fix("write the bundle again: tensorc compile --target accel -o FOLDER");
  }

  Check header() {
    if (words_.size() != 2 || words_[0] != "tc-bundle") return wrong("the file is no bundle of tc");
    if (words_[1] != "1") return wrong(fmt::format("version {} is newer than 1", printable(words_[1])));
    return std::nullopt;
  }

  Check line() {
    if (words_.empty()) return std::nullopt;
    if (ended_) return wrong("the list goes on behind its end");
    const std::string& kind = words_[0];
    if (kind == "name" && words_.size() == 2) {
      state_->name = words_[1];
      return std::nullopt;
    }
    if (kind == "library" && words_.size() == 2) return library();
    if (kind == "arg" && words_.size() == 5) return arg();
    if (kind == "buffer" && words_.size() == 3) return buffer();
    if (kind == "host" && words_.size() >= 2) return host();
    if (kind == "device" && words_.size() >= 2) return device();
    if (kind == "end" && words_.size() == 2) {
      ended_ = true;
      if (number(words_[1]) == static_cast<int64_t>(state_->steps.size())) return std::nullopt;
      return wrong(fmt::format("there are {} steps", state_->steps.size()));
    }
    return wrong("the line is none of name, library, arg, buffer, host, device, end with what they take");
  }

  // The path of a file beside the list.
  Expected<std::string> beside(const std::string& file) const {
    if (file.find('/') != std::string::npos) return wrong("files lie beside the list");
    return folder_ + file;
  }

  Check library() {
    const auto file = beside(words_[1]);
    if (!file) return file.error();
    if (const auto status = runtime::Module::load(file.value(), &library_); !status.ok())
      return to_error(status);
    return std::nullopt;
  }

  static std::optional<int64_t> number(std::string_view text) {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
    return value;
  }

  Check name_buffer(const std::string& name, int64_t bytes) {
    if (bytes > kMaxBytes) return wrong("the buffer is too large");
    if (!index_.emplace(name, state_->bytes.size()).second)
      return wrong(fmt::format("there are two buffers {}", printable(name)));
    state_->bytes.push_back(bytes);
    return std::nullopt;
  }

  Check arg() {
    BundleArg a{words_[1], words_[2], {}, words_[3] == "output"};
    const auto dtype = runtime::dtype_of_name(a.dtype);
    if (!dtype) return wrong("there is no such element type");
    if (!a.is_output && words_[3] != "input") return wrong("an argument is an input or an output");
    if (state_->args.size() != state_->bytes.size()) return wrong("arguments stand before buffers");
    std::string_view rest = words_[4];
    while (rest != "scalar" && !rest.empty()) {
      const size_t end = std::min(rest.find('x'), rest.size());
      const auto extent = number(rest.substr(0, end));
      if (!extent || a.shape.size() >= 32) return wrong("a shape is extents with x between");
      a.shape.push_back(*extent);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    const auto bytes = runtime::compact_bytes(a.shape, *dtype);
    if (!bytes) return wrong("the shape is too large");
    if (Check error = name_buffer(a.name, *bytes)) return error;
    state_->args.push_back(std::move(a));
    state_->dtypes.push_back(*dtype);
    return std::nullopt;
  }

  Check buffer() {
    const auto bytes = number(words_[2]);
    if (!bytes) return wrong("a buffer has a number of bytes");
    return name_buffer(words_[1], *bytes);
  }

  Expected<size_t> index_of(const std::string& name) const {
    const auto found = index_.find(name);
    if (found == index_.end()) return wrong(fmt::format("there is no buffer {}", printable(name)));
    return found->second;
  }

  Check host() {
    Step step;
    if (!library_.valid()) return wrong("there is no library");
    if (const auto status = library_.find(words_[1], &step.host.function); !status.ok())
      return to_error(status);
    const tc_func_spec& spec = step.host.function.spec();
    if (spec.num_args != static_cast<int32_t>(words_.size() - 2))
      return wrong(fmt::format("the function takes {} arguments", spec.num_args));
    for (size_t i = 2; i < words_.size(); ++i) {
      const auto at = index_of(words_[i]);
      if (!at) return at.error();
      const tc_arg_spec& a = spec.args[i - 2];
      const auto bytes =
          runtime::compact_bytes({a.shape, static_cast<size_t>(a.ndim)}, DLDataType{a.code, a.bits, a.lanes});
      if (bytes != state_->bytes[at.value()])
        return wrong(fmt::format("{} has another size in the library", printable(words_[i])));
      step.host.buffers.push_back(at.value());
    }
    state_->steps.push_back(std::move(step));
    return std::nullopt;
  }

  Check device() {
    const auto file = beside(words_[1]);
    if (!file) return file.error();
    auto bytes = read_file(file.value(), kMaxProgram);
    if (!bytes) return bytes.error();
    auto program = isa::load(bytes.value());
    if (!program) return program.error();
    Step step;
    for (const isa::Region& r : program.value().regions) {
      if (r.kind != isa::RegionKind::input && r.kind != isa::RegionKind::output) continue;
      if (std::find(words_.begin() + 2, words_.end(), r.name) == words_.end())
        return wrong(fmt::format("the program needs {}", r.name));
      const auto at = index_of(r.name);
      if (!at) return at.error();
      if (static_cast<uint64_t>(state_->bytes[at.value()]) != r.bytes)
        return wrong(fmt::format("{} has another size in the program", r.name));
      auto& list = r.kind == isa::RegionKind::input ? step.device.inputs : step.device.outputs;
      list.push_back({r.name, at.value(), static_cast<size_t>(r.bytes)});
    }
    if (step.device.inputs.size() + step.device.outputs.size() != words_.size() - 2)
      return wrong("the program has other inputs and outputs");
    programs_.push_back(std::move(program).value());
    state_->steps.push_back(std::move(step));
    return std::nullopt;
  }

  Check load_programs() {
    auto loaded = Executable::load_all(programs_);
    if (!loaded) return loaded.error();
    size_t next = 0;
    for (Step& s : state_->steps)
      if (!s.host.function.valid())
        s.device.executable = std::make_shared<Executable>(std::move(loaded.value()[next++]));
    return std::nullopt;
  }

  std::string path_, text_, folder_, line_;
  int number_ = 0;
  bool ended_ = false;
  std::vector<std::string> words_;
  std::map<std::string, size_t> index_;
  runtime::Module library_;
  std::vector<isa::Program> programs_;
  std::shared_ptr<Bundle::State> state_ = std::make_shared<Bundle::State>();
};

Expected<Bundle> Bundle::load(const std::string& path) {
  auto text = read_file(path, kMaxList);
  if (!text) return text.error();
  return BundleReader(path, std::move(text).value()).run();
}

const std::string& Bundle::name() const { return state_->name; }
const std::vector<BundleArg>& Bundle::args() const { return state_->args; }

namespace {

Check check_args(const std::string& name, const std::vector<BundleArg>& wanted,
                 const std::vector<DLDataType>& dtypes, std::span<const DLTensor* const> given) {
  std::vector<tc_arg_spec> specs;
  for (size_t i = 0; i < wanted.size(); ++i)
    specs.push_back({wanted[i].name.c_str(), dtypes[i].code, dtypes[i].bits, dtypes[i].lanes,
                     static_cast<int32_t>(wanted[i].shape.size()), wanted[i].shape.data(), 0,
                     wanted[i].is_output ? 1 : 0, nullptr});
  const tc_func_spec spec = {TC_ABI_VERSION, name.c_str(), "", static_cast<int32_t>(specs.size()),
                             specs.data()};
  if (tc_check_args(&spec, given.data(), static_cast<int32_t>(given.size())) == 0) return std::nullopt;
  return to_error(runtime::status_of_error_text(tc_last_error()));
}

Check run_host(const HostStep& step, const std::vector<void*>& memory) {
  const tc_func_spec& spec = step.function.spec();
  std::vector<DLTensor> tensors(step.buffers.size());
  std::vector<const DLTensor*> args;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const tc_arg_spec& a = spec.args[i];
    tensors[i].data = memory[step.buffers[i]];
    tensors[i].device = {kDLCPU, 0};
    tensors[i].ndim = a.ndim;
    tensors[i].dtype = {a.code, a.bits, a.lanes};
    tensors[i].shape = const_cast<int64_t*>(a.shape);
    args.push_back(&tensors[i]);
  }
  if (const auto status = step.function.call(args); !status.ok()) return to_error(status);
  return std::nullopt;
}

Check run_device(const DeviceStep& step, const std::vector<void*>& memory, const sim::RunOptions& options) {
  std::vector<Input> inputs;
  std::vector<Output> outputs;
  for (const auto& o : step.inputs)
    inputs.push_back({o.name, {static_cast<const uint8_t*>(memory[o.buffer]), o.bytes}});
  for (const auto& o : step.outputs)
    outputs.push_back({o.name, {static_cast<uint8_t*>(memory[o.buffer]), o.bytes}});
  const auto result = step.executable->run(inputs, outputs, options);
  if (!result) return result.error();
  return std::nullopt;
}

}  // namespace

Check Bundle::run(std::span<const DLTensor* const> args, const sim::RunOptions& options) const {
  const State& s = *state_;
  if (Check error = check_args(s.name, s.args, s.dtypes, args)) return error;
  std::vector<void*> memory;
  for (const DLTensor* t : args) memory.push_back(static_cast<char*>(t->data) + t->byte_offset);
  std::vector<std::unique_ptr<void, void (*)(void*)>> own;
  for (size_t i = args.size(); i < s.bytes.size(); ++i) {
    own.emplace_back(tc_alloc(s.bytes[i]), &tc_free);
    if (!own.back()) return to_error(runtime::status_of_error_text(tc_last_error()));
    memory.push_back(own.back().get());
  }
  for (const Step& step : s.steps)
    if (Check error = step.host.function.valid() ? run_host(step.host, memory)
                                                 : run_device(step.device, memory, options))
      return error;
  return std::nullopt;
}

}  // namespace tc::accel
