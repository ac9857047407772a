#include "training/training.h"

#include <algorithm>

#include "training/booster.h"
#include "training/evaluation.h"
#include "training/params.h"
#include "training/training_data.h"

namespace millrace::training {
namespace {

constexpr std::size_t kGoldenRows = 32;

// One training under way: the matrices, the booster that learns from them, and what it reported.
class Training {
 public:
  static Result<std::unique_ptr<Training>> start(const TrainRequest& request, const TrainingData& data, Params params) {
    const std::size_t features = request.features.size();
    auto training = std::unique_ptr<Training>(new Training(request, std::move(params)));
    training->train_.emplace(TRY(matrix(data.train, features)));
    if (data.holdout.size() > 0) training->holdout_.emplace(TRY(matrix(data.holdout, features)));
    TRY(training->create_booster());
    return training;
  }

  Result<void> run(const std::stop_token& stop, const OnRound& on_round) {
    for (int round = 0; round < request_.num_rounds && !stalled(round); ++round) {
      if (stop.stop_requested()) return fail(Code::kCancelled, "training was cancelled after {} rounds", round);
      TRY(booster_->update(round, *train_));
      rounds_.push_back(TRY(evaluate_round(round)));
      note_best();
      if (on_round) on_round(rounds_.back());
    }
    return {};
  }

  Result<TrainResult> finish(const TrainingData& data) {
    TrainResult result{.features = request_.features, .params = params_, .rounds = rounds_, .best_round = best_round_};
    if (best_round_ + 1 < static_cast<int>(rounds_.size())) {
      Booster best = TRY(booster_->first_rounds(best_round_ + 1));
      TRY(describe(best, data, result));
    } else {
      TRY(describe(*booster_, data, result));
    }
    return result;
  }

 private:
  Training(const TrainRequest& request, Params params) : request_(request), params_(std::move(params)) {}

  static Result<Matrix> matrix(const Rows& rows, std::size_t features) {
    Matrix matrix = TRY(Matrix::create(rows.values, features));
    TRY(matrix.set_labels(rows.labels));
    return matrix;
  }

  std::vector<const Matrix*> sets() const {
    std::vector<const Matrix*> sets = {&*train_};
    if (holdout_) sets.push_back(&*holdout_);
    return sets;
  }

  Result<void> create_booster() {
    booster_.emplace(TRY(Booster::create(sets())));
    TRY(booster_->set_param("verbosity", "0"));
    for (const auto& [name, value] : params_) TRY(booster_->set_param(name, value));
    return booster_->set_feature_names(request_.features);
  }

  // Of several metrics the last one counts, as in XGBoost's own early stopping.
  Result<RoundMetric> evaluate_round(int round) {
    RoundMetric result{.round = round};
    for (const Evaluation& evaluation : TRY(booster_->evaluate(round, sets(), {"train", "holdout"}))) {
      result.metric = evaluation.metric;
      if (evaluation.set == "train") result.train = evaluation.value;
      if (evaluation.set == "holdout") result.holdout = evaluation.value;
    }
    return result;
  }

  void note_best() {
    const int round = rounds_.back().round;
    if (!request_.early_stopping_rounds || !rounds_.back().holdout) {
      best_round_ = round;
      return;
    }
    const std::string& metric = rounds_.back().metric;
    const bool larger_is_better = metric.starts_with("auc") || metric.starts_with("map") || metric.starts_with("ndcg");
    const double now = *rounds_.back().holdout, best = *rounds_[static_cast<std::size_t>(best_round_)].holdout;
    if (larger_is_better ? now > best : now < best) best_round_ = round;
  }

  bool stalled(int round) const {
    return request_.early_stopping_rounds && holdout_ && round - best_round_ > *request_.early_stopping_rounds;
  }

  Result<void> describe(const Booster& booster, const TrainingData& data, TrainResult& result) const {
    result.model = TRY(booster.save_ubjson());
    result.importance = TRY(booster.total_gain(request_.features));
    result.golden = TRY(golden_rows(booster, data.holdout.size() > 0 ? data.holdout : data.train));
    if (holdout_)
      result.holdout = evaluate(params_.at("objective"), data.holdout.labels, TRY(booster.predict(*holdout_)));
    return {};
  }

  // Rows at equal distances.
  Result<GoldenRows> golden_rows(const Booster& booster, const Rows& rows) const {
    const std::size_t features = request_.features.size(), count = std::min(kGoldenRows, rows.size());
    std::vector<float> values;
    for (std::size_t i = 0; i < count; ++i) {
      const auto row = rows.values.begin() + static_cast<std::ptrdiff_t>(i * rows.size() / count * features);
      values.insert(values.end(), row, row + static_cast<std::ptrdiff_t>(features));
    }
    const std::vector<float> predictions = TRY(booster.predict(TRY(Matrix::create(values, features))));
    return GoldenRows{in_rows(values, count), in_rows(predictions, count)};
  }

  static std::vector<std::vector<double>> in_rows(const std::vector<float>& values, std::size_t count) {
    const auto width = static_cast<std::ptrdiff_t>(values.size() / count);
    std::vector<std::vector<double>> rows;
    for (auto at = values.begin(); at != values.end(); at += width) rows.emplace_back(at, at + width);
    return rows;
  }

  const TrainRequest& request_;
  Params params_;
  std::optional<Matrix> train_, holdout_;
  std::optional<Booster> booster_;
  std::vector<RoundMetric> rounds_;
  int best_round_ = 0;
};

void note_request(const TrainRequest& request, TrainResult& result) {
  result.params["num_rounds"] = std::to_string(request.num_rounds);
  if (request.holdout > Duration{0}) result.params["holdout"] = format_duration(request.holdout);
  if (request.early_stopping_rounds) {
    result.params["early_stopping_rounds"] = std::to_string(*request.early_stopping_rounds);
  }
}

}  // namespace

Result<TrainResult> train(duck::Connection& connection, const TrainRequest& request, std::stop_token stop,
                          const OnRound& on_round) {
  if (request.num_rounds < 1) return invalid_argument("num_rounds is {}; it must be at least 1", request.num_rounds);
  Params params = TRY(complete_params(request.params));
  const TrainingData data = TRY(read_training_data(connection, request));
  const std::unique_ptr<Training> training = TRY(Training::start(request, data, std::move(params)));
  TRY(training->run(stop, on_round));
  TrainResult result = TRY(training->finish(data));
  note_request(request, result);
  result.train_rows = static_cast<std::int64_t>(data.train.size());
  result.holdout_rows = static_cast<std::int64_t>(data.holdout.size());
  result.rows_without_label = data.rows_without_label;
  result.split = data.split;
  return result;
}

}  // namespace millrace::training
