#include <cstring>

#include "tc/runtime/c_api.h"
#include "text.h"

namespace tc::runtime {
namespace {

constinit thread_local Text t_error;

}  // namespace

void set_error(const char* code, const char* sentence, const Fact* facts, int num_facts) {
  // The arguments may point into the buffer that is about to be rewritten.
  Text text;
  text.append("error[%s]: %s", code, sentence);
  int width = 0;
  for (int i = 0; i < num_facts; ++i) {
    if (facts[i].value == nullptr || facts[i].value[0] == '\0') continue;
    const int length = static_cast<int>(strlen(facts[i].name));
    if (length > width) width = length;
  }
  for (int i = 0; i < num_facts; ++i) {
    if (facts[i].value == nullptr || facts[i].value[0] == '\0') continue;
    text.append("\n  %-*s  %s", width, facts[i].name, facts[i].value);
  }
  t_error = text;
}

void adopt_error(const char* text) {
  t_error.clear();
  t_error.append("%s", text);
}

}  // namespace tc::runtime

extern "C" const char* tc_last_error(void) { return tc::runtime::t_error.c_str(); }

extern "C" void tc_set_error(const char* code, const char* text) {
  tc::runtime::set_error(code != nullptr ? code : "", text != nullptr ? text : "", nullptr, 0);
}
