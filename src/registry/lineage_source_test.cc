#include "registry/lineage_source.h"

#include <gtest/gtest.h>

namespace millrace::registry {
namespace {

TEST(VersionOfNode, IsAModelsNameAndNumber) {
  EXPECT_EQ(version_of_node("model:delays/3")->model, "delays");
  EXPECT_EQ(version_of_node(node_of_version("a:b", 12))->version, 12);
  for (const char* id : {"model:delays", "model:delays/", "model:delays/x", "model:delays/0", "model:d/3x", "run:a/3",
                         "model:d/99999999999999999999", ""}) {
    EXPECT_FALSE(version_of_node(id)) << id;
  }
}

}  // namespace
}  // namespace millrace::registry
