#include "src/recipe/text_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "src/base/error.h"
#include "src/data/dialogues.h"

namespace linvox {

void GenerateConfig::visit(ConfigVisitor& v) {
    v.field("steps", problem.steps, "worked steps of a problem", Range{1, 8});
    v.field("smallest", problem.smallest, "smallest operand of + and -, and smallest first number",
            Range{1, 1e6});
    v.field("largest", problem.largest, "the largest one", Range{2, 1e6});
    v.field("largest_factor", problem.largest_factor, "operands of * are 2 to this", Range{2, 1e6});
    v.field("largest_result", problem.largest_result, "no result is above it, or below 0", Range{10, 1e12});
    v.field("unseen_every", problem.unseen_every,
            "one in so many number combinations (a op b) is kept out of all splits but unseen",
            Range{2, 1000});
    v.field("train", train, "problems with worked steps, for SFT", Range{1, 1e7});
    v.field("prompts", prompts,
            "further problems that the model answers itself; their worked steps are used only where "
            "pairs.chosen_from asks for them; 0: the training problems",
            Range{0, 1e7});
    v.field("valid", valid, "problems for tuning, early stopping and held-out pairs", Range{0, 1e7});
    v.field("test", test, "test problems", Range{1, 1e7});
    v.field("unseen", unseen, "test problems with a number combination that no other split computes",
            Range{0, 1e7});
}

void MathDataConfig::visit(ConfigVisitor& v) {
    v.path("manifest", manifest,
           "JSON lines: question, answer with worked steps and '#### n' (GSM8K's form); empty: problems are "
           "generated");
    v.path("test_manifest", test_manifest, "the same form, for the test split; needed with manifest");
    v.field("valid_share", valid_share, "share of the manifest's problems kept for validation",
            Range{0, 0.5});
    v.section("generate", generate, "generated problems, when there is no manifest");
}

void ProseConfig::visit(ConfigVisitor& v) {
    v.field("prompt_words", prompt_words, "least words of a prompt; it ends with a sentence",
            Range{1, 10000});
    v.field("answer_words", answer_words, "least words of the continuation; it ends with a sentence",
            Range{4, 10000});
    v.field("kinds", kinds,
            "damage that makes a rejected answer, all of the chosen one's length in words: shuffle (words of "
            "a stretch in "
            "another order), repeat (a phrase over and over), swap (the text behind another prompt), replace "
            "(words by "
            "others of the corpus)",
            {"shuffle", "repeat", "swap", "replace"});
    v.field("damage", damage, "share of the answer that shuffle and replace touch, and that repeat fills",
            Range{0.05, 1});
    v.field("rejected", rejected, "rejected answers to each prompt, kinds in turn", Range{1, 16});
}

void AnswerPartsConfig::visit(ConfigVisitor& v) {
    v.field("spans", spans,
            "labels of the answers' spans: each makes a pair set of its own, in which only those tokens are "
            "scored; "
            "\"whole\" is the whole answer; empty: whole answers, and spans in the data are refused");
    v.field(
        "turns", turns,
        "turns of a dialogue that are scored: marked (all but those with \"cal_loss\": false), all, last, or "
        "numbers of the assistant's turns such as '1,3'");
    v.path("dialogues", dialogues,
           "conversations that SFT learns too, JSON lines with \"messages\" or UniTTS's \"dialog\"; empty: "
           "none");
}

std::vector<std::string> AnswerPartsConfig::problems() const {
    std::vector<std::string> found;
    if (std::set<std::string>(spans.begin(), spans.end()).size() != spans.size())
        found.push_back("data.spans names a label twice");
    if (std::find(spans.begin(), spans.end(), "") != spans.end())
        found.push_back("data.spans has an empty label");
    try {
        parse_turn_selection(turns);
    } catch (const UserError& error) {
        found.push_back(fmt::format("data.{}", error.what()));
    }
    return found;
}

void TextDataConfig::visit(ConfigVisitor& v) {
    v.path("manifest", manifest,
           "preference data, JSON lines: TRL's prompt/chosen/rejected (strings, conversations, implicit "
           "prompt), "
           "UltraFeedback's or LPO's candidates; empty: pairs are made from the corpus");
    parts.visit(v);
    v.path("corpus_folder", corpus_folder, "folder of the corpus");
    v.field("corpus", corpus, "plain text files in it, paragraphs parted by empty lines");
    v.field("valid_share", valid_share, "share of the prompts for tuning and held-out pairs", Range{0, 0.5});
    v.field("test_share", test_share, "share of the prompts that are only evaluated", Range{0.01, 0.5});
    v.field("pieces", pieces, "size of the sentencepiece vocabulary, trained on the training split",
            Range{16, 65536});
    v.field("learn_prompts", learn_prompts, "SFT also learns the tokens of prompts");
    v.section("prose", prose, "pairs out of the corpus, when there is no manifest");
}

void TextCandidatesConfig::visit(ConfigVisitor& v) {
    v.field("per_prompt", per_prompt, "samples for each prompt", Range{2, 1000});
    v.section("sampling", sampling, "how candidates are sampled");
}

void AnswerConfig::visit(ConfigVisitor& v, bool has_splits) {
    if (has_splits)
        v.field("splits", splits, "splits that every model answers: test, unseen, valid",
                {"test", "unseen", "valid"});
    v.field("samples", samples, "answers to each prompt; with 1 the paired test is McNemar's", Range{1, 100});
    v.section("sampling", sampling, "how held-out prompts are answered, equal for every model");
}

void MathJudgeConfig::visit(ConfigVisitor& v) {
    v.choice("filter", filter, "where a candidate's answer is looked for", {"strict", "flexible", "numeric"});
    v.field("steps", steps, "a right answer whose written equations do not hold counts as wrong");
}

}  // namespace linvox
