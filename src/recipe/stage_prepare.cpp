// prepare: words, text units and their times; the vocabulary; who trains, who watches, who is held out.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "audio/aligner.h"
#include "audio/recogniser.h"
#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/jsonl.h"
#include "src/base/log.h"
#include "src/base/rng.h"
#include "src/base/text.h"
#include "src/recipe/prepared.h"
#include "src/recipe/stages.h"
#include "src/recipe/workers.h"
#include "src/text/alignment.h"
#include "src/text/lexicon.h"
#include "src/text/normalise.h"
#include "src/text/sentencepiece_tokenizer.h"

namespace linvox {
namespace {

constexpr int kRate = 16000;
constexpr double kFrameRate = 50;

/// A used clip on its way to a PreparedClip; `problem` says why it did not arrive, `detail` with what.
struct Draft {
    ClipRecord clip;
    PreparedClip out;
    std::vector<int> variant;  // pronunciation chosen per word by the alignment
    std::string problem, detail;
};

Role role_of(const ClipRecord& clip, const DataConfig& config, std::int64_t seed) {
    const auto& held_out = config.held_out;
    if (std::find(held_out.begin(), held_out.end(), clip.split) != held_out.end()) return Role::held_out;
    if (clip.split != "train") return Role::watch;
    Rng rng(mix_seed(static_cast<std::uint64_t>(seed), "watch", clip.id));
    return rng.uniform() < config.watch_share ? Role::watch : Role::train;
}

/// The phones of a text whose recording is not looked at.
void pronounce(Draft& draft, const Lexicon& lexicon) {
    for (std::size_t w = 0; w < draft.out.words.size(); ++w) {
        const Pronunciation found = lexicon.pronounce(draft.out.words[w]);
        if (found.variants.empty()) {
            draft.problem = "a word without pronunciation";
            draft.detail = draft.out.words[w];
            return;
        }
        for (const std::string& phone : found.variants.front()) {
            draft.out.units.push_back({phone, 0, 0});
            draft.out.word_of_unit.push_back(static_cast<std::int32_t>(w));
        }
    }
}

std::optional<std::vector<AlignerWord>> aligner_words(Draft& draft, const Lexicon& lexicon) {
    std::vector<AlignerWord> words;
    for (const std::string& word : draft.out.words) {
        Pronunciation found = lexicon.pronounce(word);
        if (found.variants.empty()) {
            draft.problem = "a word without pronunciation";
            draft.detail = word;
            return std::nullopt;
        }
        words.push_back({word, std::move(found.variants)});
    }
    return words;
}

void take_times(Draft& draft, const std::vector<TimedUnit>& units, std::int64_t longest_unit) {
    const auto count = static_cast<std::int32_t>(draft.clip.codes().size());
    FramedUnits framed = units_to_frames(units, kFrameRate, count, static_cast<std::int32_t>(longest_unit));
    draft.problem = framed.problem;
    draft.out.units = std::move(framed.units);
    draft.out.word_of_unit = std::move(framed.word);
}

void align_by_recogniser(std::vector<Draft>& drafts, const Lexicon& lexicon, const DataConfig& config) {
    Progress progress("align", "clips", static_cast<std::int64_t>(drafts.size()));
    std::atomic<std::int64_t> done = 0;
    std::mutex mutex;
    parallel_with_helper(
        drafts.size(), [&] { return Aligner({}, lexicon.phone_set()); },
        [&](Aligner& aligner, std::size_t i) {
            Draft& draft = drafts[i];
            const auto words = aligner_words(draft, lexicon);
            if (!words) return;
            const auto alignment = aligner.align(load_clip(draft.clip, kRate).samples, *words);
            if (alignment) {
                draft.variant = alignment->variant;
                take_times(draft, alignment->units, config.max_codes_per_unit);
            } else {
                draft.problem = "text and sound do not fit: no alignment found";
            }
            const std::lock_guard lock(mutex);
            progress.update(++done);
        });
}

/// Times in the file count from the start of the recording; the clip may be cut.
void align_by_file(std::vector<Draft>& drafts, const DataConfig& config) {
    const auto alignments = read_alignments(config.alignment);
    for (Draft& draft : drafts) {
        const auto found = alignments.find(draft.clip.id);
        if (found == alignments.end())
            draft.problem = "no alignment in the file";
        else
            take_times(draft, trim_units(found->second, {draft.clip.begin_s, draft.clip.end_s}),
                       config.max_codes_per_unit);
    }
}

/// The variant that the training recordings use most comes first from here on.
void prefer_spoken_variants(Lexicon& lexicon, const std::vector<Draft>& drafts) {
    std::map<std::string, std::map<int, int>> counts;
    for (const Draft& draft : drafts)
        if (draft.problem.empty())
            for (std::size_t w = 0; w < draft.variant.size(); ++w)
                ++counts[draft.out.words[w]][draft.variant[w]];
    for (const auto& [word, variants] : counts) {
        const auto best = std::max_element(variants.begin(), variants.end(),
                                           [](const auto& a, const auto& b) { return a.second < b.second; });
        const Pronunciation found = lexicon.pronounce(word);
        if (best->first != 0) lexicon.prefer(word, found.variants.at(static_cast<std::size_t>(best->first)));
    }
}

void make_phone_units(std::vector<Draft>& drafts, const DataConfig& config) {
    Lexicon lexicon = Lexicon::load(default_dictionary(), config.lexicon);
    const IsWord is_word = [&](std::string_view word) { return lexicon.contains(word); };
    std::vector<Draft> known, unheard;
    for (Draft& draft : drafts) {
        draft.out.words = spoken_words(draft.clip.text, config.normaliser, is_word).words;
        (draft.out.role == Role::held_out ? unheard : known).push_back(std::move(draft));
    }
    if (config.alignment.empty())
        align_by_recogniser(known, lexicon, config);
    else
        align_by_file(known, config);
    prefer_spoken_variants(lexicon, known);
    for (Draft& draft : unheard) pronounce(draft, lexicon);
    drafts = std::move(known);
    std::move(unheard.begin(), unheard.end(), std::back_inserter(drafts));
}

/// Letters or sentencepiece pieces; the plain layout needs no times.
void make_text_units(std::vector<Draft>& drafts, const DataConfig& config,
                     const std::filesystem::path& folder) {
    std::vector<std::string> lines;
    for (Draft& draft : drafts) {
        const SpokenText spoken = spoken_words(draft.clip.text, config.normaliser);
        draft.out.words = spoken.words;
        if (draft.out.role == Role::train) lines.push_back(spoken.joined());
    }
    const std::string kind = config.units == "letters" ? "char" : "unigram";
    const std::string model =
        train_sentencepiece(lines, {.vocabulary_size = config.pieces, .kind = kind, .seed = 0});
    write_file_atomic(folder / "text.model", model);
    const auto tokenizer = SentencepieceTokenizer::from_bytes(model);
    for (Draft& draft : drafts)
        for (const std::string& piece : tokenizer.pieces(SpokenText{draft.out.words, {}}.joined())) {
            draft.out.units.push_back({piece, 0, 0});
            draft.out.word_of_unit.push_back(-1);
        }
}

/// A sentence that is trained on says nothing about unseen text.
void leave_out_known_texts(std::vector<Draft>& drafts) {
    std::set<std::vector<std::string>> trained;
    for (const Draft& draft : drafts)
        if (draft.out.role != Role::held_out && draft.problem.empty()) trained.insert(draft.out.words);
    for (Draft& draft : drafts)
        if (draft.out.role == Role::held_out && trained.contains(draft.out.words))
            draft.problem = "held-out text also stands in training";
}

void leave_out_unknown_units(std::vector<Draft>& drafts, const std::set<std::string>& units) {
    for (Draft& draft : drafts)
        for (const AlignedUnit& unit : draft.out.units)
            if (draft.problem.empty() && !units.contains(unit.unit)) {
                draft.problem = "a text unit that does not occur in training";
                draft.detail = unit.unit;
            }
}

Vocabulary make_vocabulary(std::vector<Draft>& drafts, const DataConfig& config,
                           const nlohmann::json& codec) {
    std::set<std::string> units;
    for (const Draft& draft : drafts)
        if (draft.problem.empty() && draft.out.role == Role::train)
            for (const AlignedUnit& unit : draft.out.units) units.insert(unit.unit);
    leave_out_unknown_units(drafts, units);
    Vocabulary vocabulary;
    vocabulary.units.assign(units.begin(), units.end());
    vocabulary.codec_size = codec.at("codebook").at("size");
    vocabulary.codec_digest = codec.at("digest");
    vocabulary.unit_kind = config.units;
    return vocabulary;
}

/// " (ZH, OY)": what the clips of one reason lack.
std::string details_of(const nlohmann::json& entry) {
    std::set<std::string> details;
    for (const nlohmann::json& clip : entry["clips"])
        if (const std::string detail = clip["detail"]; !detail.empty()) details.insert(detail);
    return details.empty() ? "" : " (" + join({details.begin(), details.end()}, ", ") + ")";
}

nlohmann::json summary(const std::vector<Draft>& drafts) {
    std::map<std::string, std::int64_t> roles;
    std::map<std::string, nlohmann::json> left_out;
    for (const Draft& draft : drafts) {
        if (draft.problem.empty()) {
            ++roles[role_name(draft.out.role)];
            continue;
        }
        nlohmann::json& entry = left_out[draft.problem];
        entry["count"] = entry.is_null() ? 1 : entry["count"].get<int>() + 1;
        entry["clips"].push_back({{"id", draft.clip.id}, {"detail", draft.detail}});
    }
    return {{"clips", roles}, {"left_out", left_out}};
}

}  // namespace

void stage_prepare(const StageContext& context) {
    const DataConfig& config = context.config.data;
    const auto codec_folder = context.run.stage("codec");
    std::vector<Draft> drafts;
    for (ClipRecord& clip : read_clips(codec_folder / "clips.jsonl")) {
        if (!clip.used()) continue;
        Draft draft;
        draft.out = {clip.id, clip.text,    role_of(clip, config, context.config.seed), {}, {},
                     {},      clip.variants};
        draft.clip = std::move(clip);
        drafts.push_back(std::move(draft));
    }
    if (config.units == "phones")
        make_phone_units(drafts, config);
    else
        make_text_units(drafts, config, context.folder);
    leave_out_known_texts(drafts);
    const Vocabulary vocabulary =
        make_vocabulary(drafts, config, read_json(codec_folder / "codec_report.json"));
    vocabulary.save(context.folder / "vocabulary.json");
    std::vector<PreparedClip> clips;
    for (const Draft& draft : drafts)
        if (draft.problem.empty()) clips.push_back(draft.out);
    const nlohmann::json report = summary(drafts);
    LINVOX_REQUIRE(report["clips"].contains("train"), DataError,
                   "no training clip is left after preparation; the reasons: {}", report["left_out"].dump());
    write_prepared(context.folder / "prepared.jsonl", clips);
    write_json(context.folder / "prepare_report.json", report);
    log_line(fmt::format("  {} text units; clips {}", vocabulary.units.size(), report["clips"].dump()));
    for (const auto& [reason, entry] : report["left_out"].items())
        log_line(fmt::format("  left out {} clip(s): {}{}", entry["count"].get<int>(), reason, details_of(entry)));
}

}  // namespace linvox
