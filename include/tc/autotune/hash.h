// Two checksums that the log is built on. Not for secrets.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace tc::autotune {

/// SHA-256 (FIPS 180-4) as 64 lower-case hex digits.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);
/// CRC-32 as in zip and PNG (reflected polynomial 0xEDB88320).
[[nodiscard]] uint32_t crc32(std::string_view bytes);

}  // namespace tc::autotune
