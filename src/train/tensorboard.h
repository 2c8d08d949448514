// TensorBoard event files, encoded by hand: TFRecord framing (a length and masked CRC-32C sums) around
// Event messages. Scalars only. Field numbers: tensorflow/core/util/event.proto and
// tensorflow/core/framework/summary.proto; framing: tensorflow/core/lib/io/record_writer.cc.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "src/train/observer.h"

namespace linvox {

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4): of "123456789" it is 0xE3069283.
std::uint32_t crc32c(std::string_view bytes);

/// Writes every value of every step and evaluation as a scalar named as in train.jsonl, and `epoch`, to a
/// new file FOLDER/events.out.tfevents.TIME.HOST, flushed as it comes. Values are float32, as the format
/// has them; one that is not finite stays so. Where the folder has earlier event files, the new one tells
/// readers to drop their steps after `resume_step` (all of them when it is 0), and its TIME sorts last.
/// UserError with the system's reason when the file cannot be written.
Observer tensorboard_observer(const std::filesystem::path& folder, std::int64_t resume_step = 0);

}  // namespace linvox
