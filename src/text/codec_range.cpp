#include "src/text/codec_range.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/text/tokenizer.h"

namespace linvox {
namespace {

/// A way to name codec tokens. "N" is the number; "#" stands for digits that number the streams.
struct CodecPattern {
    std::string_view name;
    std::int32_t first_number;     // numbers below it are control tokens; -1: the lowest that is there
    std::int32_t streams_in_line;  // streams that share the numbers, one after another
    std::array<std::string_view, 4> stops;
};

// Which names belong to which models:
//   <|s_N|>                 Llasa (huggingface.co/HKUSTAudio/Llasa-3B, README)
//   <|speech_N|>            NeuTTS Air (github.com/neuphonic/neutts-air, neuttsair/neutts.py)
//   <|bicodec_semantic_N|>  Spark-TTS (github.com/SparkAudio/Spark-TTS, cli/SparkTTS.py), and
//   <|bicodec_global_N|>    the speaker's tokens of the same
//   <|g#r#_N|>              UniTTS (github.com/IDEA-Emdoor-Lab/UniTTS, toolkits/sft_data_preprocessing)
//   <custom_token_N>        Orpheus (github.com/canopyai/Orpheus-TTS, orpheus_tts/decoder.py):
//                           number = 10 + 4096 * place in the frame of 7 + code
//   <|c#_N|>                OuteTTS 1.0 (github.com/edwko/OuteTTS)
//   <|audio_N|>             GLM-4-Voice (github.com/THUDM/GLM-4-Voice, model_server.py)
constexpr std::array kCodecPatterns = {
    CodecPattern{"<|s_N|>", -1, 1, {"<|SPEECH_GENERATION_END|>"}},
    CodecPattern{"<|speech_N|>", -1, 1, {"<|SPEECH_GENERATION_END|>"}},
    CodecPattern{"<|bicodec_semantic_N|>", -1, 1, {"<|end_semantic_token|>", "<|im_end|>"}},
    CodecPattern{
        "<|g#r#_N|>", -1, 1, {"<|endofaudio|>", "<|inter_audio_end|>", "<|im_end|>", "<|endoftext|>"}},
    CodecPattern{"<custom_token_N>", 10, 7, {"<custom_token_2>"}},
    CodecPattern{"<|c#_N|>", -1, 1, {"<|audio_end|>", "<|im_end|>"}},
    CodecPattern{"<|audio_N|>", -1, 1, {"<|user|>", "<|endoftext|>"}},
    CodecPattern{"<|bicodec_global_N|>", -1, 1, {"<|end_global_token|>"}},
};

// From here on, numbered tokens of an unknown name are worth a line; fewer are reserved tokens mostly.
constexpr std::size_t kManyTokens = 1000;

/// "<|g0r1_17|>" as "<|g#r#_N|>", streams {0, 1}, number 17.
struct NumberedName {
    std::string pattern;
    std::vector<std::int32_t> streams;
    std::int32_t number = 0;
};

/// None for names without digits or with more than nine of them in a row.
std::optional<NumberedName> parse_name(std::string_view token) {
    std::size_t last = token.size();
    while (last > 0 && !is_digit(token[last - 1])) --last;
    if (last == 0) return std::nullopt;
    NumberedName name;
    for (std::size_t at = 0; at < token.size();) {
        if (!is_digit(token[at])) {
            name.pattern += token[at++];
            continue;
        }
        std::size_t end = at;
        std::int32_t value = 0;
        while (end < token.size() && is_digit(token[end]) && end - at < 10)
            value = value * 10 + (token[end++] - '0');
        if (end - at > 9) return std::nullopt;
        name.pattern += end == last ? 'N' : '#';
        end == last ? void(name.number = value) : name.streams.push_back(value);
        at = end;
    }
    return name;
}

/// From number to id, for each stream of a pattern.
using Stream = std::map<std::int32_t, std::int32_t>;
using Family = std::map<std::vector<std::int32_t>, Stream>;

std::map<std::string, Family> collect_families(std::span<const std::string> tokens) {
    std::map<std::string, Family> families;
    for (std::size_t id = 0; id < tokens.size(); ++id) {
        const std::string& token = tokens[id];
        if (token.size() < 4 || token.front() != '<' || token.back() != '>') continue;
        if (const auto name = parse_name(token))
            families[name->pattern][name->streams].emplace(name->number, static_cast<std::int32_t>(id));
    }
    return families;
}

/// Consecutive numbers on consecutive ids, or what breaks them.
struct Run {
    std::int32_t first_number = 0, first_id = 0, size = 0;
    std::string problem;
};

Run consecutive(const Stream& stream, std::int32_t lowest) {
    Run run;
    for (auto at = stream.lower_bound(lowest); at != stream.end(); ++at, ++run.size) {
        const auto [number, id] = *at;
        if (run.size == 0) run = {.first_number = number, .first_id = id};
        const std::int32_t expected = run.first_number + run.size;
        if (number != expected) {
            run.problem = fmt::format("number {} is missing ({} is the next)", expected, number);
            return run;
        }
        if (id != run.first_id + run.size) {
            run.problem = fmt::format("number {} has the id {} where {} was expected", number, id,
                                      run.first_id + run.size);
            return run;
        }
    }
    if (run.size == 0) run.problem = fmt::format("no number from {} on", lowest);
    return run;
}

/// The runs of all streams, side by side in order, or a problem.
Run join_streams(const Family& family, std::int32_t lowest) {
    Run all;
    for (const auto& [numbers, stream] : family) {
        const std::string which =
            family.size() == 1 ? "" : fmt::format("stream {}: ", fmt::join(numbers, "."));
        const Run run = consecutive(stream, lowest);
        if (!run.problem.empty()) {
            all.problem = which + run.problem;
        } else if (all.size == 0) {
            all = run;
            continue;
        } else if (run.first_id != all.first_id + all.size) {
            all.problem = fmt::format("{}starts at the id {} where {} was expected", which, run.first_id,
                                      all.first_id + all.size);
        } else if (all.size % run.size != 0 ||
                   run.size != static_cast<std::int32_t>(family.begin()->second.size())) {
            all.problem = fmt::format("{}{} codes, the first stream has {}", which, run.size,
                                      family.begin()->second.size());
        }
        if (!all.problem.empty()) return all;
        all.size += run.size;
    }
    return all;
}

std::vector<std::int32_t> find_stops(std::span<const std::string> tokens, const CodecPattern& pattern) {
    std::vector<std::int32_t> ids;
    for (std::size_t id = 0; id < tokens.size(); ++id) {
        if (tokens[id].empty()) continue;
        if (std::find(pattern.stops.begin(), pattern.stops.end(), tokens[id]) != pattern.stops.end())
            ids.push_back(static_cast<std::int32_t>(id));
    }
    return ids;
}

/// The range of a family, or "" and the problem.
std::string make_range(const CodecPattern& pattern, const Family& family, CodecRange& range) {
    const Run run = join_streams(family, std::max(pattern.first_number, 0));
    if (!run.problem.empty()) return run.problem;
    range.pattern = pattern.name;
    range.first_id = run.first_id;
    range.first_number = run.first_number;
    range.streams = static_cast<std::int32_t>(family.size()) * pattern.streams_in_line;
    range.frame_size = range.streams;
    // Orpheus has one token more than its seven streams need.
    range.size = run.size - run.size % range.streams;
    if (run.size - range.size > 1 || range.size == 0)
        return fmt::format("{} codes from number {} on are not {} streams of equal size", run.size,
                           run.first_number, range.streams);
    if (pattern.first_number >= 0 && run.first_number != pattern.first_number)
        return fmt::format("codes start at number {}, not at {}", run.first_number, pattern.first_number);
    return "";
}

bool is_reserved_name(std::string_view pattern) {
    return pattern.find("reserved") != std::string_view::npos ||
           pattern.find("unused") != std::string_view::npos ||
           pattern.find("extra") != std::string_view::npos ||
           pattern.find("placeholder") != std::string_view::npos;
}

}  // namespace

CodecRangeReport find_codec_ranges(std::span<const std::string> tokens) {
    std::map<std::string, Family> families = collect_families(tokens);
    CodecRangeReport report;
    for (const CodecPattern& pattern : kCodecPatterns) {
        const auto found = families.find(std::string(pattern.name));
        if (found == families.end()) continue;
        CodecRange range;
        const std::string problem = make_range(pattern, found->second, range);
        if (problem.empty()) {
            range.stop_ids = find_stops(tokens, pattern);
            report.ranges.push_back(std::move(range));
        } else {
            report.problems.push_back(fmt::format("{}: {}", pattern.name, problem));
        }
        families.erase(found);
    }
    for (const auto& [pattern, family] : families) {
        std::size_t count = 0;
        for (const auto& [numbers, stream] : family) count += stream.size();
        if (count < kManyTokens || is_reserved_name(pattern)) continue;
        report.problems.push_back(fmt::format(
            "{}: {} numbered tokens of a name that is not known; if they are codes, declare their range",
            pattern, count));
    }
    return report;
}

CodecRangeReport find_codec_ranges(const Tokenizer& tokenizer) {
    return find_codec_ranges(tokenizer.tokens());
}

CodecRange require_codec_range(const Tokenizer& tokenizer) {
    const CodecRangeReport report = find_codec_ranges(tokenizer);
    LINVOX_REQUIRE(
        !report.ranges.empty(), DataError,
        "{}: no codec range; known names are {}. Found: {}. Declare the range, or add codec tokens",
        tokenizer.file().string(), join(codec_patterns(), " "),
        report.problems.empty() ? "none of them" : join(report.problems, "; "));
    return report.ranges.front();
}

std::vector<std::string> codec_patterns() {
    std::vector<std::string> names;
    for (const CodecPattern& pattern : kCodecPatterns) names.emplace_back(pattern.name);
    return names;
}

std::string describe(const CodecRange& range) {
    return fmt::format("{}: ids {} to {} ({} stream{} x {} codes), {} token{} a frame, {}", range.pattern,
                       range.first_id, range.first_id + range.size - 1, range.streams,
                       range.streams == 1 ? "" : "s", range.codebook_size(), range.frame_size,
                       range.frame_size == 1 ? "" : "s",
                       range.stop_ids.empty() ? "no stop id known"
                                              : fmt::format("stop ids {}", fmt::join(range.stop_ids, " ")));
}

std::string describe(const CodecRangeReport& report) {
    std::vector<std::string> lines;
    for (const CodecRange& range : report.ranges) lines.push_back(describe(range));
    for (const std::string& problem : report.problems) lines.push_back("not usable: " + problem);
    return lines.empty() ? "no codec tokens" : join(lines, "\n");
}

}  // namespace linvox
