#include "audio/aligner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>

#include "audio/recogniser.h"
#include "audio/sphinx.h"
#include "src/base/error.h"

namespace linvox {

namespace {

constexpr const char* kSilenceWord = "<sil>";
constexpr double kSilenceProbability = 0.1;  // of entering a pause at a word boundary
// Frame k looks at 25.6 ms from 10 k ms on, so frames k - 1 and k meet at 10 k + 7.8 ms.
constexpr double kWindowOffset_s = (0.0256 - 1.0 / kSphinxFrameRate) / 2;
// pocketsphinx scores: logarithms to the base 1.0001, shifted right by 10 bits.
constexpr double kNatsPerScore = 1024 * 9.9995e-5;
constexpr double kSampleRate = 16000;

struct Segment {
    std::string word;
    int first = 0, last = 0;  // frames, both included
    double score = 0;         // acoustic log-likelihood in nats a frame
};

int word_id(fsg_model_t* grammar, const std::string& word) {
    return fsg_model_word_add(grammar, word.c_str());
}

/// States 0 ... words.size() stand between words; the states inside variants follow.
SphinxGrammar line_grammar(ps_decoder_t* decoder, std::span<const AlignerWord> words) {
    int inner = 0;
    for (const AlignerWord& word : words) {
        for (const auto& variant : word.variants) inner += static_cast<int>(variant.size()) - 1;
    }
    const int boundaries = static_cast<int>(words.size()) + 1;
    SphinxGrammar grammar(fsg_model_init("line", ps_get_logmath(decoder), 1.0f, boundaries + inner));
    grammar->start_state = 0;
    grammar->final_state = boundaries - 1;
    int free_state = boundaries;
    for (int i = 0; i + 1 < boundaries; ++i) {
        for (const auto& variant : words[static_cast<std::size_t>(i)].variants) {
            int from = i;
            for (std::size_t p = 0; p < variant.size(); ++p) {
                const int to = p + 1 == variant.size() ? i + 1 : free_state++;
                fsg_model_trans_add(grammar.get(), from, to, 0, word_id(grammar.get(), variant[p]));
                from = to;
            }
        }
    }
    for (int i = 0; i < boundaries; ++i)
        fsg_model_add_silence(grammar.get(), kSilenceWord, i, kSilenceProbability);
    return grammar;
}

std::vector<Segment> best_path(ps_decoder_t* decoder) {
    std::vector<Segment> path;
    for (ps_seg_t* at = ps_seg_iter(decoder); at != nullptr; at = ps_seg_next(at)) {
        Segment segment;
        const char* word = ps_seg_word(at);
        ps_seg_frames(at, &segment.first, &segment.last);
        if (word == nullptr || std::string_view(word) == "(NULL)" || segment.last < segment.first) continue;
        int32 acoustic = 0, language = 0, backoff = 0;
        ps_seg_prob(at, &acoustic, &language, &backoff);
        segment.score = acoustic * kNatsPerScore / (segment.last - segment.first + 1);
        segment.word = word;
        const bool silence = segment.word == kSilenceWord;
        if (silence && !path.empty() && path.back().word == kSilenceWord)
            path.back().last = segment.last;
        else
            path.push_back(std::move(segment));
    }
    return path;
}

/// Which variant of every word the phones of a path are: words do not overlap pauses.
/// The path alone does not say it, since the library reports phones, not states.
class VariantParse {
public:
    VariantParse(const std::vector<Segment>& path, std::span<const AlignerWord> words) : words_(words) {
        for (std::size_t i = 0; i < path.size(); ++i) {
            if (path[i].word != kSilenceWord) phones_.push_back({path[i].word, i});
        }
    }

    /// Fills `variant` and the word of every segment; false when nothing fits.
    bool run(std::vector<int>& variant, std::vector<int>& word_of_segment) {
        variant.assign(words_.size(), -1);
        if (!fits(0, 0, variant)) return false;
        std::size_t at = 0;
        for (std::size_t w = 0; w < words_.size(); ++w) {
            const std::size_t count = words_[w].variants[static_cast<std::size_t>(variant[w])].size();
            for (std::size_t i = 0; i < count; ++i)
                word_of_segment[phones_[at++].segment] = static_cast<int>(w);
        }
        return true;
    }

private:
    struct Phone {
        std::string name;
        std::size_t segment;
    };

