#pragma once

#include <string>
#include <string_view>

#include "lineage/graph.h"
#include "openlineage/message.h"

namespace millrace::openlineage {

// How nodes of the graph are named among others.
//
// Of Millrace's own, in its own namespace: "dataset:flights" with the version 12 is the node dataset:flights/12,
// "model:delays" with the version 3 is model:delays/3, "output:train.model" with the version RUN is what the step train
// of that pipeline run made. Of others: job:NAMESPACE#NAME and dataset:NAMESPACE#NAME.

std::string job_node(const JobRef& job);
std::string external_node(const DatasetRef& dataset);

// What a dataset among others is called that a node stands for; an empty name for a node that is none (a run, a step).
DatasetRef name_of(const lineage::Node& node, std::string_view own_namespace);

// The node that an own name without its version begins as, "dataset:flights"; "" for a name that is no own one.
std::string_view own_name(const DatasetRef& dataset, std::string_view own_namespace);

}  // namespace millrace::openlineage
