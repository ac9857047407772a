#include "api/graphql/schema.h"

#include <algorithm>

namespace millrace::api::graphql {

namespace {

constexpr Field text(std::string_view name) { return {name}; }
constexpr Field number(std::string_view name) { return {name, Scalar::kNumber}; }
constexpr Field whole(std::string_view name) { return {name, Scalar::kLong}; }
constexpr Field one(std::string_view name, const Type& type) { return {name, Scalar::kNone, &type}; }
constexpr Field list(std::string_view name, const Type& type) { return {name, Scalar::kNone, &type, Shape::kList}; }

constexpr Field kErrorDetailFields[] = {text("field"), text("message")};
constexpr Type kErrorDetail{"ErrorDetail", kErrorDetailFields};
constexpr Field kApiErrorFields[] = {text("code"), text("message"), text("helpUrl"), text("traceId"),
                                     list("errorDetails", kErrorDetail)};
constexpr Type kApiError{"ApiError", kApiErrorFields};
constexpr Field kApiErrorField = one("apiError", kApiError);

constexpr Field kPairFields[] = {text("key"), text("value")};
constexpr Type kExperimentTag{"MlflowExperimentTag", kPairFields};
constexpr Type kRunTag{"MlflowRunTag", kPairFields};
constexpr Type kParam{"MlflowParam", kPairFields};
constexpr Type kInputTag{"MlflowInputTag", kPairFields};
constexpr Type kVersionTag{"MlflowModelVersionTag", kPairFields};

constexpr Field kExperimentFields[] = {text("experimentId"),
                                       text("name"),
                                       text("artifactLocation"),
                                       text("lifecycleStage"),
                                       whole("lastUpdateTime"),
                                       whole("creationTime"),
                                       list("tags", kExperimentTag),
                                       text("effectiveTraceArchivalRetention"),
                                       text("workspace")};
constexpr Type kExperiment{"MlflowExperiment", kExperimentFields};

constexpr Field kMetricFields[] = {text("key"),         number("value"),       whole("timestamp"), whole("step"),
                                   text("datasetName"), text("datasetDigest"), text("modelId"),    text("runId")};
constexpr Type kMetric{"MlflowMetricExtension", kMetricFields};
constexpr Type kModelMetric{"MlflowModelMetric", kMetricFields};
constexpr Field kPointFields[] = {text("key"), number("value"), whole("timestamp"), whole("step"), text("runId")};
constexpr Type kPoint{"MlflowMetricWithRunId", kPointFields};

constexpr Field kRunInfoFields[] = {
    text("runId"),  text("runUuid"),    text("runName"),  text("experimentId"), text("userId"),
    text("status"), whole("startTime"), whole("endTime"), text("artifactUri"),  text("lifecycleStage")};
constexpr Type kRunInfo{"MlflowRunInfo", kRunInfoFields};
constexpr Field kRunDataFields[] = {list("metrics", kMetric), list("params", kParam), list("tags", kRunTag)};
constexpr Type kRunData{"MlflowRunData", kRunDataFields};

constexpr Field kDatasetFields[] = {text("name"),   text("digest"), text("sourceType"),
                                    text("source"), text("schema"), text("profile")};
constexpr Type kDataset{"MlflowDataset", kDatasetFields};
constexpr Field kDatasetInputFields[] = {list("tags", kInputTag), one("dataset", kDataset)};
constexpr Type kDatasetInput{"MlflowDatasetInput", kDatasetInputFields};
constexpr Field kModelInputFields[] = {text("modelId")};
constexpr Type kModelInput{"MlflowModelInput", kModelInputFields};
constexpr Field kRunInputsFields[] = {list("datasetInputs", kDatasetInput), list("modelInputs", kModelInput)};
constexpr Type kRunInputs{"MlflowRunInputs", kRunInputsFields};
constexpr Field kModelOutputFields[] = {text("modelId"), whole("step")};
constexpr Type kModelOutput{"MlflowModelOutput", kModelOutputFields};
constexpr Field kRunOutputsFields[] = {list("modelOutputs", kModelOutput)};
constexpr Type kRunOutputs{"MlflowRunOutputs", kRunOutputsFields};

constexpr Field kModelParamFields[] = {text("name"), text("value")};
constexpr Type kModelParam{"MlflowModelParam", kModelParamFields};
constexpr Field kJobStateFields[] = {text("jobId"), text("runId"), text("jobState"), text("runState"),
                                     text("currentTaskName")};
constexpr Type kJobState{"MlflowModelVersionDeploymentJobState", kJobStateFields};
constexpr Field kVersionFields[] = {text("name"),
                                    text("version"),
                                    whole("creationTimestamp"),
                                    whole("lastUpdatedTimestamp"),
                                    text("userId"),
                                    text("currentStage"),
                                    text("description"),
                                    text("source"),
                                    text("runId"),
                                    text("status"),
                                    text("statusMessage"),
                                    list("tags", kVersionTag),
                                    text("runLink"),
                                    {"aliases", Scalar::kText, nullptr, Shape::kList},
                                    text("modelId"),
                                    list("modelParams", kModelParam),
                                    list("modelMetrics", kModelMetric),
                                    one("deploymentJobState", kJobState)};
constexpr Type kVersion{"MlflowModelVersion", kVersionFields};

constexpr Field kRunFields[] = {one("info", kRunInfo),
                                one("data", kRunData),
                                one("inputs", kRunInputs),
                                one("outputs", kRunOutputs),
                                one(kExperimentField, kExperiment),
                                list(kModelVersionsField, kVersion)};

constexpr Field kFileFields[] = {text("path"), {"isDir", Scalar::kBoolean}, whole("fileSize")};
constexpr Type kFile{"MlflowFileInfo", kFileFields};
constexpr Field kSummaryFields[] = {text("experimentId"), text("name"), text("digest"), text("context")};
constexpr Type kSummary{"MlflowDatasetSummary", kSummaryFields};

}  // namespace

constexpr Type kRunType{"MlflowRunExtension", kRunFields};

namespace {

constexpr Field kGetExperimentFields[] = {one("experiment", kExperiment), kApiErrorField};
constexpr Type kGetExperiment{"MlflowGetExperimentResponse", kGetExperimentFields};
constexpr Field kGetRunFields[] = {one("run", kRunType), kApiErrorField};
constexpr Type kGetRun{"MlflowGetRunResponse", kGetRunFields};
constexpr Field kSearchRunsFields[] = {list("runs", kRunType), text("nextPageToken"), kApiErrorField};
constexpr Type kSearchRuns{"MlflowSearchRunsResponse", kSearchRunsFields};
constexpr Field kHistoryFields[] = {list("metrics", kPoint), kApiErrorField};
constexpr Type kHistory{"MlflowGetMetricHistoryBulkIntervalResponse", kHistoryFields};
constexpr Field kArtifactsFields[] = {text("rootUri"), list("files", kFile), text("nextPageToken"), kApiErrorField};
constexpr Type kArtifacts{"MlflowListArtifactsResponse", kArtifactsFields};
constexpr Field kVersionsFields[] = {list("modelVersions", kVersion), text("nextPageToken"), kApiErrorField};
constexpr Type kVersions{"MlflowSearchModelVersionsResponse", kVersionsFields};
constexpr Field kSummariesFields[] = {list("datasetSummaries", kSummary), kApiErrorField};
constexpr Type kSummaries{"MlflowSearchDatasetsResponse", kSummariesFields};

constexpr Root kRoots[] = {
    {"mlflowGetExperiment", false, "GET", "/api/2.0/mlflow/experiments/get", &kGetExperiment},
    {"mlflowGetRun", false, "GET", "/api/2.0/mlflow/runs/get", &kGetRun},
    {"mlflowGetMetricHistoryBulkInterval", false, "GET", "/api/2.0/mlflow/metrics/get-history-bulk-interval",
     &kHistory},
    {"mlflowListArtifacts", false, "GET", "/api/2.0/mlflow/artifacts/list", &kArtifacts},
    {"mlflowSearchModelVersions", false, "GET", "/api/2.0/mlflow/model-versions/search", &kVersions},
    {"mlflowSearchRuns", false, "POST", "/api/2.0/mlflow/runs/search", &kSearchRuns},
    {"mlflowSearchRuns", true, "POST", "/api/2.0/mlflow/runs/search", &kSearchRuns},
    {"mlflowSearchDatasets", true, "POST", "/api/2.0/mlflow/experiments/search-datasets", &kSummaries},
};

}  // namespace

const Field* Type::find(std::string_view field) const {
  const auto found = std::ranges::find(fields, field, &Field::name);
  return found == fields.end() ? nullptr : &*found;
}

const Root* find_root(std::string_view name, bool is_mutation) {
  const auto found =
      std::ranges::find_if(kRoots, [&](const Root& r) { return r.name == name && r.is_mutation == is_mutation; });
  return found == std::end(kRoots) ? nullptr : found;
}

}  // namespace millrace::api::graphql
