#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "features/features.h"
#include "sql/value.h"

namespace millrace::features::online {

class ViewStore;

// Room that lookups reuse; one per thread.
struct LookupScratch {
  sql::Scratch text;
  std::vector<sql::Value> row;
  std::string key;
};

// A feature service, bound to the store. Immutable and thread-safe; keeps what it needs of the store alive.
class LookupPlan {
 public:
  LookupPlan(std::shared_ptr<const ResolvedService> service, std::vector<std::shared_ptr<const ViewStore>> stores);

  const std::vector<InputColumn>& inputs() const { return service_->inputs; }
  const std::vector<std::string>& features() const { return service_->features; }
  const std::string& hash() const { return service_->hash; }
  const ResolvedService& service() const { return *service_; }

  // The vector as of `moment`: what a training set would hold for it. `inputs` has a value for each of inputs(), of its
  // type or null (text may be a view); `out` as many places as features(). NaN: null. Allocates nothing once `scratch`
  // has grown.
  void lookup(std::span<const sql::Value> inputs, Timestamp moment, LookupScratch& scratch,
              std::span<double> out) const;

 private:
  std::shared_ptr<const ResolvedService> service_;
  std::vector<std::shared_ptr<const ViewStore>> stores_;  // one for each of the service's views
};

}  // namespace millrace::features::online
