#include "src/recipe/text_answers.h"

#include <fmt/format.h>

#include "src/base/error.h"

namespace linvox {
namespace {

const AnswerDetails& rejected_details(const TextItem& item, std::size_t number) {
    static const AnswerDetails kNone;
    return number < item.rejected_details.size() ? item.rejected_details[number] : kNone;
}

void select_in(std::vector<ChatMessage>& turns, const std::vector<ChatMessage>& prompt,
               const TurnSelection& selection) {
    if (turns.empty()) return;
    std::vector<ChatMessage> said = prompt;
    said.insert(said.end(), turns.begin(), turns.end());
    select_turns(said, prompt.size(), selection);
    turns.assign(said.begin() + static_cast<std::ptrdiff_t>(prompt.size()), said.end());
}

}  // namespace

MarkedAnswer marked_answer(const TextEncoder& encoder, const std::vector<ChatMessage>& prompt,
                           const std::string& text, const AnswerDetails& details) {
    if (details.turns.empty())
        return {{encoder.answer_ids(text), {}}, encoder.token_spans(text, details.spans)};
    const auto encode_prompt = [&](std::span<const ChatMessage> said) {
        return encoder.prompt_ids({said.begin(), said.end()});
    };
    const auto encode_answer = [&](const std::string& turn) { return encoder.answer_ids(turn); };
    return {encode_dialogue(encode_prompt, encode_answer, prompt, details.turns), {}};
}

SequenceGroup chosen_group(const TextEncoder& encoder, const TextItem& item) {
    return {item.id,
            encoder.prompt_ids(item.prompt),
            {marked_answer(encoder, item.prompt, item.chosen, item.chosen_details).tokens}};
}

std::vector<SpanPair> item_pairs(const TextEncoder& encoder, const TextItem& item,
                                 const std::vector<std::string>& labels) {
    try {
        const MarkedAnswer chosen = marked_answer(encoder, item.prompt, item.chosen, item.chosen_details);
        std::vector<MarkedAnswer> rejected;
        for (std::size_t i = 0; i < item.rejected.size(); ++i)
            rejected.push_back(
                marked_answer(encoder, item.prompt, item.rejected[i], rejected_details(item, i)));
        return span_pairs(chosen, rejected, labels);
    } catch (const DataError& error) {
        throw DataError(fmt::format("{}: {}", item.source, error.what()));
    }
}

void select_item_turns(TextItem& item, const TurnSelection& selection) {
    try {
        select_in(item.chosen_details.turns, item.prompt, selection);
        for (AnswerDetails& details : item.rejected_details) select_in(details.turns, item.prompt, selection);
    } catch (const DataError& error) {
        throw DataError(fmt::format("{}: {}", item.source, error.what()));
    }
}

}  // namespace linvox
