#include "src/model/safetensors.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <tuple>
#include <vector>

#include "src/base/error.h"
#include "src/base/files.h"

namespace linvox {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors holds little-endian numbers");

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kLongestHeader = 100'000'000;  // the limit of the format's reference reader

struct Dtype {
    const char* name;
    at::ScalarType type;
};
constexpr std::array kDtypes = {Dtype{"F64", at::kDouble}, Dtype{"F32", at::kFloat},
                                Dtype{"F16", at::kHalf},   Dtype{"BF16", at::kBFloat16},
                                Dtype{"I64", at::kLong},   Dtype{"I32", at::kInt},
                                Dtype{"I16", at::kShort},  Dtype{"I8", at::kChar},
                                Dtype{"U8", at::kByte},    Dtype{"BOOL", at::kBool}};

/// A private mapping of a whole file.
struct Mapping {
    char* bytes = nullptr;
    std::uint64_t size = 0;
    Mapping() = default;
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping() {
        if (bytes) munmap(bytes, size);
    }
};

std::shared_ptr<Mapping> map_file(const std::filesystem::path& path) {
    const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    LINVOX_REQUIRE(descriptor >= 0, DataError, "{}: cannot be opened: {}", path.string(),
                   std::strerror(errno));
    struct stat status {};
    const bool regular = fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
    auto mapping = std::make_shared<Mapping>();
    void* bytes = MAP_FAILED;
    if (regular && status.st_size > 0) {
        mapping->size = static_cast<std::uint64_t>(status.st_size);
        bytes = mmap(nullptr, mapping->size, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor, 0);
    }
    const int reason = errno;
    close(descriptor);
    LINVOX_REQUIRE(regular, DataError, "{}: is not a regular file", path.string());
    LINVOX_REQUIRE(mapping->size >= kLengthBytes, DataError,
                   "{}: a safetensors file has at least 8 bytes, this one has {}; copy it again",
                   path.string(), mapping->size);
    LINVOX_REQUIRE(bytes != MAP_FAILED, DataError, "{}: cannot be mapped: {}", path.string(),
                   std::strerror(reason));
    mapping->bytes = static_cast<char*>(bytes);
    return mapping;
}

struct Header {
    nlohmann::json document;
    std::uint64_t data_begin = 0;  // offset of the first tensor byte in the file
};

nlohmann::json parse_header(const std::string& where, std::string_view text) {
    std::set<std::string> names;
    const auto refuse_repeats = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
        if (event == nlohmann::json::parse_event_t::key && depth == 1)
            LINVOX_REQUIRE(names.insert(parsed.get<std::string>()).second, DataError,
                           "{}: tensor '{}' stands twice in the header", where, parsed.get<std::string>());
        return true;
    };
    try {
        return nlohmann::json::parse(text.begin(), text.end(), refuse_repeats);
    } catch (const nlohmann::json::exception& failure) {
        throw DataError(
            fmt::format("{}: the header is not JSON ({}); the file is damaged or is not safetensors", where,
                        failure.what()));
    }
}

Header read_header(const std::string& where, const Mapping& file) {
    std::uint64_t length = 0;
    std::memcpy(&length, file.bytes, kLengthBytes);
    LINVOX_REQUIRE(length <= kLongestHeader && length <= file.size - kLengthBytes, DataError,
                   "{}: the header claims {} bytes, the file has {} after its first 8; it is truncated or is "
                   "not safetensors",
                   where, length, file.size - kLengthBytes);
    Header header{parse_header(where, {file.bytes + kLengthBytes, length}), kLengthBytes + length};
    LINVOX_REQUIRE(header.document.is_object(), DataError, "{}: the header must be a JSON object", where);
    return header;
}

/// One tensor's entry of the header, checked against dtype and shape but not yet against the file.
struct Entry {
    std::string name;
    at::ScalarType dtype = at::kFloat;
    std::vector<std::int64_t> shape;
    std::uint64_t begin = 0, end = 0;  // relative to Header::data_begin
};

std::vector<std::uint64_t> read_numbers(const std::string& where, const nlohmann::json& entry,
                                        const char* key) {
    LINVOX_REQUIRE(entry.is_object() && entry.contains(key) && entry[key].is_array(), DataError,
                   "{}: \"{}\" must be a list of numbers", where, key);
    std::vector<std::uint64_t> numbers;
    for (const auto& number : entry[key]) {
        LINVOX_REQUIRE(number.is_number_unsigned() &&
                           number.get<std::uint64_t>() <=
                               static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()),
                       DataError, "{}: \"{}\" holds {}, not a whole number of at least 0", where, key,
                       number.dump());
        numbers.push_back(number.get<std::uint64_t>());
    }
    return numbers;
}