    bool matches(const std::vector<std::string>& variant, std::size_t at) const {
        if (at + variant.size() > phones_.size()) return false;
        for (std::size_t i = 0; i < variant.size(); ++i) {
            if (phones_[at + i].name != variant[i]) return false;
            if (i > 0 && phones_[at + i].segment != phones_[at].segment + i) return false;  // a pause inside
        }
        return true;
    }

    bool fits(std::size_t word, std::size_t at, std::vector<int>& variant) {
        if (word == words_.size()) return at == phones_.size();
        if (dead_.count({word, at})) return false;
        const auto& variants = words_[word].variants;
        for (std::size_t v = 0; v < variants.size(); ++v) {
            if (!matches(variants[v], at)) continue;
            variant[word] = static_cast<int>(v);
            if (fits(word + 1, at + variants[v].size(), variant)) return true;
        }
        dead_[{word, at}] = true;
        return false;
    }

    std::span<const AlignerWord> words_;
    std::vector<Phone> phones_;
    std::map<std::pair<std::size_t, std::size_t>, bool> dead_;
};

std::vector<TimedUnit> timed_units(const std::vector<Segment>& path, const std::vector<int>& word_of_segment,
                                   double duration_s) {
    std::vector<TimedUnit> units;
    for (std::size_t i = 0; i < path.size(); ++i) {
        const bool silence = path[i].word == kSilenceWord;
        const double start = i == 0 ? 0 : units.back().end_s;
        const double end = (path[i].last + 1) / kSphinxFrameRate + kWindowOffset_s;
        units.push_back({silence ? kSilenceUnit : path[i].word, start,
                         i + 1 == path.size() ? duration_s : std::min(end, duration_s), word_of_segment[i]});
    }
    return units;
}

/// What the scores of a path say about the fit of text and sound.
struct Fit {
    int phones = 0, poor = 0;
    int longest_run = 0;     // of poor phones
    std::size_t worst = 0;   // segment at the end of that run
    double pause_score = 0;  // of the worst long pause
    std::size_t worst_pause = 0;
    double mean_score = 0;  // over all frames
};

Fit measure_fit(const std::vector<Segment>& path, double poor_score) {
    constexpr int long_pause = 15;  // frames; shorter pauses score badly in good alignments, too
    Fit fit;
    int run = 0;
    double sum = 0, frames = 0;
    for (std::size_t i = 0; i < path.size(); ++i) {
        const double length = path[i].last - path[i].first + 1;
        sum += length * path[i].score;
        frames += length;
        if (path[i].word == kSilenceWord) {
            if (length < long_pause || path[i].score >= fit.pause_score) continue;
            fit.pause_score = path[i].score;
            fit.worst_pause = i;
            continue;
        }
        ++fit.phones;
        const bool bad = path[i].score < poor_score;
        fit.poor += bad;
        run = bad ? run + 1 : 0;
        if (run <= fit.longest_run) continue;
        fit.longest_run = run;
        fit.worst = i;
    }
    fit.mean_score = sum / frames;
    return fit;
}

/// Where text and sound differ; "" when they fit.
std::string misfit(const Fit& fit, const std::vector<Segment>& path, const std::vector<int>& word_of_segment,
                   std::span<const AlignerWord> words, const AlignerConfig& config) {
    const auto at = [&](std::size_t segment) {
        return fmt::format("{:.1f} s", path[segment].first / kSphinxFrameRate);
    };
    const bool many = fit.poor >= 3 && fit.poor > config.most_poor_share * fit.phones;
    if (fit.longest_run > config.longest_poor_run || many) {
        const int word = word_of_segment[fit.worst];
        return fmt::format("text and sound differ near word {} ('{}') at {}: {} of {} phones fit badly",
                           word + 1, words[static_cast<std::size_t>(word)].text, at(fit.worst), fit.poor,
                           fit.phones);
    }
    if (fit.pause_score < config.poor_score) {
        return fmt::format("sound at {} where the text has only a pause", at(fit.worst_pause));
    }
    if (fit.mean_score >= config.least_score) return "";
    return fmt::format("text and sound differ: mean score {:.2f}, below {:.2f}", fit.mean_score,
                       config.least_score);
}

}  // namespace

struct Aligner::State {
    AlignerConfig config;
    SphinxDecoder decoder;
    std::string problem;

