// The checksums that the log is built on. Not for secrets.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "tc/support/crc32.h"

namespace tc::autotune {

/// SHA-256 (FIPS 180-4) as 64 lower-case hex digits.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);
using tc::crc32;

}  // namespace tc::autotune
