#include "src/recipe/clips.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "src/base/jsonl.h"

namespace linvox {
namespace {

nlohmann::json to_json(const ClipRecord& clip) {
    nlohmann::json variants = nlohmann::json::array();
    for (const CodedVariant& v : clip.variants)
        variants.push_back({{"stretch", v.stretch}, {"shift", v.shift}, {"codes", v.codes}});
    return {{"id", clip.id},
            {"split", clip.split},
            {"text", clip.text},
            {"speaker", clip.speaker},
            {"audio", clip.audio},
            {"duration_s", clip.duration_s},
            {"begin_s", clip.begin_s},
            {"end_s", clip.end_s},
            {"left_out", clip.left_out},
            {"variants", std::move(variants)}};
}

ClipRecord from_json(const nlohmann::json& record) {
    ClipRecord clip{record.at("id"),
                    record.at("split"),
                    record.at("text"),
                    record.at("speaker"),
                    std::filesystem::path(record.at("audio").get<std::string>()),
                    record.at("duration_s"),
                    record.at("begin_s"),
                    record.at("end_s"),
                    record.at("left_out"),
                    {}};
    for (const auto& v : record.at("variants"))
        clip.variants.push_back(
            {v.at("stretch"), v.at("shift"), v.at("codes").get<std::vector<std::int32_t>>()});
    return clip;
}

}  // namespace

void write_clips(const std::filesystem::path& path, const std::vector<ClipRecord>& clips) {
    JsonLinesWriter writer(path, JsonLinesWriter::Mode::whole);
    for (const ClipRecord& clip : clips) writer.write(to_json(clip));
    writer.close();
}

std::vector<ClipRecord> read_clips(const std::filesystem::path& path) {
    std::vector<ClipRecord> clips;
    for_each_json_line(
        path, [&](const nlohmann::json& record, std::size_t) { clips.push_back(from_json(record)); });
    return clips;
}

Wave load_clip(const ClipRecord& clip, int sample_rate_hz) {
    Wave wave = read_wave(clip.audio, sample_rate_hz);
    const auto sample = [&](double seconds) {
        const auto index = static_cast<std::size_t>(std::llround(seconds * sample_rate_hz));
        return static_cast<std::ptrdiff_t>(std::min(index, wave.samples.size()));
    };
    const std::ptrdiff_t begin = sample(clip.begin_s), end = sample(clip.end_s);
    wave.samples.erase(wave.samples.begin() + end, wave.samples.end());
    wave.samples.erase(wave.samples.begin(), wave.samples.begin() + begin);
    return wave;
}

}  // namespace linvox
