#include "tests/cli/program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace linvox::test {

namespace fs = std::filesystem;

namespace {

const fs::path kSamples = fs::path(LINVOX_SOURCE_DIR) / "samples" / "prompts-en";
const std::string kProgram = std::string(LINVOX_BINARY_DIR) + "/linvox";

int exit_code(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

}  // namespace

Outcome linvox(const std::string& arguments, const std::string& before) {
    const std::string command = before + " " + kProgram + " " + arguments + " 2>&1";
    FILE* pipe = popen(command.c_str(), "r");
    Outcome outcome;
    std::array<char, 4096> buffer;
    while (const std::size_t n = fread(buffer.data(), 1, buffer.size(), pipe))
        outcome.output.append(buffer.data(), n);
    outcome.code = exit_code(pclose(pipe));
    return outcome;
}

Process::Process(const std::string& arguments, const fs::path& log) : log_(log) {
    pid_ = fork();
    if (pid_ != 0) return;
    const int file = open(log.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0644);
    dup2(file, 1);
    dup2(file, 2);
    const std::string command = "exec " + kProgram + " " + arguments;
    execl("/bin/sh", "sh", "-c", command.c_str(), static_cast<char*>(nullptr));
    _exit(127);
}

bool Process::wait_for(const fs::path& path) {
    while (!fs::exists(path)) {
        siginfo_t info{};
        waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
        if (info.si_pid != 0) return false;
        usleep(2000);
    }
    return true;
}

Outcome Process::stop(int signal_number) {
    kill(pid_, signal_number);
    int status = 0;
    waitpid(pid_, &status, 0);
    return {exit_code(status), read_text(log_)};
}

fs::path test_folder() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    std::string name = std::string(info->test_suite_name()) + "." + info->name();
    std::replace(name.begin(), name.end(), '/', '.');
    const fs::path folder = fs::path(testing::TempDir()) / "linvox-cli" / name;
    fs::remove_all(folder);
    fs::create_directories(folder);
    return folder;
}

void copy_clips(const fs::path& folder, const std::vector<std::string>& ids) {
    fs::create_directories(folder / "audio");
    std::ifstream manifest(kSamples / "manifest.jsonl");
    std::ofstream copy(folder / "manifest.jsonl");
    for (std::string line; std::getline(manifest, line);) {
        const nlohmann::json record = nlohmann::json::parse(line);
        if (std::find(ids.begin(), ids.end(), record["id"]) == ids.end()) continue;
        const std::string audio = record["audio"];
        fs::copy_file(kSamples / audio, folder / audio);
        copy << line << "\n";
    }
}

fs::path write_micro_recipe(const fs::path& folder) {
    copy_clips(folder, {"agent-loggedoff",    "agent-loginok",    "all-circuits-busy-now",
                        "call-forwarding",    "call-fwd-no-ans",  "call-fwd-on-busy",
                        "conf-enteringno",    "conf-extended",    "conf-full",
                        "conf-hasjoin",       "conf-hasleft",     "conf-invalidpin",
                        "conf-locked",        "conf-lockednow",   "conf-muted",
                        "conf-nonextended",   "conf-now-muted",   "conf-now-recording",
                        "conf-thereare",      "conf-unlockednow", "conf-unmuted",
                        "conf-waitforleader", "conf-kicked",      "check-number-dial-again"});
    write_text(folder / "recipe.toml", R"(
task = "tts"
[data]
manifest = "manifest.jsonl"
held_out = ["valid"]
watch_share = 0.1
stretches = [1.0]
shifts = [0]
[codec]
codebook_size = 64
kmeans_iterations = 2
channels = 16
mel_steps = 5
wave_steps = 2
[model]
hidden_size = 32
num_layers = 2
num_heads = 2
num_kv_heads = 1
head_dim = 16
intermediate_size = 64
[sft]
steps = 120
evaluate_every = 40
checkpoint_every = 20
[candidates]
per_prompt = 3
[candidates.sampling]
max_tokens = 200
[pairs]
rule = "rank_sum"
quantile = 0.5
[[pairs.metrics]]
name = "mcd"
better = "lower"
[[align]]
name = "lpo"
epochs = 3
batch_pairs = 2
checkpoint_every = 2
[align.loss]
kind = "lpo-ste"
[synthesise]
samples = 2
[synthesise.sampling]
max_tokens = 200
)");
    return folder / "recipe.toml";
}

void write_text(const fs::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
}

std::string read_text(const fs::path& path) {
    std::stringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

}  // namespace linvox::test
