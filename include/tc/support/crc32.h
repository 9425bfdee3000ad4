// The checksum of files that tc writes. Not for secrets.
#pragma once
#include <cstdint>
#include <string_view>

namespace tc {

/// CRC-32 as in zip and PNG (reflected polynomial 0xEDB88320).
[[nodiscard]] uint32_t crc32(std::string_view bytes);

}  // namespace tc
