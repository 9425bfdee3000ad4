// Messages between the tuner and a worker: four bytes of length, least
// significant first, then that many bytes of JSON.
#pragma once
#include <optional>
#include <string>

#include "tc/autotune/json.h"

namespace tc::autotune {

inline constexpr size_t kMaxMessage = size_t{4} << 20;
inline constexpr int kWorkerChannel = 3;  ///< the worker's descriptor

/// The bytes that carry `json`.
[[nodiscard]] std::string frame_message(const Json& json);
/// Cuts the first whole message off `buffer`: nothing yet, the message, or an
/// Error autotune.worker.message after which the stream is of no use.
[[nodiscard]] std::optional<Expected<Json>> take_message(std::string& buffer);

}  // namespace tc::autotune
