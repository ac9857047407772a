#include "serving/vectors.h"

#include <algorithm>
#include <limits>

#include "features/online/lookup.h"
#include "features/online/store.h"

namespace millrace::serving {
namespace {

class PlainVectors final : public VectorSource {
 public:
  explicit PlainVectors(std::vector<std::string> features) : features_(std::move(features)) {
    for (const std::string& name : features_) inputs_.push_back({name, duck::Type::kDouble});
  }

  const std::vector<duck::ColumnType>& inputs() const override { return inputs_; }
  const std::vector<std::string>& features() const override { return features_; }
  Result<void> compute(std::span<const sql::Value> inputs, Timestamp, std::span<double> out) const override {
    std::ranges::transform(inputs, out.begin(), [](const sql::Value& value) {
      return value.kind == sql::Value::Kind::kDouble ? value.number : std::numeric_limits<double>::quiet_NaN();
    });
    return {};
  }

 private:
  std::vector<std::string> features_;
  std::vector<duck::ColumnType> inputs_;
};

// The two rooms' types are the same five in the same order.
static_assert(static_cast<int>(duck::Type::kBoolean) == static_cast<int>(sql::Type::kBoolean));
static_assert(static_cast<int>(duck::Type::kBigint) == static_cast<int>(sql::Type::kBigint));
static_assert(static_cast<int>(duck::Type::kDouble) == static_cast<int>(sql::Type::kDouble));
static_assert(static_cast<int>(duck::Type::kVarchar) == static_cast<int>(sql::Type::kVarchar));
static_assert(static_cast<int>(duck::Type::kTimestamp) == static_cast<int>(sql::Type::kTimestamp));

class OnlineVectors final : public VectorSource {
 public:
  explicit OnlineVectors(std::shared_ptr<const features::online::LookupPlan> plan) : plan_(std::move(plan)) {
    for (const auto& input : plan_->inputs()) inputs_.push_back({input.name, static_cast<duck::Type>(input.type)});
  }

  const std::vector<duck::ColumnType>& inputs() const override { return inputs_; }
  const std::vector<std::string>& features() const override { return plan_->features(); }
  Result<void> compute(std::span<const sql::Value> inputs, Timestamp moment, std::span<double> out) const override {
    thread_local features::online::LookupScratch scratch;  // only memory that is reused; it carries nothing over
    plan_->lookup(inputs, moment, scratch, out);
    return {};
  }

 private:
  std::shared_ptr<const features::online::LookupPlan> plan_;
  std::vector<duck::ColumnType> inputs_;
};

}  // namespace

Result<void> VectorSource::compute_rows(std::span<const sql::Value> inputs, Timestamp moment,
                                        std::span<double> out) const {
  const std::size_t taken = this->inputs().size(), width = features().size();
  for (std::size_t row = 0; row * width < out.size(); ++row)
    TRY(compute(inputs.subspan(row * taken, taken), moment, out.subspan(row * width, width)));
  return {};
}

FindVectors online_vectors(const features::online::OnlineStore& store) {
  return [&store](const std::string& service) -> Result<std::shared_ptr<const VectorSource>> {
    return std::make_shared<OnlineVectors>(TRY(store.plan(service)));
  };
}

std::shared_ptr<const VectorSource> plain_vectors(std::vector<std::string> features) {
  return std::make_shared<PlainVectors>(std::move(features));
}

}  // namespace millrace::serving
