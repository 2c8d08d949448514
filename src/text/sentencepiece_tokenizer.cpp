#include "src/text/sentencepiece_tokenizer.h"

#include <fmt/format.h>
#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <mutex>
#include <unordered_map>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/text.h"

namespace linvox {
namespace {

/// The trainer pulls its sentences through this interface.
class Lines final : public sentencepiece::SentenceIterator {
public:
    explicit Lines(const std::vector<std::string>& lines) : lines_(lines) {}
    bool done() const override { return next_ == lines_.size(); }
    void Next() override { ++next_; }
    const std::string& value() const override { return lines_[next_]; }
    sentencepiece::util::Status status() const override { return {}; }

private:
    const std::vector<std::string>& lines_;
    std::size_t next_ = 0;
};

}  // namespace

struct SentencepieceTokenizer::State {
    sentencepiece::SentencePieceProcessor processor;
};

std::string train_sentencepiece(std::span<const std::string> lines, const SentencepieceConfig& config) {
    LINVOX_REQUIRE(config.kind == "unigram" || config.kind == "bpe" || config.kind == "char", UserError,
                   "the kind of pieces '{}' is not one of unigram bpe char", config.kind);
    std::vector<std::string> text;
    for (const std::string& line : lines) {
        if (!trim(line).empty()) text.push_back(line);
    }
    LINVOX_REQUIRE(!text.empty(), DataError, "no text to train pieces on: every line is empty");
    const std::unordered_map<std::string, std::string> options = {
        {"vocab_size", fmt::format("{}", config.vocabulary_size)},
        {"model_type", config.kind},
        {"character_coverage", fmt::format("{}", config.character_coverage)},
        {"hard_vocab_limit", "false"},
        {"num_threads", "1"},
        {"input_sentence_size", "0"},
        {"minloglevel", "2"}};
    // The generator's seed and the log level are global in the library.
    static std::mutex mutex;
    const std::lock_guard lock(mutex);
    std::string model;
    Lines lines_of_text(text);
    const auto status = sentencepiece::SentencePieceTrainer::Train(options, &lines_of_text, &model);
    LINVOX_REQUIRE(status.ok(), DataError, "sentencepiece cannot train on {} lines: {}", text.size(),
                   status.ToString());
    return model;
}

SentencepieceTokenizer::SentencepieceTokenizer(std::unique_ptr<State> state) : state_(std::move(state)) {}
SentencepieceTokenizer::SentencepieceTokenizer(SentencepieceTokenizer&&) noexcept = default;
SentencepieceTokenizer& SentencepieceTokenizer::operator=(SentencepieceTokenizer&&) noexcept = default;
SentencepieceTokenizer::~SentencepieceTokenizer() = default;

SentencepieceTokenizer SentencepieceTokenizer::from_bytes(std::string_view model) {
    auto state = std::make_unique<State>();
    const auto status = state->processor.LoadFromSerializedProto({model.data(), model.size()});
    LINVOX_REQUIRE(status.ok(), DataError, "not a sentencepiece model: {}", status.ToString());
    return SentencepieceTokenizer(std::move(state));
}

SentencepieceTokenizer SentencepieceTokenizer::load(const std::filesystem::path& path) {
    const std::string bytes = read_file(path);
    try {
        return from_bytes(bytes);
    } catch (const DataError& problem) {
        throw DataError(fmt::format("{}: {}", path.string(), problem.what()));
    }
}

std::vector<std::string> SentencepieceTokenizer::pieces(std::string_view text) const {
    return state_->processor.EncodeAsPieces({text.data(), text.size()});
}

std::vector<std::int32_t> SentencepieceTokenizer::ids(std::string_view text) const {
    const std::vector<int> ids = state_->processor.EncodeAsIds({text.data(), text.size()});
    return {ids.begin(), ids.end()};
}

std::string SentencepieceTokenizer::decode(std::span<const std::string> pieces) const {
    return state_->processor.DecodePieces(std::vector<std::string>(pieces.begin(), pieces.end()));
}

std::string SentencepieceTokenizer::decode(std::span<const std::int32_t> ids) const {
    const int size = state_->processor.GetPieceSize();
    for (const std::int32_t id : ids) {
        LINVOX_REQUIRE(id >= 0 && id < size, DataError, "the id {} is outside the {} pieces", id, size);
    }
    return state_->processor.DecodeIds(std::vector<int>(ids.begin(), ids.end()));
}

std::vector<std::string> SentencepieceTokenizer::vocabulary() const {
    std::vector<std::string> out;
    for (int id = 0; id < state_->processor.GetPieceSize(); ++id)
        out.push_back(state_->processor.IdToPiece(id));
    return out;
}

SpecialIds SentencepieceTokenizer::special_ids() const {
    const auto& processor = state_->processor;
    return {.bos = processor.bos_id(),
            .eos = processor.eos_id(),
            .pad = processor.pad_id(),
            .unk = processor.unk_id()};
}

bool SentencepieceTokenizer::is_control(std::int32_t id) const {
    return state_->processor.IsControl(id) || state_->processor.IsUnknown(id);
}

}  // namespace linvox
