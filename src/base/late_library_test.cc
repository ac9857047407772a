#include "base/late_library.h"

#include <gmock/gmock.h>

namespace millrace::late {
namespace {

using testing::HasSubstr;

TEST(LateLibrary, FillsTheTableWithTheFunctions) {
  constexpr const char* kNames[] = {"cos", "sin"};
  void (*table[2])() = {};
  ASSERT_TRUE(load("libm.so.6", kNames, table));
  EXPECT_EQ(reinterpret_cast<double (*)(double)>(table[0])(0.0), 1.0);
}

TEST(LateLibrary, SaysWhatToDoAboutALibraryThatIsNotThere) {
  const auto loaded = load("libabsent.so", {}, {});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Code::kUnavailable);
  EXPECT_THAT(loaded.error().message, HasSubstr("cannot load libabsent.so (cannot open"));
}

TEST(LateLibrary, SaysThatALibraryIsAnotherVersion) {
  constexpr const char* kNames[] = {"no_such_function"};
  void (*table[1])() = {};
  const auto loaded = load("libm.so.6", kNames, table);
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message, HasSubstr("it has no no_such_function"));
}

}  // namespace
}  // namespace millrace::late
