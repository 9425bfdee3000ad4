// The command used wrongly: what it prints.
#include "error_cases.h"
#include "process.h"

namespace tc::test {
namespace {

const char* kSmall = "matmul m=24 n=32 k=16";

struct Setting {
  std::string input = "";
  std::map<std::string, std::string> environment = {};
};

std::string shown(const std::vector<std::string>& words, const Setting& setting) {
  std::string out;
  for (const auto& [name, value] : setting.environment) out += name + "=" + value + " ";
  out += "tensorc";
  for (const std::string& w : words)
    out += w.find_first_of(" ()") == std::string::npos ? " " + w : " \"" + w + "\"";
  if (!setting.input.empty()) out += "   # - has: " + setting.input;
  return out;
}

ErrorCase command(std::string code, std::vector<std::string> words, Setting setting = {}) {
  std::string doing = shown(words, setting);
  return {std::move(code), std::move(doing),
          [words = std::move(words), setting = std::move(setting)]() mutable {
            words.insert(words.begin(), std::string(TC_BINARY_DIR) + "/tools/tensorc");
            setting.environment.insert({{"TC_LOG", ""}, {"NO_COLOR", "1"}});
            const Finished f = Process(words, setting.input, setting.environment).wait();
            const std::string_view text = f.err;
            throw ErrorText{std::string(text.substr(0, text.find_last_not_of('\n') + 1))};
          }};
}

}  // namespace

ErrorFamily command_errors() {
  const Setting nested{"func f(A: f32[4]) { for i in [0, +4) { A[i] = 1.0 } }"},
      te{"func f(A: f32[4]) { compute A[i] = 1.0 }"};
  return {
      "command",
      {
          command("cli.usage", {"tun", kSmall}),
          command("cli.usage", {}),
          command("cli.usage", {"log", "chek", "tuned.jsonl"}),
          command("cli.usage", {"run"}),
          command("cli.usage", {"run", kSmall, "--round", "3"}),
          command("cli.usage", {"tune", kSmall, "--trials", "many"}),
          command("cli.usage", {"run", kSmall, "relu m=4 n=4"}),
          masked(command("cli.memory", {"run", "matmul m=500000 n=500000 k=1"}), "available +([0-9.]+)",
                 "..."),
          masked(command("cli.threads", {"run", kSmall, "--threads", "4000"}), "at most ([0-9]+)", "..."),
          command("cli.worker", {"tune", kSmall, "--log", "tuned.jsonl"}, {"", {{"TC_WORKER", "/nowhere"}}}),
          command("autotune.options.target",
                  {"tune", kSmall, "--target", "cpu -mcpu=x86-64", "--log", "tuned.jsonl"}),
          command("io.read", {"opt", "no-such-file.tc", "--passes", "cpu"}),
          command("io.read.size", {"opt", "/dev/zero", "--passes", "cpu"}),
          command("io.write", {"show", kSmall, "-o", "/no/such/folder/page.html"}),
          command("cli.watch", {"interpret", "-", "--watch", "A[i]"}, nested),
          command("ir.interpret.watch", {"interpret", "-", "--watch", "A[4]"}, nested),
          command("cli.shape", {"interpret", "-"}, {"func f(A: f32[n]) { A[0] = 1.0 }"}),
          command("ir.pass", {"opt", "-", "--passes", "simplify,unrol"}, nested),
          command("ir.pass.form", {"opt", "-", "--passes", "cpu"}, te),
      }};
}

}  // namespace tc::test
