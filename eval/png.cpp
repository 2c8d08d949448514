// Formats: PNG (W3C Recommendation, 3rd ed.), zlib (RFC 1950), deflate (RFC 1951).
#include "eval/png.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <queue>
#include <utility>
#include <vector>

#include "src/base/error.h"

namespace linvox {
namespace {

constexpr int kSymbols = 257;  // 256 bytes and the end of the block
constexpr int kLongestCode = 15;

std::uint32_t crc32(std::string_view bytes) {
    std::uint32_t crc = 0xffffffffu;
    for (unsigned char byte : bytes) {
        crc ^= byte;
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

std::uint32_t adler32(std::string_view bytes) {
    std::uint32_t a = 1, b = 0;
    for (unsigned char byte : bytes) {
        a = (a + byte) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

void put_be32(std::string& out, std::uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift & 0xff));
}

void put_chunk(std::string& out, const std::string& type, const std::string& data) {
    put_be32(out, static_cast<std::uint32_t>(data.size()));
    out += type + data;
    put_be32(out, crc32(type + data));
}

/// Code lengths of a Huffman code; too long codes are avoided by flattening the counts.
std::vector<int> code_lengths(std::vector<std::int64_t> counts) {
    using Node = std::pair<std::int64_t, int>;  // count, index
    for (;;) {
        std::vector<int> parent(counts.size(), -1);
        std::priority_queue<Node, std::vector<Node>, std::greater<>> open;
        for (std::size_t i = 0; i < counts.size(); ++i)
            if (counts[i] > 0) open.push({counts[i], static_cast<int>(i)});
        while (open.size() > 1) {
            const Node a = open.top();
            open.pop();
            const Node b = open.top();
            open.pop();
            const int joined = static_cast<int>(parent.size());
            parent.push_back(-1);
            parent[static_cast<std::size_t>(a.second)] = parent[static_cast<std::size_t>(b.second)] = joined;
            open.push({a.first + b.first, joined});
        }
        std::vector<int> lengths(counts.size(), 0);
        for (std::size_t i = 0; i < counts.size(); ++i)
            for (int node = parent[i]; node >= 0; node = parent[static_cast<std::size_t>(node)]) ++lengths[i];
        if (*std::max_element(lengths.begin(), lengths.end()) <= kLongestCode) return lengths;
        for (std::int64_t& count : counts)
            if (count > 0) count = (count + 1) / 2;
    }
}

/// Canonical codes, bit-reversed because deflate sends Huffman codes from their top bit.
std::vector<std::uint32_t> canonical_codes(const std::vector<int>& lengths) {
    std::vector<std::uint32_t> codes(lengths.size(), 0);
    std::uint32_t code = 0;
    for (int length = 1; length <= kLongestCode; ++length, code <<= 1)
        for (std::size_t symbol = 0; symbol < lengths.size(); ++symbol) {
            if (lengths[symbol] != length) continue;
            for (int bit = 0; bit < length; ++bit) codes[symbol] |= (code >> bit & 1) << (length - 1 - bit);
            ++code;
        }
    return codes;
}

class BitWriter {
public:
    void put(std::uint32_t value, int bits) {
        held_ |= static_cast<std::uint64_t>(value) << count_;
        for (count_ += bits; count_ >= 8; count_ -= 8, held_ >>= 8)
            bytes_.push_back(static_cast<char>(held_ & 0xff));
    }
    std::string finish() {
        if (count_ > 0) put(0, 8 - count_);
        return std::move(bytes_);
    }

private:
    std::string bytes_;
    std::uint64_t held_ = 0;
    int count_ = 0;
};

/// One deflate block of literals with its own Huffman code.
std::string huffman_block(std::string_view bytes) {
    std::vector<std::int64_t> counts(kSymbols, 0);
    for (unsigned char byte : bytes) ++counts[byte];
    counts[256] = 1;
    const std::vector<int> lengths = code_lengths(counts);
    const std::vector<std::uint32_t> codes = canonical_codes(lengths);
    BitWriter out;
    out.put(1, 1);   // last block
    out.put(2, 2);   // dynamic codes
    out.put(0, 5);   // 257 literal codes
    out.put(0, 5);   // one distance code, of length 0: none is used
    out.put(15, 4);  // all 19 code-length codes follow
    // In their order 16, 17, 18 come first: unused. The lengths 0 to 15 get plain 4-bit codes.
    for (int i = 0; i < 19; ++i) out.put(i < 3 ? 0 : 4, 3);
    const auto put_length = [&out](std::uint32_t length) {
        for (int bit = 3; bit >= 0; --bit) out.put(length >> bit & 1, 1);
    };
    for (int length : lengths) put_length(static_cast<std::uint32_t>(length));
    put_length(0);
    for (unsigned char byte : bytes) out.put(codes[byte], lengths[byte]);
    out.put(codes[256], lengths[256]);
    return out.finish();
}

/// Each row as its difference to the row above or to the pixel before, whichever is smaller.
std::string filtered_rows(std::span<const std::uint8_t> pixels, std::uint32_t width, std::uint32_t height) {
    std::string out;
    for (std::uint32_t y = 0; y < height; ++y) {
        std::string candidates[2];
        std::int64_t cost[2] = {0, 0};
        for (std::uint32_t x = 0; x < width; ++x) {
            const std::size_t at = std::size_t{y} * width + x;
            const int left = x > 0 ? pixels[at - 1] : 0, up = y > 0 ? pixels[at - width] : 0;
            const int difference[2] = {pixels[at] - left, pixels[at] - up};
            for (int f = 0; f < 2; ++f) {
                candidates[f].push_back(static_cast<char>(difference[f] & 0xff));
                cost[f] += std::abs(difference[f]);
            }
        }
        const int filter = cost[0] <= cost[1] ? 0 : 1;
        out.push_back(static_cast<char>(filter + 1));  // PNG: 1 Sub, 2 Up
        out += candidates[filter];
    }
    return out;
}

}  // namespace

std::string png_image(std::span<const std::uint8_t> pixels, std::uint32_t width, std::uint32_t height,
                      std::span<const Rgb> palette) {
    LINVOX_ASSERT(width > 0 && height > 0 && pixels.size() == std::size_t{width} * height,
                  "{} pixels for {} x {}", pixels.size(), width, height);
    LINVOX_ASSERT(!palette.empty() && palette.size() <= 256 &&
                      *std::max_element(pixels.begin(), pixels.end()) < palette.size(),
                  "pixels outside a palette of {}", palette.size());
    std::string header, colours, data{'\x78', '\x01'};
    put_be32(header, width);
    put_be32(header, height);
    header += {8, 3, 0, 0, 0};  // 8 bits, palette, deflate, adaptive filters, not interlaced
    for (const Rgb& colour : palette)
        for (std::uint8_t part : colour) colours.push_back(static_cast<char>(part));
    const std::string rows = filtered_rows(pixels, width, height);
    data += huffman_block(rows);
    put_be32(data, adler32(rows));
    std::string out = "\x89PNG\r\n\x1a\n";
    put_chunk(out, "IHDR", header);
    put_chunk(out, "PLTE", colours);
    put_chunk(out, "IDAT", data);
    put_chunk(out, "IEND", "");
    return out;
}

}  // namespace linvox
