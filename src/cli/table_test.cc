#include "cli/table.h"

#include <gtest/gtest.h>

namespace millrace::cli {
namespace {

TEST(Table, ColumnsAreAsWideAsTheirWidestCell) {
  Table table({{"NAME"}, {"ROWS", Align::kRight}, {"UNTIL"}});
  table.add({"flights", "12", "2001-03-01"});
  table.add({"a", "1234567", ""});
  EXPECT_EQ(table.text(),
            "NAME        ROWS  UNTIL\n"
            "flights       12  2001-03-01\n"
            "a        1234567\n");
}

TEST(Table, WithoutRowsIsItsHead) {
  Table table({{"NAME"}, {"ROWS", Align::kRight}});
  EXPECT_TRUE(table.empty());
  EXPECT_EQ(table.text(), "NAME  ROWS\n");
}

TEST(Table, CountsCharactersAndNotBytes) {
  Table table({{"A"}, {"B"}});
  table.add({"é→", "1"});
  table.add({"ab", "2"});
  EXPECT_EQ(table.text(), "A   B\né→  1\nab  2\n");
}

TEST(Table, ControlCharactersBecomeSpaces) {
  Table table({{"A"}, {"B"}});
  table.add({"x\ny\x1b[31m", "1"});
  EXPECT_EQ(table.text(), "A         B\nx y [31m  1\n");
}

TEST(Table, TakesTooFewAndTooManyCells) {
  Table table({{"A"}, {"B"}});
  table.add({"1"});
  table.add({"1", "2", "3"});
  EXPECT_EQ(table.text(), "A  B\n1\n1  2\n");
}

TEST(FieldsText, AlignsValuesAndLeavesOutEmptyOnes) {
  EXPECT_EQ(fields_text({{"name", "flights"}, {"description", ""}, {"version", "12"}}),
            "name:     flights\n"
            "version:  12\n");
}

TEST(FieldsText, ALineThatEndsInSpacesTakesNoOtherLineWithIt) {
  EXPECT_EQ(fields_text({{"a", "1"}, {"b", " "}, {"c", "3"}}), "a:  1\nb:\nc:  3\n");
}

}  // namespace
}  // namespace millrace::cli
