#include "src/model/safetensors.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/rng.h"

namespace linvox {
namespace {

std::filesystem::path test_file(const std::string& name) {
    return std::filesystem::path(testing::TempDir()) / name;
}

std::string with_header(const std::string& header, const std::string& data) {
    std::uint64_t length = header.size();
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &length, 8);
    return bytes + header + data;
}

/// The message of the DataError that loading these bytes gives.
std::string refusal(const std::string& bytes) {
    const auto path = test_file("refused.safetensors");
    std::ofstream(path, std::ios::binary) << bytes;  // no flush to disk: there are hundreds
    try {
        load_safetensors(path);
    } catch (const DataError& error) {
        return error.what();
    }
    return "(loaded)";
}

TEST(Safetensors, RoundTripKeepsEveryDtypeShapeAndMetadata) {
    TensorMap tensors;
    for (const auto type : {at::kDouble, at::kFloat, at::kHalf, at::kBFloat16, at::kLong, at::kInt,
                            at::kShort, at::kChar, at::kByte, at::kBool})
        tensors[std::string("t.") + c10::toString(type)] = at::arange(6).view({2, 3}).to(type);
    tensors["scalar"] = at::ones({});
    tensors["empty"] = at::zeros({0, 4});
    tensors["strided"] = at::arange(6).view({2, 3}).t();
    const auto path = test_file("round.safetensors");
    save_safetensors(path, tensors, {{"format", "pt"}, {"note", "a \"quoted\" one"}});
    const TensorMap back = load_safetensors(path);
    ASSERT_EQ(back.size(), tensors.size());
    for (const auto& [name, tensor] : tensors) {
        EXPECT_EQ(back.at(name).scalar_type(), tensor.scalar_type()) << name;
        EXPECT_EQ(back.at(name).sizes(), tensor.sizes()) << name;
        EXPECT_TRUE(at::equal(back.at(name), tensor)) << name;
    }
    EXPECT_EQ(safetensors_metadata(path).at("note"), "a \"quoted\" one");
    const std::string bytes = read_file(path);
    save_safetensors(path, back, safetensors_metadata(path));
    EXPECT_EQ(read_file(path), bytes);
}

// Written by the reference implementation, safetensors 0.6.2:
//   safetensors.numpy.save({"b": np.array([1.5, -2.0], np.float32), "a": np.array([[7]], np.uint8)})
TEST(Safetensors, ReadsAFileOfTheReferenceImplementation) {
    const std::string header =
        R"({"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"U8","shape":[1,1],"data_offsets":[8,9]}})";
    const std::string data("\0\0\xc0\x3f\0\0\0\xc0\x07", 9);
    const auto path = test_file("reference.safetensors");
    write_file_atomic(path, with_header(header, data));
    const TensorMap tensors = load_safetensors(path);
    EXPECT_EQ(tensors.at("b")[0].item<float>(), 1.5f);
    EXPECT_EQ(tensors.at("b")[1].item<float>(), -2.0f);
    EXPECT_EQ(tensors.at("a").item<int>(), 7);
}

TEST(Safetensors, WritingToALoadedTensorLeavesTheFileAlone) {
    const auto path = test_file("private.safetensors");
    save_safetensors(path, {{"x", at::zeros({4})}});
    const std::string before = read_file(path);
    load_safetensors(path).at("x").fill_(3.0);
    EXPECT_EQ(read_file(path), before);
}

TEST(Safetensors, RefusesDamagedFilesByName) {
    using testing::HasSubstr;
    const std::string good = R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
    const std::string data(8, 'd');
    EXPECT_EQ(refusal(with_header(good, data)), "(loaded)");
    EXPECT_THAT(refusal("abc"), HasSubstr("at least 8 bytes"));
    EXPECT_THAT(refusal(""), HasSubstr("at least 8 bytes"));
    EXPECT_THAT(refusal(std::string(8, '\xff') + "{}"), HasSubstr("truncated or is not safetensors"));
    EXPECT_THAT(refusal(with_header(good, data).substr(0, 30)), HasSubstr("truncated"));
    EXPECT_THAT(refusal(with_header(good, data.substr(1))),
                HasSubstr("need 8 bytes of data, the file has 7"));
    EXPECT_THAT(refusal(with_header(good, data + "z")), HasSubstr("the file has 9"));
    EXPECT_THAT(refusal(with_header("[1]", "")), HasSubstr("must be a JSON object"));
    EXPECT_THAT(refusal(with_header("{\"x\":", "")), HasSubstr("is not JSON"));
    const auto entry = [&](const std::string& fields) {
        return refusal(with_header("{\"x\":" + fields + "}", data));
    };
    EXPECT_THAT(entry(R"({"dtype":"F33","shape":[2],"data_offsets":[0,8]})"),
                HasSubstr("tensor 'x': dtype \"F33\""));
    EXPECT_THAT(entry(R"({"shape":[2],"data_offsets":[0,8]})"), HasSubstr("dtype null"));
    EXPECT_THAT(entry(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"), HasSubstr("holds -2"));
    EXPECT_THAT(entry(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})"), HasSubstr("needs 12 bytes"));
    EXPECT_THAT(entry(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"), HasSubstr("begin <= end"));
    EXPECT_THAT(entry(R"({"dtype":"F32","shape":[2],"data_offsets":[4,12]})"),
                HasSubstr("must start at byte 0"));
    EXPECT_THAT(entry(R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]})"),
                HasSubstr("overflows"));
    EXPECT_THAT(entry("7"), HasSubstr("tensor 'x'"));
    const std::string x = R"("x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
    EXPECT_THAT(refusal(with_header("{" + x + "," + x + "}", data)), HasSubstr("stands twice"));
    EXPECT_THAT(
        refusal(with_header("{" + x + R"(,"y":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})", data)),
        HasSubstr("tensor 'y' must start at byte 4"));
    EXPECT_THROW(load_safetensors(test_file("absent.safetensors")), DataError);
    EXPECT_THROW(load_safetensors(testing::TempDir()), DataError);
}

TEST(Safetensors, SurvivesRandomDamage) {
    const auto path = test_file("fuzz.safetensors");
    save_safetensors(path, {{"a", at::ones({3})}, {"b", at::zeros({2, 2}, at::kLong)}}, {{"k", "v"}});
    const std::string whole = read_file(path);
    Rng rng(1);
    int refused = 0;
    for (int round = 0; round < 400; ++round) {
        std::string bytes = whole;
        for (std::uint64_t i = 0, n = 1 + rng.below(3); i < n; ++i)
            bytes[rng.below(bytes.size())] = static_cast<char>(rng.below(256));
        if (rng.below(4) == 0) bytes.resize(rng.below(bytes.size()));
        refused += refusal(bytes) != "(loaded)";
    }
    EXPECT_GT(refused, 200);
}

TEST(Safetensors, AFolderThatCannotBeWrittenIsAUserError) {
    EXPECT_THROW(save_safetensors("/nonexistent/x.safetensors", {{"x", at::zeros({1})}}), UserError);
}

}  // namespace
}  // namespace linvox
