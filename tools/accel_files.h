// The files of the accelerator that asm and sim share.
#pragma once
#include <string>

#include "tc/isa/program.h"

namespace tc::cli {

/// A machine by its name (vta-1x32x32) or the file of its JSON; the default machine for "".
[[nodiscard]] isa::MachineConfig read_config(const std::string& path);
/// A program: assembly text where the name ends in .s, else a program file. `config`
/// is the machine of texts that name none.
[[nodiscard]] isa::Program read_program(const std::string& path, const std::string& config);

}  // namespace tc::cli
