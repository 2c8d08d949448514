#include "src/text/normalise.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "src/base/error.h"
#include "src/base/jsonl.h"
#include "src/base/text.h"
#include "src/text/lexicon.h"

namespace linvox {
namespace {

const std::set<std::string, std::less<>> kKnown = {"sip", "usb", "o'clock", "'til", "deactivated", "us"};

std::string english(std::string_view text) {
    return spoken_english(text, [](std::string_view word) { return kKnown.count(word) > 0; }).joined();
}

TEST(SpokenEnglish, CaseAndPunctuation) {
    EXPECT_EQ(english("Hello, world!  It's \"fine\"; isn't it?"), "hello world it's fine isn't it");
    EXPECT_EQ(english("...to exit the menu..."), "to exit the menu");
    EXPECT_EQ(english("\xE2\x80\x9CIt\xE2\x80\x99s late\xE2\x80\x9D \xE2\x80\x94 go"), "it's late go");
    EXPECT_EQ(english("'til five o'clock"), "'til five o'clock");
    EXPECT_EQ(english("caf\xC3\xA9 na\xC3\xAFve"), "cafe naive");
    EXPECT_EQ(english("the boys' 'quoted' words"), "the boys quoted words");
    EXPECT_EQ(english(""), "");
    EXPECT_EQ(english(" ... -- "), "");
}

TEST(SpokenEnglish, AcronymsAndLetters) {
    EXPECT_EQ(english("MGCP"), "m. g. c. p.");
    EXPECT_EQ(english("M I S D N"), "m. i. s. d. n.");
    EXPECT_EQ(english("SIP and USB"), "sip and usb");
    EXPECT_EQ(english("PBX's PBXs"), "p. b. x.'s p. b. x.s");
    EXPECT_EQ(english("A.M."), "a. m.");
    EXPECT_EQ(english("at 9 P.M. sharp"), "at nine p. m. sharp");
    EXPECT_EQ(english("the U.S. of A"), "the u. s. of a");
    EXPECT_EQ(english("a"), "a.");
    EXPECT_EQ(english("I"), "i.");
    EXPECT_EQ(english("I have a key for Q."), "i have a key for q.");
    EXPECT_EQ(english("H.323"), "h. three two three");
    EXPECT_EQ(english("3D MP3 IAX2"), "three d. m. p. three i. a. x. two");
    EXPECT_EQ(english("LOUDER"), "louder");
}

TEST(SpokenEnglish, WithoutADictionaryOnlyVowellessCapitalsAreSpelled) {
    EXPECT_EQ(spoken_english("PBX IAX").joined(), "p. b. x. iax");
}

TEST(SpokenEnglish, HyphensSymbolsAddresses) {
    EXPECT_EQ(english("De-activated"), "deactivated");
    EXPECT_EQ(english("re-enter"), "reenter");
    EXPECT_EQ(english("Call-Forward"), "call forward");
    EXPECT_EQ(english("non-administrator users"), "non administrator users");
    EXPECT_EQ(english("press * or # & go"), "press star or pound and go");
    EXPECT_EQ(english("and/or"), "and or");
    EXPECT_EQ(english("visit www.asterisk.org."), "visit w. w. w. dot asterisk dot org");
    EXPECT_EQ(english("mail me@home.net"), "mail me at home dot net");
    EXPECT_EQ(english("R&D"), "r. and d.");
}

TEST(SpokenEnglish, AbbreviationsAndNumbers) {
    EXPECT_EQ(english("Dr. Smith vs. Mr. Jones"), "doctor smith versus mister jones");
    EXPECT_EQ(english("e.g. this, etc."), "for example this et cetera");
    EXPECT_EQ(english("tell us"), "tell us");
    EXPECT_EQ(english("Press 1, or 2."), "press one or two");
    EXPECT_EQ(english("$5 million at 10:30."), "five million dollars at ten thirty");
    EXPECT_EQ(english("The 21st of 100%"), "the twenty first of one hundred percent");
    EXPECT_EQ(english("dial 555-1234"), "dial five five five one two three four");
}

TEST(SpokenEnglish, DirectionsAreKept) {
    const SpokenText text = spoken_english("(2 seconds of silence)");
    EXPECT_FALSE(text.is_speech());
    EXPECT_EQ(text.directions, (std::vector<std::string>{"2 seconds of silence"}));
}

TEST(SpokenBasic, AnyLanguage) {
    EXPECT_EQ(spoken_basic("\xC3\x84rger, na und?").joined(), "\xC3\xA4rger na und");
    EXPECT_EQ(spoken_basic("l'\xC3\x89t\xC3\xA9 <beep>").joined(), "l'\xC3\xA9t\xC3\xA9");
    EXPECT_EQ(spoken_basic("\xE4\xBD\xA0\xE5\xA5\xBD\xEF\xBC\x8Cok").joined(),
              "\xE4\xBD\xA0 \xE5\xA5\xBD ok");
    EXPECT_EQ(spoken_basic("a < b").joined(), "a b");
}

TEST(SpokenWords, RefusesOtherNames) {
    EXPECT_EQ(spoken_words("A b", "basic").joined(), "a b");
    EXPECT_THROW(spoken_words("a", "klingon"), UserError);
}

TEST(SpokenEnglish, InvalidUtf8IsRefused) { EXPECT_THROW(spoken_english("a\xFF"), DataError); }

// The whole sample: what is not speech is found, and every word can be pronounced without spelling it.
TEST(SpokenEnglish, SamplePrompts) {
    const std::string folder = LINVOX_SOURCE_DIR "/samples/prompts-en/";
    const Lexicon lexicon =
        Lexicon::load("/usr/share/pocketsphinx/model/en-us/cmudict-en-us.dict", folder + "lexicon.dict");
    std::set<std::string> silent;
    for_each_json_line(folder + "manifest.jsonl", [&](const nlohmann::json& row, std::size_t) {
        const std::string id = row.at("id");
        const SpokenText text = spoken_english(row.at("text").get<std::string>(),
                                               [&](std::string_view word) { return lexicon.contains(word); });
        if (!text.is_speech()) silent.insert(id);
        for (const std::string& word : text.words) {
            const auto source = lexicon.pronounce(word).source;
            EXPECT_TRUE(source == PronunciationSource::dictionary || source == PronunciationSource::derived)
                << id << ": " << word;
        }
    });
    std::set<std::string> expected = {"confbridge-join", "confbridge-leave"};
    for (int seconds = 1; seconds <= 10; ++seconds) expected.insert("silence_" + std::to_string(seconds));
    EXPECT_EQ(silent, expected);
}

}  // namespace
}  // namespace linvox
