#include "cli/replay/html.h"

#include <gtest/gtest.h>

namespace millrace::cli {
namespace {

TEST(EscapeHtml, LeavesNothingThatEndsATextOrAnAttribute) {
  EXPECT_EQ(escape_html(R"(<a href="x">'&'</a>)"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
  EXPECT_EQ(escape_html("Zürich ≤ 5"), "Zürich ≤ 5");
}

TEST(FillTemplate, ReplacesNamesOnceAndLeavesTheRest) {
  EXPECT_EQ(fill_template("<{{a}}> {{b}} {{c}} {{", {{"a", "{{b}}"}, {"b", "2"}}), "<{{b}}> 2  {{");
}

}  // namespace
}  // namespace millrace::cli