at::ScalarType read_dtype(const std::string& where, const nlohmann::json& entry) {
    const auto name = entry.is_object() ? entry.value("dtype", nlohmann::json()) : nlohmann::json();
    for (const Dtype& dtype : kDtypes)
        if (name == dtype.name) return dtype.type;
    throw DataError(fmt::format("{}: dtype {} is not one of F64 F32 F16 BF16 I64 I32 I16 I8 U8 BOOL", where,
                                name.dump()));
}

/// Element count times element size; DataError when it does not fit 63 bits.
std::uint64_t byte_count(const std::string& where, const std::vector<std::uint64_t>& shape,
                         std::uint64_t element_size) {
    constexpr auto limit = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    std::uint64_t bytes = element_size;
    for (const std::uint64_t extent : shape) {
        LINVOX_REQUIRE(extent == 0 || bytes <= limit / extent, DataError, "{}: its shape overflows", where);
        bytes *= extent;
    }
    return bytes;
}

Entry read_entry(const std::string& file, const std::string& name, const nlohmann::json& document) {
    const std::string where = fmt::format("{}: tensor '{}'", file, name);
    Entry entry;
    entry.name = name;
    entry.dtype = read_dtype(where, document);
    const auto shape = read_numbers(where, document, "shape");
    LINVOX_REQUIRE(shape.size() <= 64, DataError, "{}: has {} dimensions, at most 64 are possible", where,
                   shape.size());
    entry.shape.assign(shape.begin(), shape.end());
    const auto offsets = read_numbers(where, document, "data_offsets");
    LINVOX_REQUIRE(offsets.size() == 2 && offsets[0] <= offsets[1], DataError,
                   "{}: \"data_offsets\" must be [begin, end] with begin <= end", where);
    entry.begin = offsets[0];
    entry.end = offsets[1];
    const std::uint64_t bytes = byte_count(where, shape, c10::elementSize(entry.dtype));
    LINVOX_REQUIRE(bytes == entry.end - entry.begin, DataError,
                   "{}: its shape [{}] needs {} bytes, its offsets hold {}", where, fmt::join(shape, ", "),
                   bytes, entry.end - entry.begin);
    return entry;
}

/// The entries in file order; together they must cover the data exactly once.
std::vector<Entry> read_entries(const std::string& file, const Header& header, std::uint64_t file_size) {
    std::vector<Entry> entries;
    for (const auto& [name, document] : header.document.items())
        if (name != "__metadata__") entries.push_back(read_entry(file, name, document));
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
        return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
    });
    std::uint64_t end = 0;
    for (const Entry& entry : entries) {
        LINVOX_REQUIRE(entry.begin == end, DataError,
                       "{}: tensor '{}' must start at byte {} of the data, where the one before it ends; it "
                       "starts at {}",
                       file, entry.name, end, entry.begin);
        end = entry.end;
    }
    const std::uint64_t data = file_size - header.data_begin;
    LINVOX_REQUIRE(end == data, DataError,
                   "{}: the tensors need {} bytes of data, the file has {}; copy it again", file, end, data);
    return entries;
}

at::Tensor view_entry(const std::shared_ptr<Mapping>& mapping, char* data, const Entry& entry) {
    const auto options = at::TensorOptions().dtype(entry.dtype);
    if (entry.begin == entry.end) return at::empty(entry.shape, options);
    char* bytes = data + entry.begin;
    if (reinterpret_cast<std::uintptr_t>(bytes) % c10::elementSize(entry.dtype) != 0) {
        at::Tensor copy = at::empty(entry.shape, options);
        std::memcpy(copy.mutable_data_ptr(), bytes, entry.end - entry.begin);
        return copy;
    }
    return at::from_blob(
        bytes, entry.shape, [mapping](void*) {}, options);
}

// ---- writing

const char* dtype_name(const std::string& file, const std::string& tensor, at::ScalarType type) {
    for (const Dtype& dtype : kDtypes)
        if (dtype.type == type) return dtype.name;
    throw BugError(fmt::format("{}: tensor '{}' has a dtype that safetensors files of ours do not hold ({})",
                               file, tensor, c10::toString(type)));
}

/// What is written, in file order. Values of a wider or narrower dtype are cast as they are written.
struct OutputTensor {
    std::string name;
    at::Tensor values;
    at::ScalarType dtype;
    std::uint64_t bytes() const {
        return static_cast<std::uint64_t>(values.numel()) * c10::elementSize(dtype);
    }
};

