#include "src/recipe/text_items.h"

#include <nlohmann/json.hpp>

#include "src/base/jsonl.h"

namespace linvox {

namespace {

using nlohmann::json;

json messages_json(const std::vector<ChatMessage>& messages) {
    json list = json::array();
    for (const ChatMessage& turn : messages) {
        list.push_back({{"role", turn.role}, {"content", turn.content}});
        if (!turn.scored) list.back()["scored"] = false;
    }
    return list;
}

std::vector<ChatMessage> messages_of(const json& list) {
    std::vector<ChatMessage> messages;
    for (const json& turn : list)
        messages.push_back({turn.at("role"), turn.at("content"), turn.value("scored", true)});
    return messages;
}

json details_json(const AnswerDetails& details) {
    json spans = json::array();
    for (const LabelledSpan& span : details.spans) spans.push_back({span.begin, span.end, span.label});
    return {{"turns", messages_json(details.turns)}, {"spans", spans}};
}

AnswerDetails details_of(const json& record) {
    AnswerDetails details{messages_of(record.at("turns")), {}};
    for (const json& span : record.at("spans")) details.spans.push_back({span.at(0), span.at(1), span.at(2)});
    return details;
}

}  // namespace

void write_text_items(const std::filesystem::path& path, const std::vector<TextItem>& items) {
    JsonLinesWriter writer(path, JsonLinesWriter::Mode::whole);
    for (const TextItem& item : items) {
        json record = {
            {"id", item.id},         {"split", item.split},       {"prompt", messages_json(item.prompt)},
            {"chosen", item.chosen}, {"rejected", item.rejected}, {"gold", item.gold},
            {"source", item.source}};
        if (item.chosen_details != AnswerDetails{})
            record["chosen_details"] = details_json(item.chosen_details);
        for (const AnswerDetails& details : item.rejected_details)
            record["rejected_details"].push_back(details_json(details));
        writer.write(record);
    }
    writer.close();
}

std::vector<TextItem> read_text_items(const std::filesystem::path& path) {
    std::vector<TextItem> items;
    for_each_json_line(path, [&](const nlohmann::json& record, std::size_t) {
        TextItem item{record.at("id"),   record.at("split"), {}, record.at("chosen"), record.at("rejected"),
                      record.at("gold"), record.at("source")};
        item.prompt = messages_of(record.at("prompt"));
        if (record.contains("chosen_details")) item.chosen_details = details_of(record["chosen_details"]);
        for (const json& details : record.value("rejected_details", json::array()))
            item.rejected_details.push_back(details_of(details));
        items.push_back(std::move(item));
    });
    return items;
}

std::vector<TextItem> with_split(const std::vector<TextItem>& items, const std::string& split) {
    std::vector<TextItem> chosen;
    for (const TextItem& item : items)
        if (item.split == split) chosen.push_back(item);
    return chosen;
}

std::string prompt_text(const std::vector<ChatMessage>& prompt) {
    if (prompt.size() == 1) return prompt.front().content;
    std::string text;
    for (const ChatMessage& turn : prompt)
        text += (text.empty() ? "" : "\n") + turn.role + ": " + turn.content;
    return text;
}

}  // namespace linvox
