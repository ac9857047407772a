#include "registry/environment.h"

#include <gmock/gmock.h>

namespace millrace::registry {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Environment, IsWhatTheFolderSays) {
  const auto environment =
      read_environment("python: 3.11.2\nbuild_dependencies:\n- pip==23.0\ndependencies:\n- -r requirements.txt\n",
                       "mlflow==3.17.2\r\n# why\nxgboost==1.7.4  # pinned\n--index-url https://user:pass@x\n\nnumpy");
  EXPECT_EQ(environment.python, "3.11.2");
  EXPECT_THAT(environment.packages, ElementsAre("mlflow==3.17.2", "xgboost==1.7.4", "numpy"));
}

TEST(Environment, NothingIsNothingAndQuotesAreNoPartOfAVersion) {
  EXPECT_EQ(read_environment("python: '3.10'", "").python, "3.10");
  EXPECT_EQ(read_environment("", "").python, "");
  EXPECT_THAT(read_environment("x", "   \n").packages, IsEmpty());
}

}  // namespace
}  // namespace millrace::registry
