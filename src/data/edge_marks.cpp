// edge_marks() and without_edge_marks() of preference_texts.h.
#include <array>

#include "src/base/text.h"
#include "src/data/preference_texts.h"

namespace linvox {
namespace {

constexpr std::array kEdgeMarks = {
    "<s>",        "</s>",          "<|im_start|>",      "<|im_end|>", "<|endoftext|>",
    "<bos>",      "<eos>",         "<|begin_of_text|>", "<|eot_id|>", "<|end_of_text|>",
    "<|eom_id|>", "<end_of_turn>", "<start_of_turn>",   "<pad>",      "[EOS]",
    "[BOS]"};

/// The mark that `text` begins (or, at the end, closes) with; "" for none.
std::string mark_at_edge(std::string_view text, bool at_end) {
    for (const std::string_view mark : kEdgeMarks)
        if (at_end ? text.ends_with(mark) : text.starts_with(mark)) return std::string(mark);
    return "";
}

/// Takes marks off both edges; white space between marks goes with them.
std::string strip_marks(std::string text, std::vector<std::string>& found) {
    for (const bool at_end : {false, true})
        for (;;) {
            const std::string inner = trim(text);
            const std::string mark = mark_at_edge(inner, at_end);
            if (mark.empty()) break;
            found.push_back(mark);
            text = trim(at_end ? inner.substr(0, inner.size() - mark.size()) : inner.substr(mark.size()));
        }
    return text;
}

}  // namespace

std::vector<std::string> edge_marks(const std::string& text) {
    std::vector<std::string> found;
    strip_marks(text, found);
    return found;
}

std::string without_edge_marks(const std::string& text) {
    std::vector<std::string> found;
    return strip_marks(text, found);
}

}  // namespace linvox
