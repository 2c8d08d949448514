// A small PNG writer for palette images, so that reports need no image library. Compression is
// Huffman coding of filtered rows (RFC 1951 without back-references): spectrograms hardly repeat.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace linvox {

using Rgb = std::array<std::uint8_t, 3>;

/// The bytes of a PNG file. `pixels` [height, width] are indices into `palette` (1 to 256 colours);
/// BugError on an empty image, a wrong size or an index outside the palette.
std::string png_image(std::span<const std::uint8_t> pixels, std::uint32_t width, std::uint32_t height,
                      std::span<const Rgb> palette);

}  // namespace linvox
