#include "src/recipe/text_items.h"

#include <nlohmann/json.hpp>

#include "src/base/jsonl.h"

namespace linvox {

void write_text_items(const std::filesystem::path& path, const std::vector<TextItem>& items) {
    JsonLinesWriter writer(path, JsonLinesWriter::Mode::whole);
    for (const TextItem& item : items) {
        nlohmann::json prompt = nlohmann::json::array();
        for (const ChatMessage& turn : item.prompt)
            prompt.push_back({{"role", turn.role}, {"content", turn.content}});
        writer.write({{"id", item.id},
                      {"split", item.split},
                      {"prompt", prompt},
                      {"chosen", item.chosen},
                      {"rejected", item.rejected},
                      {"gold", item.gold},
                      {"source", item.source}});
    }
    writer.close();
}

std::vector<TextItem> read_text_items(const std::filesystem::path& path) {
    std::vector<TextItem> items;
    for_each_json_line(path, [&](const nlohmann::json& record, std::size_t) {
        TextItem item{record.at("id"),   record.at("split"), {}, record.at("chosen"), record.at("rejected"),
                      record.at("gold"), record.at("source")};
        for (const nlohmann::json& turn : record.at("prompt"))
            item.prompt.push_back({turn.at("role"), turn.at("content")});
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
