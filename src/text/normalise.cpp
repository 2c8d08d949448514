#include "src/text/normalise.h"

#include <fmt/format.h>

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/text/english_reader.h"
#include "src/text/stage_directions.h"
#include "src/text/unicode.h"

namespace linvox {

std::string SpokenText::joined() const { return join(words, " "); }

SpokenText spoken_english(std::string_view utf8, const IsWord& is_word) {
    StageDirections taken = take_stage_directions(fold_accents(fold_typography(utf8)));
    SpokenText out;
    out.words = read_english(taken.spoken, is_word);
    out.directions = std::move(taken.directions);
    return out;
}

SpokenText spoken_basic(std::string_view utf8) {
    SpokenText out;
    std::string spoken;
    const std::string folded = fold_typography(utf8);
    for (std::size_t i = 0; i < folded.size(); ++i) {
        const std::size_t end = folded[i] == '<' ? folded.find('>', i) : std::string::npos;
        if (end == std::string::npos) {
            spoken += folded[i];
            continue;
        }
        out.directions.push_back(trim(std::string_view(folded).substr(i + 1, end - i - 1)));
        spoken += ' ';
        i = end;
    }
    out.words = split_words(plain_words(code_points(spoken)));
    return out;
}

SpokenText spoken_words(std::string_view utf8, std::string_view normaliser, const IsWord& is_word) {
    if (normaliser == "english") return spoken_english(utf8, is_word);
    if (normaliser == "basic") return spoken_basic(utf8);
    throw UserError(fmt::format("the text normaliser '{}' is not one of english basic", normaliser));
}

}  // namespace linvox
