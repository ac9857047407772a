#include "api/grpc/descriptors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::api::grpc {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(DescriptorsTest, FindFilesByWhatTheyDescribe) {
  const auto all = MUST(Descriptors::parse(descriptor_set()));
  EXPECT_THAT(all.services(),
              ElementsAre("grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
                          "grpc.reflection.v1alpha.ServerReflection", "inference.GRPCInferenceService"));
  const auto inference = all.by_file("inference.proto");
  EXPECT_THAT(inference, SizeIs(2));  // and model_config.proto
  for (const auto* symbol : {"inference.GRPCInferenceService", "inference.GRPCInferenceService.ModelInfer",
                             "inference.ModelInferRequest", "inference.ModelInferRequest.InferInputTensor"}) {
    EXPECT_EQ(all.by_symbol(symbol), inference) << symbol;
  }
  EXPECT_THAT(all.by_symbol("inference.DataType"), ElementsAre(inference[1]));
  EXPECT_THAT(all.by_symbol("grpc.health.v1.HealthCheckResponse.ServingStatus"), SizeIs(1));
  EXPECT_THAT(all.by_symbol("inference.Nothing"), IsEmpty());
  EXPECT_THAT(all.by_file("nothing.proto"), IsEmpty());
  EXPECT_FALSE(Descriptors::parse("\xff"));
}

}  // namespace
}  // namespace millrace::api::grpc
