#include "src/text/lexicon.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/text.h"

namespace linvox {
namespace {

std::filesystem::path file(const std::string& name, const std::string& text) {
    const auto path = std::filesystem::path(testing::TempDir()) / name;
    write_file_atomic(path, text);
    return path;
}

// "a(2)" does not follow "a", as in the CMU dictionary.
const char* kDictionary =
    "a AH\na's EY Z\na(2) EY\na. EY\nb. B IY\nc. S IY\ncat K AE T\ndog D AO G\r\nface F EY S\nhold HH OW L "
    "D\n"
    "mute M Y UW T\ntouch T AH CH\ntone T OW N\nuse Y UW Z\n";

std::string first(const Lexicon& lexicon, const std::string& word) {
    const Pronunciation found = lexicon.pronounce(word);
    return found.variants.empty() ? "-" : join(found.variants[0], " ");
}

TEST(Lexicon, ReadsVariants) {
    const Lexicon lexicon = Lexicon::load(file("plain.dict", kDictionary));
    EXPECT_TRUE(lexicon.contains("cat"));
    EXPECT_FALSE(lexicon.contains("cats"));
    EXPECT_FALSE(lexicon.contains("a(2)"));
    const Pronunciation a = lexicon.pronounce("a");
    EXPECT_EQ(a.source, PronunciationSource::dictionary);
    EXPECT_EQ(a.variants, (std::vector<Phones>{{"AH"}, {"EY"}}));
    EXPECT_EQ(first(lexicon, "dog"), "D AO G");
    EXPECT_EQ(lexicon.phone_set().size(), 21u);
    EXPECT_EQ(lexicon.phone_set().front(), "AE");
}

TEST(Lexicon, DerivesFormsOfKnownWords) {
    const Lexicon lexicon = Lexicon::load(file("derive.dict", kDictionary));
    EXPECT_EQ(first(lexicon, "cats"), "K AE T S");
    EXPECT_EQ(first(lexicon, "dog's"), "D AO G Z");
    EXPECT_EQ(first(lexicon, "faces"), "F EY S IH Z");
    EXPECT_EQ(first(lexicon, "muted"), "M Y UW T IH D");
    EXPECT_EQ(first(lexicon, "used"), "Y UW Z D");
    EXPECT_EQ(first(lexicon, "touched"), "T AH CH T");
    EXPECT_EQ(first(lexicon, "holding"), "HH OW L D IH NG");
    EXPECT_EQ(first(lexicon, "using"), "Y UW Z IH NG");
    EXPECT_EQ(first(lexicon, "unmuted"), "AH N M Y UW T IH D");
    EXPECT_EQ(first(lexicon, "reuse"), "R IY Y UW Z");
    EXPECT_EQ(first(lexicon, "touchtone"), "T AH CH T OW N");
    EXPECT_EQ(lexicon.pronounce("touchtone").source, PronunciationSource::derived);
}

TEST(Lexicon, SpellsOtherWords) {
    const Lexicon lexicon = Lexicon::load(file("spell.dict", kDictionary));
    const Pronunciation cab = lexicon.pronounce("cab");
    EXPECT_EQ(cab.source, PronunciationSource::letters);
    EXPECT_EQ(cab.variants, (std::vector<Phones>{{"S", "IY", "EY", "B", "IY"}}));
    EXPECT_EQ(lexicon.pronounce("zzz").source, PronunciationSource::missing);
    EXPECT_EQ(lexicon.pronounce("").source, PronunciationSource::missing);
    EXPECT_EQ(join(lexicon.phones_of(std::vector<std::string>{"a", "cat"}), " "), "AH K AE T");
    EXPECT_THROW(lexicon.phones_of(std::vector<std::string>{"cat", "zzz"}), DataError);
}

TEST(Lexicon, UserFileReplacesWords) {
    const auto user = file("user.dict", "# names\n\ncat K EY T\nzap S AE B\nzap(2) S AH B\n");
    const Lexicon lexicon = Lexicon::load(file("base.dict", kDictionary), user);
    EXPECT_EQ(lexicon.pronounce("cat").variants, (std::vector<Phones>{{"K", "EY", "T"}}));
    EXPECT_EQ(lexicon.pronounce("zap").variants.size(), 2u);
    EXPECT_NE(lexicon.digest(), Lexicon::load(file("base.dict", kDictionary)).digest());
}

TEST(Lexicon, PreferredVariantComesFirst) {
    Lexicon lexicon = Lexicon::load(file("prefer.dict", kDictionary));
    lexicon.prefer("a", {"EY"});
    lexicon.prefer("cat", {"D", "AO", "G"});  // no variant of it
    EXPECT_EQ(first(lexicon, "a"), "EY");
    EXPECT_EQ(lexicon.pronounce("a").variants.size(), 2u);
    EXPECT_EQ(first(lexicon, "cat"), "K AE T");
}

TEST(Lexicon, NamesWhatIsWrongInAFile) {
    const auto base = file("good.dict", kDictionary);
    EXPECT_THROW(Lexicon::load("/nowhere/x.dict"), DataError);
    EXPECT_THROW(Lexicon::load(file("empty.dict", "\n")), DataError);
    try {
        Lexicon::load(base, file("wrong.dict", "cat K AE T\nzap Z AE P\n"));
        FAIL();
    } catch (const DataError& error) {
        EXPECT_NE(std::string(error.what()).find("wrong.dict:2: the phone 'P' of 'zap'"), std::string::npos)
            << error.what();
    }
    try {
        Lexicon::load(file("lonely.dict", "cat K AE T\nword\n"));
        FAIL();
    } catch (const DataError& error) {
        EXPECT_NE(std::string(error.what()).find("lonely.dict:2:"), std::string::npos) << error.what();
    }
}

}  // namespace
}  // namespace linvox
