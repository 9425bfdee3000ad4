// Programs and machines of the accelerator that are wrong.
#include "error_cases.h"
#include "tc/isa/assembler.h"
#include "tc/isa/layout.h"
#include "tc/sim/run.h"
#include "tc/support/crc32.h"

namespace tc::test {
namespace {

ErrorCase config(std::string code, std::string json) {
  return {std::move(code), json, [json] { (void)isa::parse_config(json, "vta.json").value(); }};
}

ErrorCase assembly(std::string code, std::string text) {
  return {std::move(code), text, [text] { (void)isa::assemble(text, "a.s").value(); }};
}

ErrorCase word(std::string code, std::string doing, isa::Word w) {
  return {std::move(code), std::move(doing), [w] { (void)isa::Layout::make({}).value().decode(w).value(); }};
}

ErrorCase file(std::string code, std::string doing, std::string bytes) {
  return {std::move(code), std::move(doing), [bytes] { (void)isa::load(bytes).value(); }};
}

ErrorCase program(std::string code, std::string text) {
  return {std::move(code), text, [text] {
            const isa::Program p = isa::assemble(text, "a.s").value();
            sim::Dram dram = sim::Dram::of(p).value();
            (void)sim::run(p, dram, {.limits = {.work = 1'000'000}}).value();
          }};
}

std::string saved() { return isa::save(isa::assemble(".code\nfinish\n").value()).value(); }

void set32(std::string& bytes, size_t at, uint32_t value) {
  for (size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<char>(value >> (8 * i));
}

// The program with 4 bytes changed, and the checksums that it then has.
std::string resealed(size_t at, uint32_t value) {
  std::string bytes = saved();
  set32(bytes, at, value);
  set32(bytes, 24, crc32(std::string_view(bytes).substr(32)));
  set32(bytes, 28, crc32(std::string_view(bytes).substr(0, 28)));
  return bytes;
}

// Where the bytes of a section begin, from the table.
size_t section(size_t number) {
  const std::string bytes = saved();
  size_t at = 0;
  for (size_t i = 0; i < 4; ++i)
    at |= static_cast<size_t>(static_cast<unsigned char>(bytes[32 + number * 24 + 8 + i])) << (8 * i);
  return at;
}

std::string flipped(size_t at) {
  std::string bytes = saved();
  bytes[at] = static_cast<char>(bytes[at] ^ 1);
  return bytes;
}

}  // namespace

ErrorFamily isa_errors() {
  return {
      "isa",
      {
          config("isa.config.json", "{\"batch\": 1"),
          config("isa.config.key", "{\"LOG_BLOK\": 4}"),
          config("isa.config.value", "{\"LOG_WGT_BUFF_SIZE\": 8}"),
          config("isa.config.range", "{\"batch\": 0}"),
          config("isa.config.width", "{\"inp_bits\": 12}"),
          config("isa.config.size",
                 "{\"block_in\": 256, \"block_out\": 256, \"wgt_depth\": 2048, \"acc_depth\": 64}"),
          config("isa.config.fit", "{\"LOG_ACC_BUFF_SIZE\": 18}"),
          assembly("isa.encode.range", ".code\ngemm uop_end=16384"),
          assembly("isa.encode.mem_id", ".code\nload.out x_size=1"),
          assembly("isa.encode.pad", ".code\nstore.out x_size=1 y_pad0=1"),
          assembly("isa.encode.finish", ".code\nfinish pop_prev"),
          {"isa.encode.alu_op", "an ALU instruction with alu_op 5",
           [] {
             (void)isa::Layout::make({})
                 .value()
                 .encode({isa::Alu{.alu_op = static_cast<isa::AluOp>(5)}, {}})
                 .value();
           }},
          word("isa.decode.opcode", "decode 0x5 0x0", {5, 0}),
          word("isa.decode.reserved", "decode 0x3 0x1", {3, 1}),
          word("isa.decode.mem_id", "decode 0x380 0x0", {7 << 7, 0}),
          word("isa.decode.alu_op", "decode 0x4 0x500000000000", {4, uint64_t{5} << 44}),
          word("isa.decode.pad", "decode 0x201 0x1000000010000",
               {1 + (4 << 7), (1 << 16) + (uint64_t{1} << 48)}),
          word("isa.decode.finish", "decode 0xb 0x0", {3 + 8, 0}),
          assembly("isa.asm.mnemonic", ".code\nlod.inp x_size=1"),
          assembly("isa.asm.field", ".code\nload.inp sram_bas=3"),
          assembly("isa.asm.words", ".code\nload.inp x_size"),
          assembly("isa.asm.number", ".code\nload.inp x_size=four"),
          assembly("isa.asm.range", ".segment 0 i8\n300"),
          assembly("isa.asm.twice", ".code\nload.inp x_size=1 x_size=2"),
          assembly("isa.asm.directive", ".cod"),
          assembly("isa.asm.place", "finish"),
          assembly("isa.asm.kind", ".segment 0 i9"),
          assembly("isa.asm.name", ".region A! input 0 16"),
          assembly("isa.asm.region", ".region A input 0 16\n.code\nload.inp dram_base=@B"),
          assembly("isa.asm.align", ".region A input 4 16\n.code\nload.inp dram_base=@A"),
          assembly("isa.program.dram", ".dram 1\n.segment 0 i8\n1 2\n.code\nfinish"),
          assembly("isa.program.region", ".dram 1\n.region A input 0 16\n.code\nfinish"),
          assembly("isa.program.finish", ".code\nfinish\nload.inp"),
          file("isa.file.magic", "load a text as a program", "hello"),
          file("isa.file.version", "load a program of version 2", resealed(8, 2)),
          file("isa.file.size", "load the first 40 bytes of a program", saved().substr(0, 40)),
          file("isa.file.checksum", "load a program with a flipped bit", flipped(saved().size() - 1)),
          file("isa.file.section", "load a program whose first section is called NEWS",
               resealed(32, 'N' | 'E' << 8 | 'W' << 16 | 'S' << 24)),
          file("isa.file.content", "load a program that claims 90 segments", resealed(section(2) + 8, 90)),
          {"isa.asm.size", "assemble 256 MiB and a line of comments",
           [] { (void)isa::assemble(std::string((size_t{1} << 28) + 1, '\n'), "a.s").value(); }},
      }};
}

ErrorFamily sim_errors() {
  const std::string uop =
      ".dram 8192\n.segment 0 uop\ndst=0 src=0 wgt=0\n.code\nload.uop y_size=1 x_size=1\n";
  const std::string tile = uop +
                           "gemm reset uop_end=1 iter_out=1 iter_in=1 push_next\nstore.out dram_base=256 "
                           "y_size=1 x_size=1 pop_prev push_prev\n";
  return {
      "sim",
      {
          program("sim.sram",
                  ".dram 65536\n.code\nload.inp sram_base=2047 y_size=1 x_size=2 push_next\nload.uop "
                  "pop_prev\nfinish"),
          program(
              "sim.dram",
              ".dram 64\n.code\nload.inp dram_base=4 y_size=1 x_size=1 push_next\nload.uop pop_prev\nfinish"),
          program("sim.dram.size", ".dram 4000000000000\n.code\nfinish"),
          program("sim.uop", uop + "gemm reset uop_end=1 iter_out=3 iter_in=1 dst_out=1024\nfinish"),
          program("sim.deadlock", ".code\nload.inp pop_next push_next\nload.uop pop_prev push_prev\nfinish"),
          program("sim.token.neighbour", ".code\nload.inp push_prev\nfinish"),
          program("sim.token.left", ".code\nload.inp push_next\nfinish"),
          program("sim.hazard.sram",
                  tile + "alu.add use_imm imm=1 uop_end=1 iter_out=1 iter_in=1\nload.uop pop_next\nfinish"),
          program(
              "sim.hazard.dram",
              tile +
                  "load.inp dram_base=256 y_size=1 x_size=1 push_next\nload.uop pop_prev pop_next\nfinish"),
          program("sim.hazard.finish", ".dram 64\n.code\nload.inp y_size=1 x_size=1\nfinish"),
          program("sim.unwritten", uop + "alu.add use_imm imm=1 uop_end=1 iter_out=1 iter_in=1\nfinish"),
          program("sim.limit", uop + "gemm reset uop_end=1 iter_out=16383 iter_in=16383\nfinish"),
          {"sim.machine", "run a program of the default machine on one with blocks of 32",
           [] {
             sim::Machine machine =
                 sim::Machine::make(isa::parse_config("{\"LOG_BLOCK\": 5}").value()).value();
             const isa::Program p = isa::assemble(".code\nfinish").value();
             sim::Dram dram = sim::Dram::of(p).value();
             (void)sim::run(machine, p, dram).value();
           }},
      }};
}

}  // namespace tc::test
