#include "eval/utterance.h"

#include "src/base/error.h"

namespace linvox {

Recording::Recording(std::filesystem::path path) : path_(std::move(path)) {}

Recording::Recording(Wave wave) : wave_(std::make_shared<const Wave>(std::move(wave))) {}

std::shared_ptr<const Wave> Recording::wave() const {
    const std::lock_guard lock(mutex_);
    if (!wave_) wave_ = std::make_shared<const Wave>(read_wave(path_));
    return wave_;
}

std::string Recording::problem() const {
    try {
        wave();
        return "";
    } catch (const UserError&) {
        std::error_code ignored;
        return std::filesystem::exists(path_, ignored) ? "decode_error" : "missing_file";
    }
}

void Recording::clear() const {
    const std::lock_guard lock(mutex_);
    features_.clear();
    if (!path_.empty()) wave_.reset();
}

}  // namespace linvox