std::vector<OutputTensor> aligned_order(const TensorMap& tensors) {
    std::vector<OutputTensor> order;
    for (const auto& [name, tensor] : tensors) {
        LINVOX_ASSERT(tensor.defined(), "tensor '{}' is undefined", name);
        order.push_back({name, tensor, tensor.scalar_type()});
    }
    std::stable_sort(order.begin(), order.end(), [](const OutputTensor& a, const OutputTensor& b) {
        return c10::elementSize(a.dtype) > c10::elementSize(b.dtype);
    });
    return order;
}

std::string header_text(const std::string& file, const std::vector<OutputTensor>& order,
                        const nlohmann::json& metadata) {
    nlohmann::ordered_json header = nlohmann::ordered_json::object();
    if (!metadata.empty()) header["__metadata__"] = metadata;
    std::uint64_t begin = 0;
    for (const OutputTensor& out : order) {
        LINVOX_ASSERT(out.name != "__metadata__", "a tensor cannot be named __metadata__");
        const std::uint64_t end = begin + out.bytes();
        auto& entry = header[out.name];
        entry["dtype"] = dtype_name(file, out.name, out.dtype);
        entry["shape"] = out.values.sizes().vec();
        entry["data_offsets"] = {begin, end};
        begin = end;
    }
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');  // the data start at a multiple of 8
    return text;
}

void write_tensors(const std::filesystem::path& path, const std::string& header,
                   const std::vector<OutputTensor>& order) {
    const std::uint64_t length = header.size();
    AtomicFile file(path);
    file.write({reinterpret_cast<const char*>(&length), kLengthBytes});
    file.write(header);
    for (const OutputTensor& out : order) {
        const at::Tensor values = out.values.detach().cpu().to(out.dtype).contiguous();
        file.write({static_cast<const char*>(values.const_data_ptr()), values.nbytes()});
    }
    file.commit();
}

}  // namespace

TensorMap load_safetensors(const std::filesystem::path& path) {
    const std::string file = path.string();
    const auto mapping = map_file(path);
    const Header header = read_header(file, *mapping);
    TensorMap tensors;
    for (const Entry& entry : read_entries(file, header, mapping->size))
        tensors.emplace(entry.name, view_entry(mapping, mapping->bytes + header.data_begin, entry));
    return tensors;
}

std::map<std::string, std::string> safetensors_metadata(const std::filesystem::path& path) {
    const std::string file = path.string();
    const auto mapping = map_file(path);
    const Header header = read_header(file, *mapping);
    read_entries(file, header, mapping->size);
    std::map<std::string, std::string> metadata;
    const auto found = header.document.find("__metadata__");
    if (found == header.document.end()) return metadata;
    LINVOX_REQUIRE(found->is_object(), DataError, "{}: \"__metadata__\" must be an object of strings", file);
    for (const auto& [key, value] : found->items()) {
        LINVOX_REQUIRE(value.is_string(), DataError, "{}: \"__metadata__\" entry '{}' must be a string", file,
                       key);
        metadata.emplace(key, value.get<std::string>());
    }
    return metadata;
}

void save_safetensors(const std::filesystem::path& path, const TensorMap& tensors,
                      const std::map<std::string, std::string>& metadata) {
    const auto order = aligned_order(tensors);
    write_tensors(path, header_text(path.string(), order, metadata), order);
}

std::uint64_t rewrite_safetensors(const std::filesystem::path& source, const std::filesystem::path& target,
                                  const TensorChange& change) {
    const std::string file = source.string();
    const auto mapping = map_file(source);
    const Header header = read_header(file, *mapping);
    std::vector<OutputTensor> order;
    bool same_shapes = true;
    std::uint64_t bytes = 0;
    for (const Entry& entry : read_entries(file, header, mapping->size)) {
        const at::Tensor before = view_entry(mapping, mapping->bytes + header.data_begin, entry);
        const at::Tensor after = change(entry.name, before);
        order.push_back({entry.name, after.defined() ? after : before, entry.dtype});
        same_shapes = same_shapes && order.back().values.sizes() == before.sizes();
        bytes += order.back().bytes();
    }
    const std::string own(mapping->bytes + kLengthBytes, header.data_begin - kLengthBytes);
    const auto metadata = header.document.value("__metadata__", nlohmann::json::object());
    write_tensors(target, same_shapes ? own : header_text(target.string(), order, metadata), order);
    return bytes;
}

}  // namespace linvox
