#include "eval/media.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "src/base/error.h"
#include "src/base/files.h"

namespace linvox {
namespace {

Wave tone(double hz, double seconds, int rate_hz) {
    Wave wave{std::vector<float>(static_cast<std::size_t>(seconds * rate_hz)), rate_hz};
    for (std::size_t i = 0; i < wave.samples.size(); ++i)
        wave.samples[i] =
            static_cast<float>(0.5 * std::sin(2 * 3.14159265358979 * hz * static_cast<double>(i) / rate_hz));
    return wave;
}

double rms(const std::vector<float>& samples) {
    double sum = 0;
    for (float s : samples) sum += static_cast<double>(s) * s;
    return std::sqrt(sum / static_cast<double>(samples.size()));
}

TEST(Media, AudioSurvivesEncoding) {
    for (int rate : {16000, 22050}) {  // Opus's rates, and one that is not
        const Wave wave = tone(440, 1.5, rate);
        const MediaFile file = encode_audio(wave);
        EXPECT_EQ(file.mime_type, mime_type_of(file.extension));
        EXPECT_LT(file.bytes.size(), wave.samples.size());  // smaller than 8 bits a sample
        const auto path = std::filesystem::path(testing::TempDir()) / ("media" + file.extension);
        std::ofstream(path, std::ios::binary) << file.bytes;
        const Wave back = read_wave(path, rate);
        EXPECT_NEAR(back.duration_s(), 1.5, 0.03);
        EXPECT_NEAR(rms(back.samples), rms(wave.samples), 0.1 * rms(wave.samples));
    }
    EXPECT_THROW(encode_audio(Wave{{}, 16000}), DataError);
}

TEST(Media, Base64) {  // the vectors of RFC 4648, section 10
    EXPECT_EQ(base64(""), "");
    EXPECT_EQ(base64("f"), "Zg==");
    EXPECT_EQ(base64("fo"), "Zm8=");
    EXPECT_EQ(base64("foo"), "Zm9v");
    EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
    EXPECT_EQ(base64("\xff\xfe\xfd"), "//79");
    EXPECT_EQ(data_uri("image/png", "foo"), "data:image/png;base64,Zm9v");
}

TEST(Media, MelPictureShowsATone) {
    const MelPicture picture = mel_picture(tone(1000, 1, 16000));
    ASSERT_EQ(picture.bands, 80u);
    EXPECT_NEAR(static_cast<double>(picture.frames), 101, 1);
    const float* middle = &picture.db[50 * picture.bands];
    const auto loudest = std::max_element(middle, middle + picture.bands) - middle;
    // HTK mel of 1000 Hz is 1000 of 2840 at 8 kHz: band 1000 / (2840 / 81) - 1 = 27.5.
    EXPECT_NEAR(static_cast<double>(loudest), 27.5, 1);
    EXPECT_EQ(picture.peak_db(), *std::max_element(picture.db.begin(), picture.db.end()));
    const std::string png = mel_png(picture, picture.peak_db());
    EXPECT_EQ(png.substr(1, 3), "PNG");
    EXPECT_NE(png, mel_png(picture, picture.peak_db() + 20));  // the scale is the caller's, not the picture's
}

TEST(Media, TooShortForOneFrameIsStillAPicture) {
    EXPECT_GE(mel_picture(tone(500, 0.005, 16000)).frames, 1u);
}

}  // namespace
}  // namespace linvox
