#include "src/text/hf_tokenizer.h"

#include <utility>

#include "src/text/byte_letters.h"
#include "src/text/nfc.h"
#include "src/text/utf8.h"

namespace linvox {
namespace {

/// Those looked for in the text as given, or those looked for once it is normalised.
std::vector<AddedToken> select_added(const HfTokenizerFile& file, bool normalized) {
    std::vector<AddedToken> out;
    for (const AddedToken& token : file.added) {
        if (token.normalized != normalized) continue;
        out.push_back(token);
        if (normalized && file.nfc) out.back().text = nfc(token.text);
    }
    return out;
}

}  // namespace

class HfTokenizer::Borrowed {
public:
    explicit Borrowed(const HfTokenizer& owner) : owner_(owner) {
        const std::lock_guard lock(owner_.drawer_lock_);
        if (!owner_.drawer_.empty()) {
            scratch_ = std::move(owner_.drawer_.back());
            owner_.drawer_.pop_back();
        }
    }
    ~Borrowed() {
        const std::lock_guard lock(owner_.drawer_lock_);
        owner_.drawer_.push_back(std::move(scratch_));
    }
    Borrowed(const Borrowed&) = delete;
    Borrowed& operator=(const Borrowed&) = delete;

    Scratch& get() {
        if (!scratch_) scratch_.reset(new Scratch{PreTokenizer::Scratch(owner_.pre_tokenizer_), {}, {}, {}});
        return *scratch_;
    }

private:
    const HfTokenizer& owner_;
    std::unique_ptr<Scratch> scratch_;
};

HfTokenizer::HfTokenizer(HfTokenizerFile file)
    : nfc_(file.nfc),
      before_(std::move(file.before)),
      after_(std::move(file.after)),
      raw_added_(select_added(file, false)),
      normalized_added_(select_added(file, true)),
      has_normalized_added_(!select_added(file, true).empty()),
      pre_tokenizer_(std::move(file.passes)),
      bpe_(std::move(file.bpe)) {
    tokens_ = std::move(file.tokens);
    special_.resize(tokens_.size());
    for (const AddedToken& token : file.added) special_[static_cast<std::size_t>(token.id)] = token.special;
    bytes_.reserve(tokens_.size());
    // An added token goes through the letters as well: that is what the ByteLevel decoder does.
    for (const std::string& token : tokens_) bytes_.push_back(from_byte_letters(token).value_or(token));
}

void HfTokenizer::encode_section(std::string_view text, Scratch& scratch,
                                 std::vector<std::int32_t>& ids) const {
    std::string normalized;
    if (nfc_ && !surely_nfc(text)) text = normalized = nfc(text);
    const auto encode_words = [&](std::string_view part) {
        for (const std::string_view word : pre_tokenizer_.words(part, scratch.matching))
            bpe_.encode(word, scratch.words, ids);
    };
    if (!has_normalized_added_) return encode_words(text);
    scratch.inner.clear();
    normalized_added_.split(text, scratch.inner);
    for (const TextSection& section : scratch.inner) {
        if (section.id >= 0) {
            ids.push_back(section.id);
        } else {
            encode_words(section.text);
        }
    }
}

std::vector<std::int32_t> HfTokenizer::encode(std::string_view text, bool add_special) const {
    std::string repaired;
    if (!is_utf8(text)) text = repaired = repair_utf8(text);
    Borrowed borrowed(*this);
    Scratch& scratch = borrowed.get();
    scratch.sections.clear();
    raw_added_.split(text, scratch.sections);
    std::vector<std::int32_t> ids;
    ids.reserve(text.size() / 3 + 8);
    if (add_special) ids = before_;
    for (const TextSection& section : scratch.sections) {
        if (section.id >= 0) {
            ids.push_back(section.id);
        } else {
            encode_section(section.text, scratch, ids);
        }
    }
    if (add_special) ids.insert(ids.end(), after_.begin(), after_.end());
    return ids;
}

std::string HfTokenizer::decode(std::span<const std::int32_t> ids, bool skip_special) const {
    std::string bytes;
    for (const std::int32_t id : ids) {
        if (!skip_special || !is_special(id)) bytes += bytes_[static_cast<std::size_t>(id)];
    }
    return is_utf8(bytes) ? bytes : repair_utf8(bytes);
}

}  // namespace linvox
