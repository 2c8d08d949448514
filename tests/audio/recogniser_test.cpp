#include "audio/recogniser.h"

#include <gtest/gtest.h>

#include "audio/wav.h"
#include "src/base/error.h"
#include "src/base/files.h"

namespace linvox {
namespace {

const std::filesystem::path kTemporary = testing::TempDir();

std::vector<float> clip(const std::string& id) {
    return read_wave(LINVOX_SOURCE_DIR "/samples/prompts-en/audio/" + id + ".opus", 16000).samples;
}

RecogniserConfig small_config() {
    RecogniserConfig config;
    config.acoustic_model = default_acoustic_model();
    config.dictionary = kTemporary / "recogniser.dict";
    config.language_model = kTemporary / "recogniser.arpa";
    write_file_atomic(config.dictionary,
                      "are AA R\nare(2) ER\nconference K AA N F ER AH N S\nis IH Z\nlocked L AA K T\n"
                      "muted M Y UW T IH D\nnow N AW\nthis DH IH S\nyou Y UW\n");
    std::string words;
    for (const char* word : {"</s>", "are", "conference", "is", "locked", "muted", "now", "this", "you"}) {
        words += std::string("-0.954\t") + word + "\n";
    }
    write_file_atomic(config.language_model,
                      "\\data\\\nngram 1=10\n\n\\1-grams:\n-99\t<s>\n" + words + "\n\\end\\\n");
    return config;
}

TEST(Recogniser, HearsRecordings) {
    Recogniser recogniser(small_config());
    EXPECT_EQ(recogniser.transcribe(clip("conf-muted")), "you are now muted");
    EXPECT_EQ(recogniser.transcribe(clip("conf-locked")), "this conference is locked");
}

// Neither the mean of earlier cepstra nor a noise estimate may leak into the next transcript.
TEST(Recogniser, TranscriptsDoNotDependOnOrder) {
    const std::vector<std::string> ids = {"conf-muted", "conf-unlockednow", "silence_1", "conf-locked",
                                          "conf-hasleft"};
    Recogniser recogniser(small_config());
    std::vector<std::string> forwards, backwards;
    for (const auto& id : ids) forwards.push_back(recogniser.transcribe(clip(id)));
    for (auto id = ids.rbegin(); id != ids.rend(); ++id)
        backwards.insert(backwards.begin(), recogniser.transcribe(clip(*id)));
    EXPECT_EQ(forwards, backwards);
}

TEST(Recogniser, NothingToHear) {
    Recogniser recogniser(small_config());
    EXPECT_EQ(recogniser.transcribe({}), "");
    EXPECT_EQ(recogniser.transcribe(std::vector<float>(800, 0.1f)), "");
    EXPECT_EQ(recogniser.transcribe(std::vector<float>(16000, 0.0f)), "");
}

TEST(Recogniser, MissingFilesAreNamed) {
    RecogniserConfig config = small_config();
    config.language_model = kTemporary / "missing.arpa";
    EXPECT_THROW(Recogniser{config}, UserError);
    config = small_config();
    config.acoustic_model = kTemporary / "missing-model";
    try {
        Recogniser recogniser(config);
        FAIL();
    } catch (const UserError& error) {
        EXPECT_NE(std::string(error.what()).find("missing-model"), std::string::npos) << error.what();
    }
}

TEST(Recogniser, DamagedLanguageModelIsRefused) {
    RecogniserConfig config = small_config();
    write_file_atomic(config.language_model, "not a model\n");
    EXPECT_THROW(Recogniser{config}, UserError);
}

}  // namespace
}  // namespace linvox
