#include "app/vectors.h"

namespace millrace::app {
namespace {

duck::Type to_duck(sql::Type type) {
  switch (type) {
    case sql::Type::kBoolean:
      return duck::Type::kBoolean;
    case sql::Type::kBigint:
      return duck::Type::kBigint;
    case sql::Type::kDouble:
      return duck::Type::kDouble;
    case sql::Type::kVarchar:
      return duck::Type::kVarchar;
    case sql::Type::kTimestamp:
      return duck::Type::kTimestamp;
  }
  return duck::Type::kDouble;
}

class OnlineVectors final : public serving::VectorSource {
 public:
  explicit OnlineVectors(std::shared_ptr<const features::online::LookupPlan> plan) : plan_(std::move(plan)) {
    for (const auto& input : plan_->inputs()) inputs_.push_back({input.name, to_duck(input.type)});
  }

  const std::vector<duck::ColumnType>& inputs() const override { return inputs_; }
  const std::vector<std::string>& features() const override { return plan_->features(); }
  Result<void> compute(std::span<const sql::Value> inputs, Timestamp moment, std::span<double> out) const override {
    thread_local features::online::LookupScratch scratch;
    plan_->lookup(inputs, moment, scratch, out);
    return {};
  }

 private:
  std::shared_ptr<const features::online::LookupPlan> plan_;
  std::vector<duck::ColumnType> inputs_;
};

}  // namespace

serving::FindVectors online_vectors(const features::Live& live) {
  return [&live](const std::string& service) -> Result<std::shared_ptr<const serving::VectorSource>> {
    return std::make_shared<OnlineVectors>(TRY(live.plan(service)));
  };
}

}  // namespace millrace::app
