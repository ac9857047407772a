#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>

namespace millrace::training {

// The metrics of what an objective predicts, with scikit-learn's meanings: log_loss, roc_auc, brier_score and accuracy
// for probabilities of two classes; log_loss and accuracy for many; rmse and mae for numbers. `predictions` holds
// predictions.size() / labels.size() values a row. Empty without rows; roc_auc is left out where only one class occurs.
std::map<std::string, double> evaluate(std::string_view objective, std::span<const float> labels,
                                       std::span<const float> predictions);

}  // namespace millrace::training
