// The ids of a speech model trained from scratch: control tokens, text units, then what may be
// predicted: NEXT, EOS and the codec range. What may be predicted is one contiguous range, so a
// restricted softmax is a slice.
//
//   0 PAD  1 BOS  2 END | units ... | NEXT EOS | codec 0 ... codec K-1
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace linvox {

struct Vocabulary {
    std::vector<std::string> units;  // phones, letters or sentencepiece pieces; unique
    std::int32_t codec_size = 0;     // K
    std::string unit_kind;           // "phones", "letters", "sentencepiece"
    std::string codec_digest;        // CodecInfo::digest of the codes

    static constexpr std::int32_t pad = 0, bos = 1, end = 2, first_unit = 3;
    std::int32_t next() const { return first_unit + static_cast<std::int32_t>(units.size()); }
    std::int32_t eos() const { return next() + 1; }
    std::int32_t codec_start() const { return next() + 2; }
    std::int32_t size() const { return codec_start() + codec_size; }
    /// The id of a code; DataError outside the codec.
    std::int32_t code_id(std::int32_t code) const;
    bool is_code(std::int32_t id) const { return id >= codec_start() && id < size(); }

    /// The id of a unit; DataError naming it when it is not in the list.
    std::int32_t unit_id(const std::string& unit) const;
    /// "AH", "NEXT", "c17": for people.
    std::string token_name(std::int32_t id) const;

    /// JSON; load throws DataError naming what is wrong.
    void save(const std::filesystem::path& path) const;
    static Vocabulary load(const std::filesystem::path& path);
};

}  // namespace linvox
