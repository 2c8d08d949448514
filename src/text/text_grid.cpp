// Praat TextGrid: the long and the short text form hold the same values in the same order; the long
// form only adds names ("xmin = 0.5") around them. So the reader keeps numbers, quoted strings and
// flags, and skips every other word.
#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/text/alignment.h"

namespace linvox {

namespace {

struct Interval {
    double start_s = 0, end_s = 0;
    std::string label;
};

struct Tier {
    std::string name;
    std::vector<Interval> intervals;
};

class GridReader {
public:
    explicit GridReader(const std::filesystem::path& path) : path_(path.string()), text_(read_file(path)) {
        if (text_.starts_with("\xFE\xFF") || text_.starts_with("\xFF\xFE")) {
            fail("is UTF-16; save it as UTF-8 in Praat's text-file preferences");
        }
    }

    std::vector<Tier> read() {
        if (string() != "ooTextFile" || string() != "TextGrid") fail("is not a TextGrid text file");
        number();
        number();  // the whole recording
        if (!skip_to("<exists>")) return {};
        std::vector<Tier> tiers(count());
        for (Tier& tier : tiers) {
            const std::string kind = string();
            tier.name = string();
            number();
            number();
            tier.intervals.resize(count());
            const bool points = kind == "TextTier";
            for (Interval& interval : tier.intervals) {
                interval.start_s = number();
                interval.end_s = points ? interval.start_s : number();
                interval.label = string();
            }
        }
        return tiers;
    }

private:
    [[noreturn]] void fail(const std::string& why) const {
        throw DataError(fmt::format("{}: {}", path_, why));
    }

    /// The next word outside quotes; a quoted string comes with its opening quote.
    std::optional<std::string> next() {
        while (at_ < text_.size() && std::string_view(" \t\r\n=:").find(text_[at_]) != std::string_view::npos)
            ++at_;
        if (at_ == text_.size()) return std::nullopt;
        if (text_[at_] == '"') return quoted();
        const std::size_t begin = at_;
        while (at_ < text_.size() && std::string_view(" \t\r\n=:").find(text_[at_]) == std::string_view::npos)
            ++at_;
        return text_.substr(begin, at_ - begin);
    }

    std::string quoted() {
        std::string out = "\"";
        for (++at_; at_ < text_.size(); ++at_) {
            if (text_[at_] != '"') {
                out += text_[at_];
            } else if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
                out += text_[at_++];  // a doubled quote is one quote
            } else {
                ++at_;
                return out;
            }
        }
        fail("ends inside a quoted text");
    }

    std::string string() {
        while (const auto word = next()) {
            if (word->front() == '"') return word->substr(1);
        }
        fail("ends where a text must stand; the file is cut short");
    }

    double number() {
        while (const auto word = next()) {
            double value = 0;
            const auto [end, error] = std::from_chars(word->data(), word->data() + word->size(), value);
            if (error == std::errc() && end == word->data() + word->size()) return value;
            if (word->front() == '"') fail(fmt::format("the text {}\" stands where a number must", *word));
        }
        fail("ends where a number must stand; the file is cut short");
    }

    std::size_t count() {
        const double value = number();
        // One interval takes more than ten bytes, so a larger count is damage, not data.
        if (value < 0 || value > static_cast<double>(text_.size()))
            fail(fmt::format("announces {} entries", value));
        return static_cast<std::size_t>(value);
    }

    bool skip_to(std::string_view flag) {
        while (const auto word = next()) {
            if (*word == flag) return true;
        }
        return false;
    }

    std::string path_, text_;
    std::size_t at_ = 0;
};

bool is_pause(const std::string& label) {
    return label.empty() || label == "sil" || label == "sp" || label == "SIL" || label == "<eps>";
}

/// "AH0" -> "AH".
std::string without_stress(std::string label) {
    if (label.size() > 1 && label.back() >= '0' && label.back() <= '2' && label[0] >= 'A' &&
        label[0] <= 'Z') {
        label.pop_back();
    }
    return label;
}

}  // namespace

std::vector<TimedUnit> read_text_grid(const std::filesystem::path& path, const std::string& tier) {
    const std::vector<Tier> tiers = GridReader(path).read();
    const auto find = [&](const std::string& name) -> const Tier* {
        for (const Tier& candidate : tiers) {
            if (candidate.name == name) return &candidate;
        }
        return nullptr;
    };
    const Tier* phones = find(tier);
    LINVOX_REQUIRE(phones != nullptr, DataError, "{}: there is no tier called '{}' among its {}",
                   path.string(), tier, tiers.size());
    std::vector<Interval> words;
    if (const Tier* found = find("words")) {
        for (const Interval& word : found->intervals) {
            if (!is_pause(word.label)) words.push_back(word);
        }
    }
    std::vector<TimedUnit> units;
    for (const Interval& interval : phones->intervals) {
        LINVOX_REQUIRE(interval.end_s > interval.start_s, DataError, "{}: '{}' runs from {} s to {} s",
                       path.string(), interval.label, interval.start_s, interval.end_s);
        TimedUnit unit{is_pause(interval.label) ? kSilenceUnit : without_stress(interval.label),
                       interval.start_s, interval.end_s, -1};
        const double middle = (interval.start_s + interval.end_s) / 2;
        for (std::size_t w = 0; w < words.size() && unit.unit != kSilenceUnit; ++w) {
            if (middle >= words[w].start_s && middle < words[w].end_s)
                unit.word = static_cast<std::int32_t>(w);
        }
        units.push_back(std::move(unit));
    }
    return units;
}

}  // namespace linvox
