#include "src/text/pre_tokenizer.h"

#include <fmt/format.h>

#include <deque>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "src/base/error.h"

namespace linvox {

const std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

namespace {

using Code = std::unique_ptr<pcre2_code, decltype(&pcre2_code_free)>;
using MatchData = std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)>;
using MatchContext = std::unique_ptr<pcre2_match_context, decltype(&pcre2_match_context_free)>;
using JitStack = std::unique_ptr<pcre2_jit_stack, decltype(&pcre2_jit_stack_free)>;

constexpr std::size_t kFirstStack = 64 << 10, kLargestStack = 64 << 20;

std::string pcre2_reason(int code) {
    PCRE2_UCHAR text[256];
    pcre2_get_error_message(code, text, sizeof(text));
    return reinterpret_cast<const char*>(text);
}

// PCRE2's \s takes U+180E for a space, which Unicode since 6.3 and Oniguruma do not.
std::string with_unicode_space(std::string_view pattern) {
    constexpr std::string_view kSpace = R"(\t-\r\x{85}\p{Z})";
    std::string out;
    bool in_class = false;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        const char c = pattern[i];
        if (c == '\\' && i + 1 < pattern.size()) {
            const char escaped = pattern[++i];
            if (escaped == 's') {
                out += in_class ? std::string(kSpace) : fmt::format("[{}]", kSpace);
            } else if (escaped == 'S' && !in_class) {
                out += fmt::format("[^{}]", kSpace);
            } else {
                out += c;
                out += escaped;
            }
            continue;
        }
        if (c == '[') in_class = true;
        if (c == ']') in_class = false;
        out += c;
    }
    return out;
}

Code compile(const SplitPass& pass) {
    const std::string pattern = pass.literal ? pass.pattern : with_unicode_space(pass.pattern);
    int error = 0;
    PCRE2_SIZE offset = 0;
    Code code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                            PCRE2_UTF | (pass.literal ? PCRE2_LITERAL : PCRE2_UCP), &error, &offset, nullptr),
              pcre2_code_free);
    LINVOX_REQUIRE(code, DataError, "{}{}PCRE2 cannot compile the pattern '{}': {} at offset {}", pass.where,
                   pass.where.empty() ? "" : ": ", pass.pattern, pcre2_reason(error), offset);
    pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);
    return code;
}

/// A PCRE2 match in progress over one subject.
struct Matcher {
    const pcre2_code* code;
    MatchData data;
    MatchContext context{pcre2_match_context_create(nullptr), pcre2_match_context_free};
    JitStack stack{pcre2_jit_stack_create(kFirstStack, kLargestStack, nullptr), pcre2_jit_stack_free};

    /// The compiled pattern's machine code called directly: the checks of pcre2_match cost as much as a short
    /// match. Without machine code (no JIT on this processor) that one interprets.
    decltype(&pcre2_match) match = pcre2_match;

    explicit Matcher(const pcre2_code* compiled)
        : code(compiled), data(pcre2_match_data_create(1, nullptr), pcre2_match_data_free) {
        std::size_t machine_code = 0;
        if (pcre2_pattern_info(code, PCRE2_INFO_JITSIZE, &machine_code) == 0 && machine_code > 0)
            match = pcre2_jit_match;
        pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
    }

    /// The first match in text[from, end), not empty; false when there is none.
    bool find(std::string_view text, std::size_t from, std::size_t& begin, std::size_t& end) {
        for (;;) {
            const int found = match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from,
                                    PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY, data.get(), context.get());
            if (found == PCRE2_ERROR_NOMATCH) return false;
            LINVOX_REQUIRE(found >= 0, DataError,
                           "the tokenizer's pattern cannot be matched on a text of {} bytes: {}", text.size(),
                           pcre2_reason(found));
            const PCRE2_SIZE* range = pcre2_get_ovector_pointer(data.get());
            begin = range[0];
            end = range[1];
            return true;
        }
    }
};

}  // namespace

struct PreTokenizer::State {
    std::vector<SplitPass> passes;
    std::vector<Code> codes;  // one a pass; empty for prefix_space
};

struct PreTokenizer::Scratch::State {
    std::vector<std::unique_ptr<Matcher>> matchers;
    std::vector<std::string_view> words, next;
    std::deque<std::string> made;  // words that are not part of the text
};

PreTokenizer::PreTokenizer(std::vector<SplitPass> passes) {
    auto state = std::make_unique<State>();
    for (const SplitPass& pass : passes)
        state->codes.push_back(pass.prefix_space ? Code(nullptr, pcre2_code_free) : compile(pass));
    state->passes = std::move(passes);
    state_ = std::move(state);
}
PreTokenizer::PreTokenizer(PreTokenizer&&) noexcept = default;
PreTokenizer::~PreTokenizer() = default;

PreTokenizer::Scratch::Scratch(const PreTokenizer& owner) : state_(std::make_unique<State>()) {
    for (const Code& code : owner.state_->codes)
        state_->matchers.push_back(code ? std::make_unique<Matcher>(code.get()) : nullptr);
}
PreTokenizer::Scratch::Scratch(Scratch&&) noexcept = default;
PreTokenizer::Scratch::~Scratch() = default;

namespace {

void split_word(std::string_view word, const SplitPass& pass, Matcher& matcher,
                std::vector<std::string_view>& out) {
    std::size_t done = 0, begin = 0, end = 0;
    const auto keep_rest = [&](std::size_t until) {
        if (until > done && !pass.drop_rest) out.push_back(word.substr(done, until - done));
    };
    while (done < word.size() && matcher.find(word, done, begin, end)) {
        keep_rest(begin);
        if (!pass.drop_matches) out.push_back(word.substr(begin, end - begin));
        done = end;
    }
    keep_rest(word.size());
}

}  // namespace

std::span<const std::string_view> PreTokenizer::words(std::string_view text, Scratch& scratch) const {
    Scratch::State& work = *scratch.state_;
    work.made.clear();
    work.words.assign(1, text);
    for (std::size_t i = 0; i < state_->passes.size(); ++i) {
        const SplitPass& pass = state_->passes[i];
        work.next.clear();
        for (const std::string_view word : work.words) {
            if (!pass.prefix_space) {
                split_word(word, pass, *work.matchers[i], work.next);
            } else if (word.starts_with(' ')) {
                work.next.push_back(word);
            } else {
                work.next.push_back(work.made.emplace_back(fmt::format(" {}", word)));
            }
        }
        std::swap(work.words, work.next);
    }
    return work.words;
}

}  // namespace linvox