    /// Returns what is wrong, or "" with `out` filled.
    std::string align(std::span<const float> wave16k, std::span<const AlignerWord> words, Alignment& out);
};

std::string Aligner::State::align(std::span<const float> wave16k, std::span<const AlignerWord> words,
                                  Alignment& out) {
    if (words.empty()) return "there are no words";
    const SphinxGrammar grammar = line_grammar(decoder.get(), words);
    const bool set =
        ps_set_fsg(decoder.get(), "line", grammar.get()) >= 0 && ps_set_search(decoder.get(), "line") >= 0;
    LINVOX_ASSERT(set, "pocketsphinx refused a grammar: {}", take_sphinx_error());
    if (!run_sphinx_utterance(decoder.get(), wave16k)) return "the recording is shorter than 0.1 s";
    const char* text = ps_get_hyp(decoder.get(), nullptr);
    const std::vector<Segment> path = text == nullptr ? std::vector<Segment>{} : best_path(decoder.get());
    std::vector<int> word_of_segment(path.size(), -1);
    if (path.empty() || !VariantParse(path, words).run(out.variant, word_of_segment)) {
        return "the end of the text was not reached: text and sound differ, or the recording is too short "
               "for it";
    }
    out.units = timed_units(path, word_of_segment, static_cast<double>(wave16k.size()) / kSampleRate);
    const Fit fit = measure_fit(path, config.poor_score);
    out.score_per_frame = fit.mean_score;
    return misfit(fit, path, word_of_segment, words, config);
}

Aligner::Aligner(const AlignerConfig& config, std::span<const std::string> phones)
    : state_(std::make_unique<State>()) {
    state_->config = config;
    const auto model = config.acoustic_model.empty() ? default_acoustic_model() : config.acoustic_model;
    // Removing silence would shift all times; pauses are the grammar's task here.
    state_->decoder = make_sphinx_decoder(model, {{"-remove_silence", "no"},
                                                  {"-fsgusefiller", "no"},
                                                  {"-fsgusealtpron", "no"},
                                                  {"-bestpath", "no"},
                                                  {"-maxhmmpf", "-1"},
                                                  {"-wip", "1.0"},
                                                  {"-lw", "1.0"},
                                                  {"-beam", fmt::format("{}", config.beam)},
                                                  {"-pbeam", fmt::format("{}", config.beam)},
                                                  {"-wbeam", fmt::format("{}", config.word_beam)}});
    for (const std::string& phone : phones) {
        const int added = ps_add_word(state_->decoder.get(), phone.c_str(), phone.c_str(), FALSE);
        LINVOX_REQUIRE(added >= 0, UserError,
                       "the acoustic model in {} has no phone '{}' ({}); use a dictionary made for it",
                       model.string(), phone, take_sphinx_error());
    }
}

Aligner::~Aligner() = default;
Aligner::Aligner(Aligner&&) noexcept = default;

std::optional<Alignment> Aligner::align(std::span<const float> wave16k, std::span<const AlignerWord> words) {
    for (const AlignerWord& word : words) {
        const bool sound = !word.variants.empty() && std::none_of(word.variants.begin(), word.variants.end(),
                                                                  [](const auto& v) { return v.empty(); });
        LINVOX_ASSERT(sound, "align: '{}' has no pronunciation", word.text);
    }
    Alignment out;
    state_->problem = state_->align(wave16k, words, out);
    if (!state_->problem.empty()) return std::nullopt;
    return out;
}

const std::string& Aligner::problem() const { return state_->problem; }

}  // namespace linvox
