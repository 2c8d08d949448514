// Reads and writes .safetensors: an 8-byte little-endian header length, a JSON header, raw tensor bytes
// (https://huggingface.co/docs/safetensors). Little-endian machines only. No pickled formats, ever.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>

namespace linvox {

/// Name to CPU tensor, sorted by name.
using TensorMap = std::map<std::string, at::Tensor>;

/// Every tensor of the file, in the file's own dtypes. The file is memory-mapped copy-on-write:
/// pages are read when touched, and writing to a tensor does not change the file.
/// DataError naming file and tensor: truncated file, header that is no JSON object, offsets that
/// overlap, leave a gap or lie outside the file, sizes that disagree with shape and dtype, a dtype
/// that is not F64 F32 F16 BF16 I64 I32 I16 I8 U8 BOOL.
TensorMap load_safetensors(const std::filesystem::path& path);

/// The "__metadata__" strings of the file; same checks as load_safetensors.
std::map<std::string, std::string> safetensors_metadata(const std::filesystem::path& path);

/// Written atomically and tensor by tensor, widest dtype first, then by name, so that every start is
/// aligned without gaps. Tensors may be on any device and strided; equal maps give equal bytes.
void save_safetensors(const std::filesystem::path& path, const TensorMap& tensors,
                      const std::map<std::string, std::string>& metadata = {});

/// Gives the tensor that shall stand under `name`, of any dtype and shape; undefined: as it was.
using TensorChange = std::function<at::Tensor(const std::string& name, const at::Tensor& before)>;

/// Writes `target` (which may be `source`) atomically in the style of `source`: names, dtypes, order,
/// metadata; with unchanged shapes the header byte for byte. Tensors are cast one at a time to the dtype they
/// had. Errors as load_safetensors. Returns the bytes of tensor data written.
std::uint64_t rewrite_safetensors(const std::filesystem::path& source, const std::filesystem::path& target,
                                  const TensorChange& change);

}  // namespace linvox
