#pragma once

#include "base/result.h"
#include "serving/forest/forest_model.h"
#include "serving/forest/model_document.h"

namespace millrace::serving {

// Reads one tree of an XGBoost model file (doc/model.schema in dmlc/xgboost) and puts its categories into `model`,
// whose groups are known. What it holds is checked by check_forest.
Result<Tree> read_xgboost_tree(const ModelValue& document, ForestModel& model);

}  // namespace millrace::serving
