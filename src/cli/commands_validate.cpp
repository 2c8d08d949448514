#include "src/cli/commands_validate.h"

#include <fmt/format.h>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/text.h"
#include "src/data/validate.h"
#include "src/text/chat_encoding.h"
#include "src/text/tokenizer.h"

namespace linvox {
namespace {

Tokenise tokenise_with(const std::filesystem::path& model) {
    if (model.empty()) return {};
    return [tokenizer = load_tokenizer(model)](const std::string& text) { return tokenizer.encode(text); };
}

}  // namespace

int command_validate(const ValidateArguments& arguments) {
    LINVOX_REQUIRE(arguments.fix.empty() || !std::filesystem::exists(arguments.fix), UserError,
                   "--fix {}: the file exists; name a new one", arguments.fix.string());
    ModelRules rules;
    if (!arguments.tokenizer.empty()) rules = model_rules(arguments.tokenizer);
    if (!arguments.chat_template.empty()) {
        LINVOX_REQUIRE(!arguments.tokenizer.empty(), UserError,
                       "--template {}: its marks are a tokenizer's; give --tokenizer too",
                       arguments.chat_template);
        rules.form = find_chat_template(arguments.chat_template);
        check(ChatEncoding{load_tokenizer(arguments.tokenizer), rules.form});
    }
    ValidationReport report = validate_file(arguments.file, tokenise_with(arguments.tokenizer), rules);
    if (std::filesystem::is_directory(arguments.tokenizer)) find_pad_is_end(report, arguments.tokenizer);
    fmt::print("{}", validation_text(report, arguments.file, arguments.most));
    if (arguments.fix.empty()) return report.count(Severity::error) > 0 ? 2 : 0;
    LINVOX_REQUIRE(!report.form.starts_with("linvox "), UserError,
                   "--fix repairs foreign data; Linvox's own records are made again by their stage");
    LINVOX_REQUIRE(!report.fixed_lines.empty(), UserError, "--fix would leave no record");
    write_file_atomic(arguments.fix, join(report.fixed_lines, "\n") + "\n");
    fmt::print("\n{}: {} record(s) written, {} dropped, {} repaired; {} error(s) remain\n",
               arguments.fix.string(), report.fixed_lines.size(), report.dropped, report.repaired,
               report.unfixable());
    return report.unfixable() > 0 ? 2 : 0;
}

}  // namespace linvox
