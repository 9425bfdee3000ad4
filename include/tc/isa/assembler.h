// Programs as text. A line is a directive, an instruction, or items of a segment;
// comments run from ; to the end of the line.
//
//   .config block_in=16 inp_depth=2048   the machine: what differs from the default
//   .dram 4096                           bytes of DRAM; default: to the end of what follows
//   .region A input 0x0 256              name, kind, address, bytes; for arrays also
//   .region B output 0x100 64 i8 4x16    element type and shape
//   .segment 0x100 i8                    contents of DRAM: i8, i16, i32 or uop
//     1 -2 3
//   .segment 0x200 uop
//     dst=0 src=0 wgt=0                  a micro-op a line
//   .code
//     load.inp dram_base=@A y_size=1 x_size=16 x_stride=16 push_next
//     gemm reset uop_end=1 iter_out=1 iter_in=1
//     alu.add use_imm imm=-3 uop_end=1 iter_out=1 iter_in=1
//     finish
//
// An instruction is its mnemonic (with the scratchpad or the ALU operation), then
// fields as name=value in any order; fields that are left out are 0, flags are
// bare words. @A is the address of region A in elements of the scratchpad.
#pragma once
#include <string>
#include <string_view>

#include "tc/isa/program.h"

namespace tc::isa {

/// The program of a text, valid. `config` is the machine of texts without .config; `file` is for messages.
/// Errors isa.asm.* with the line and a caret, and those of encoding and validate.
[[nodiscard]] Expected<Program> assemble(std::string_view text, std::string_view file = "program",
                                         const MachineConfig& config = {});

/// One instruction, without a newline; fields that are 0 are left out.
[[nodiscard]] std::string disassemble(const Insn& insn);
[[nodiscard]] std::string disassemble(const Uop& uop);
/// Text that assembles to the same program.
[[nodiscard]] std::string disassemble(const Program& program);

}  // namespace tc::isa
