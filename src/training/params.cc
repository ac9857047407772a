#include "training/params.h"

#include <algorithm>
#include <vector>

#include "base/suggest.h"

namespace millrace::training {
namespace {

// https://xgboost.readthedocs.io/en/release_1.7.0/parameter.html, without what is for other boosters or devices.
const std::vector<std::string>& known_names() {
  static const std::vector<std::string> names = {"alpha",
                                                 "base_score",
                                                 "colsample_bylevel",
                                                 "colsample_bynode",
                                                 "colsample_bytree",
                                                 "eta",
                                                 "eval_metric",
                                                 "gamma",
                                                 "grow_policy",
                                                 "huber_slope",
                                                 "interaction_constraints",
                                                 "lambda",
                                                 "learning_rate",
                                                 "max_bin",
                                                 "max_delta_step",
                                                 "max_depth",
                                                 "max_leaves",
                                                 "min_child_weight",
                                                 "min_split_loss",
                                                 "monotone_constraints",
                                                 "nthread",
                                                 "num_class",
                                                 "num_parallel_tree",
                                                 "objective",
                                                 "reg_alpha",
                                                 "reg_lambda",
                                                 "sampling_method",
                                                 "scale_pos_weight",
                                                 "seed",
                                                 "sketch_eps",
                                                 "subsample",
                                                 "tree_method",
                                                 "tweedie_variance_power"};
  return names;
}

}  // namespace

Result<Params> complete_params(const Params& given) {
  for (const auto& [name, value] : given) {
    if (std::ranges::find(known_names(), name) == known_names().end()) {
      return invalid_argument("xgboost has no parameter \"{}\"{}", name, did_you_mean(name, known_names()));
    }
  }
  Params params = {{"objective", "binary:logistic"}, {"tree_method", "hist"}, {"nthread", "2"}, {"seed", "0"}};
  for (const auto& [name, value] : given) params[name] = value;
  return params;
}

}  // namespace millrace::training
