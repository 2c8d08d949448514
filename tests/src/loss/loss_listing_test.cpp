#include "src/loss/loss_listing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "src/base/files.h"
#include "src/loss/loss_table.h"

namespace linvox {
namespace {

using testing::HasSubstr;

// LINVOX_REGENERATE=1 test_loss --gtest_filter='LossListing.*' writes the file anew.
TEST(LossListing, DocsFollowTheTable) {
    const std::string path = LINVOX_SOURCE_DIR "/docs/losses.md";
    if (std::getenv("LINVOX_REGENERATE")) write_file_atomic(path, losses_markdown());
    EXPECT_EQ(read_file(path), losses_markdown())
        << "run: LINVOX_REGENERATE=1 test_loss --gtest_filter='LossListing.*'";
}

TEST(LossListing, NamesEveryLossAndPreset) {
    for (const std::string& kind : loss_kinds()) {
        EXPECT_THAT(losses_text(), HasSubstr("\n" + kind + " "));
        EXPECT_THAT(losses_markdown(), HasSubstr("| `" + kind + "`"));
    }
}

TEST(LossListing, IsPlainAsciiWithWholeTables) {
    std::size_t columns = 0;
    for (const char c : losses_markdown()) EXPECT_TRUE(c == '\n' || (c >= 32 && c < 127));
    std::string line;
    for (const char c : losses_markdown() + "\n") {
        if (c != '\n') {
            line += c;
            continue;
        }
        std::size_t bars = 0;
        for (std::size_t i = 0; i < line.size(); ++i)
            bars += line[i] == '|' && (i == 0 || line[i - 1] != '\\');
        if (bars > 0 && columns > 0) {
            EXPECT_EQ(bars, columns) << line;
        }
        columns = bars;
        line.clear();
    }
}

}  // namespace
}  // namespace linvox
