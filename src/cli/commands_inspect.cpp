// linvox inspect and linvox grow: a model directory looked at, and with more vocabulary.
#include <fmt/format.h>

#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "src/base/error.h"
#include "src/base/log.h"
#include "src/cli/commands_models.h"
#include "src/model/model_directory.h"
#include "src/text/grow_tokenizer.h"

namespace linvox {
namespace {

/// The grown tokenizer's files by name, and where its new ids start; none, and the first row behind the
/// embedding, in a directory without a tokenizer.
struct GrownFiles {
    std::map<std::string, std::string> by_name;
    std::int64_t first_id = 0;
};

GrownFiles grown_files(const GrowArguments& arguments, std::int64_t rows) {
    const bool has_tokenizer = std::filesystem::exists(arguments.model / "tokenizer.json") ||
                               std::filesystem::exists(arguments.model / "tokenizer.model");
    if (!has_tokenizer) {
        log_line("no tokenizer in the directory: the new ids start behind the embedding's rows");
        return {{}, rows};
    }
    std::vector<std::string> tokens = arguments.marks;
    for (std::string& code :
         numbered_tokens(arguments.pattern, static_cast<std::int32_t>(arguments.grow.count)))
        tokens.push_back(std::move(code));
    TokenizerGrowth growth = grow_tokenizer(arguments.model, tokens, arguments.marks.size());
    GrownFiles grown{{}, growth.first_id};
    for (TokenizerGrowth::File& file : growth.files) grown.by_name[file.name] = std::move(file.bytes);
    return grown;
}

}  // namespace

void command_inspect(const std::filesystem::path& directory, const InspectOptions& options, bool as_json) {
    const nlohmann::json facts = inspect_model(directory, options);
    fmt::print("{}", as_json ? facts.dump(2) + "\n" : inspection_text(facts));
}

void command_grow(const GrowArguments& arguments) {
    require_free_directory(arguments.out);
    const Decoder decoder = load_model_directory(arguments.model);
    GrowConfig config = arguments.grow;
    config.count += static_cast<std::int64_t>(arguments.marks.size());
    const GrownFiles files = grown_files(arguments, decoder.config.vocab_size);
    config.first_id = files.first_id;
    const Decoder grown = grow_vocabulary(decoder, config);
    save_model_like(arguments.model, arguments.out, grown, files.by_name);
    log_line(fmt::format("ids {}..{} are new; {} rows instead of {} -> {}", config.first_id,
                         config.first_id + config.count - 1, grown.config.vocab_size,
                         decoder.config.vocab_size, arguments.out.string()));
}

}  // namespace linvox
