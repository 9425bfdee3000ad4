#include "message.h"

#include <fmt/format.h>

namespace tc::autotune {
namespace {
constexpr const char* kFix =
    "start the tc-worker of the same version, which writes nothing else to its channel";
}

std::string frame_message(const Json& json) {
  const std::string text = dump_json(json);
  std::string out;
  for (int i = 0; i < 4; ++i) out += static_cast<char>((text.size() >> (8 * i)) & 0xff);
  return out + text;
}

std::optional<Expected<Json>> take_message(std::string& buffer) {
  if (buffer.size() < 4) return std::nullopt;
  size_t length = 0;
  for (size_t i = 0; i < 4; ++i) length |= size_t{static_cast<unsigned char>(buffer[i])} << (8 * i);
  if (length > kMaxMessage)
    return Error("autotune.worker.message",
                 fmt::format("a message of {} bytes is longer than the limit of {}", length, kMaxMessage))
        .fix(kFix);
  if (buffer.size() < 4 + length) return std::nullopt;
  Expected<Json> json = parse_json(std::string_view(buffer).substr(4, length));
  buffer.erase(0, 4 + length);
  if (!json) return Error("autotune.worker.message", "a message is " + json.error().message()).fix(kFix);
  if (!json.value().is_object())
    return Error("autotune.worker.message", "a message is not an object").fix(kFix);
  return json;
}

}  // namespace tc::autotune
