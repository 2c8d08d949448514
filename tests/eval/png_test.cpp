#include "eval/png.h"

#include <gtest/gtest.h>

#include <vector>

#include "src/base/error.h"
#include "src/base/files.h"

namespace linvox {
namespace {

TEST(Png, IsTheFileThatPillowDecodes) {
    std::vector<std::uint8_t> pixels;
    for (int y = 0; y < 9; ++y)
        for (int x = 0; x < 13; ++x) pixels.push_back(static_cast<std::uint8_t>((x * x + 3 * y * y) % 64));
    std::vector<Rgb> palette;
    for (int i = 0; i < 64; ++i)
        palette.push_back({static_cast<std::uint8_t>(i * 4), static_cast<std::uint8_t>(255 - i),
                           static_cast<std::uint8_t>(i * i % 256)});
    const std::string png = png_image(pixels, 13, 9, palette);
    // This very file was decoded by Pillow 13.0.0: numpy.array(Image.open(f)) equals the pixels, and
    // convert("RGB") the palette.
    EXPECT_EQ(sha256_hex(png), "c8af7b380eae94e9c67b745eb991d8154c8e8a70f4ee360c91896c0e6b2c7c90");
}

TEST(Png, CompressesSmoothRows) {
    std::vector<std::uint8_t> pixels(200 * 100);
    for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i / 200 % 64);
    EXPECT_LT(png_image(pixels, 200, 100, std::vector<Rgb>(64)).size(), pixels.size() / 5);
}

TEST(Png, RefusesWhatIsNoImage) {
    const std::vector<Rgb> palette(2);
    const std::vector<std::uint8_t> pixels{0, 1, 2, 1};
    EXPECT_THROW(png_image(pixels, 2, 2, palette), BugError);  // index 2 of 2 colours
    EXPECT_THROW(png_image(pixels, 3, 2, std::vector<Rgb>(3)), BugError);
    EXPECT_THROW(png_image({}, 0, 0, palette), BugError);
}

}  // namespace
}  // namespace linvox
