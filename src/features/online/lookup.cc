#include "features/online/lookup.h"

#include <array>

#include "features/compile.h"
#include "features/online/view_store.h"
#include "features/projection.h"

namespace millrace::features::online {

LookupPlan::LookupPlan(std::shared_ptr<const ResolvedService> service,
                       std::vector<std::shared_ptr<const ViewStore>> stores)
    : service_(std::move(service)), stores_(std::move(stores)) {}

void LookupPlan::lookup(std::span<const sql::Value> inputs, Timestamp moment, LookupScratch& scratch,
                        std::span<double> out) const {
  scratch.row.resize(std::max(inputs.size() + 1, service_->inputs.size() + 1));
  scratch.text.clear();
  // The views first: while a key is looked up, the row's room holds its entities.
  for (std::size_t v = 0; v < stores_.size(); ++v) {
    const ResolvedView& view = service_->views[v];
    for (std::size_t i = 0; i < view.key_inputs.size(); ++i) scratch.row[i] = inputs[view.key_inputs[i]];
    const auto key = encode_key(std::span(scratch.row).first(view.key_inputs.size()), scratch.key);
    if (key)
      stores_[v]->as_of(*key, moment, view.reads, out);
    else
      view.reads.nothing(out);
  }
  if (service_->request.empty()) return;
  scratch.row[0] = sql::Value::of(moment.us);
  std::ranges::copy(inputs, scratch.row.begin() + 1);
  for (const RequestFeature& feature : service_->request)
    out[feature.position] = to_number(feature.expression.evaluate(scratch.row, scratch.text));
}

}  // namespace millrace::features::online
