// tensorc asm: programs of the accelerator from text to file and back.
#include <fmt/format.h>

#include "accel_files.h"
#include "declare.h"
#include "inputs.h"
#include "output.h"
#include "tc/isa/assembler.h"
#include "tc/isa/layout.h"

namespace tc::cli {
namespace {

constexpr size_t kMaxText = size_t{256} << 20;

struct Options {
  std::string file, output, config;
  bool disassemble = false, words = false;
};

std::string word_of(const isa::Layout& layout, const isa::Insn& insn) {
  const isa::Word w = layout.encode(insn).value();
  return fmt::format("{:#018x} {:#018x}", w.low, w.high);
}

Json describe(const isa::Program& p, const Options& o) {
  Json out = {{"machine", p.config.name},
              {"insns", p.insns.size()},
              {"dram_bytes", p.dram_bytes},
              {"segments", p.segments.size()},
              {"regions", p.regions.size()}};
  if (!o.output.empty()) out["file"] = o.output;
  if (!o.words) return out;
  const isa::Layout layout = isa::Layout::make(p.config).value();
  out["words"] = Json::array();
  for (const isa::Insn& insn : p.insns)
    out["words"].push_back({{"words", word_of(layout, insn)}, {"insn", disassemble(insn)}});
  return out;
}

std::string listing(const isa::Program& p) {
  const isa::Layout layout = isa::Layout::make(p.config).value();
  std::string out;
  for (const isa::Insn& insn : p.insns)
    out += fmt::format("{} {}\n", word_of(layout, insn), disassemble(insn));
  return out;
}

int run(const Options& o, bool json) {
  const isa::Program p =
      o.disassemble ? read_program(o.file, o.config)
                    : isa::assemble(read_file(o.file, kMaxText), o.file, read_config(o.config)).value();
  const std::string text = o.words ? listing(p) : disassemble(p);
  if (!o.output.empty()) write_file(o.output, o.disassemble ? text : isa::save(p).value());
  if (json) {
    Json out = describe(p, o);
    if (o.disassemble && o.output.empty()) out["text"] = text;
    print_json(out);
  } else if (o.output.empty() && (o.disassemble || o.words)) {
    print(text);
  } else {
    print(fmt::format("{} instructions, {} bytes of DRAM\n", p.insns.size(), p.dram_bytes));
    if (o.words) print(text);
  }
  return kDone;
}

}  // namespace

void add_asm(CLI::App& app, Call& call) {
  add_command<Options>(
      app, call, "asm", "Assemble a program of the accelerator, or print one as text",
      [](CLI::App& sub, Options& o) {
        sub.add_option("FILE", o.file, "The text, or with --disassemble the program; - reads standard input")
            ->required();
        sub.add_option("-o,--output", o.output, "The file to write; without it the text is only checked");
        sub.add_flag("--disassemble", o.disassemble, "From a program to text");
        sub.add_flag("--words", o.words, "List the instructions with their 128-bit words, low and high");
        sub.add_option(
            "--config", o.config,
            "The machine of texts without .config: a name (vta-1x32x32) or a file (JSON, ours or VTA's)");
        sub.footer("The syntax stands in docs/isa.md and include/tc/isa/assembler.h.");
      },
      run);
}

}  // namespace tc::cli
