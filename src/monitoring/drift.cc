#include "monitoring/drift.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "monitoring/distance.h"
#include "monitoring/kolmogorov.h"

namespace millrace::monitoring {
namespace {

struct MethodRow {
  DriftMethod method;
  std::string_view name;
  double threshold;
};

constexpr std::array<MethodRow, 9> kMethods{{
    {DriftMethod::kEvidently, "evidently", 0},
    {DriftMethod::kKs, "ks", 0.05},
    {DriftMethod::kWasserstein, "wasserstein", 0.1},
    {DriftMethod::kJensenShannon, "jensenshannon", 0.1},
    {DriftMethod::kChiSquare, "chisquare", 0.05},
    {DriftMethod::kZ, "z", 0.05},
    {DriftMethod::kPsi, "psi", 0.1},
    {DriftMethod::kKlDivergence, "kl_div", 0.1},
    {DriftMethod::kHellinger, "hellinger", 0.1},
}};

const MethodRow& row_of(DriftMethod method) { return kMethods[static_cast<std::size_t>(method)]; }

bool fits(DriftMethod method, const Column& column) {
  if (method == DriftMethod::kKs || method == DriftMethod::kWasserstein) return std::holds_alternative<Sample>(column);
  return method != DriftMethod::kEvidently;
}

CellCounts values_of(const Column& reference, const Column& current) {
  if (const auto* sample = std::get_if<Sample>(&reference)) return count_values(*sample, std::get<Sample>(current));
  return count_values(std::get<Categories>(reference), std::get<Categories>(current));
}

CellCounts cells_of(const Column& reference, const Column& current) {
  if (const auto* sample = std::get_if<Sample>(&reference)) return evidently_cells(*sample, std::get<Sample>(current));
  return values_of(reference, current);
}

double hellinger_of(const Column& reference, const Column& current) {
  if (const auto* sample = std::get_if<Sample>(&reference)) return hellinger(*sample, std::get<Sample>(current));
  return hellinger(std::get<Categories>(reference), std::get<Categories>(current));
}

double score(DriftMethod method, const Column& reference, const Column& current) {
  switch (method) {
    case DriftMethod::kKs:
      return kolmogorov_smirnov(std::get<Sample>(reference), std::get<Sample>(current)).p_value;
    case DriftMethod::kWasserstein:
      return normed_wasserstein(std::get<Sample>(reference), std::get<Sample>(current));
    case DriftMethod::kJensenShannon:
      return jensen_shannon(cells_of(reference, current));
    case DriftMethod::kChiSquare:
      return chi_square(values_of(reference, current));
    case DriftMethod::kZ:
      return two_proportions(values_of(reference, current));
    case DriftMethod::kPsi:
      return population_stability_index(cells_of(reference, current));
    case DriftMethod::kKlDivergence:
      return kl_divergence(cells_of(reference, current));
    case DriftMethod::kHellinger:
      return hellinger_of(reference, current);
    case DriftMethod::kEvidently:
      break;
  }
  return std::nan("");
}

// Evidently compares KS with <=, the other p-values with <, distances with >=.
bool is_drift(DriftMethod method, double score, double threshold) {
  switch (method) {
    case DriftMethod::kKs:
      return score <= threshold;
    case DriftMethod::kChiSquare:
    case DriftMethod::kZ:
      return score < threshold;
    default:
      return score >= threshold;
  }
}

// Whether both sides together have more than five distinct values; the exact number only matters below that.
bool many_values(const Sample& reference, const Sample& current) {
  if (std::max(reference.distinct(), current.distinct()) > 5) return true;
  return count_values(reference, current).reference.size() > 5;
}

}  // namespace

std::string_view drift_method_name(DriftMethod method) { return row_of(method).name; }

std::optional<DriftMethod> find_drift_method(std::string_view name) {
  const auto found = std::ranges::find(kMethods, name, &MethodRow::name);
  if (found == kMethods.end()) return std::nullopt;
  return found->method;
}

const std::vector<std::string>& drift_method_names() {
  static const auto names = [] {
    std::vector<std::string> list;
    for (const auto& row : kMethods) list.emplace_back(row.name);
    return list;
  }();
  return names;
}

double default_threshold(DriftMethod method) { return row_of(method).threshold; }

DriftMethod default_method(const Column& reference, const Column& current) {
  const bool small = size(reference) <= 1000;
  const auto* sample = std::get_if<Sample>(&reference);
  if (sample != nullptr && many_values(*sample, std::get<Sample>(current))) {
    return small ? DriftMethod::kKs : DriftMethod::kWasserstein;
  }
  if (!small) return DriftMethod::kJensenShannon;
  return values_of(reference, current).reference.size() > 2 ? DriftMethod::kChiSquare : DriftMethod::kZ;
}

ColumnDrift column_drift(std::string name, const Column& reference, const Column& current,
                         const DriftOptions& options) {
  ColumnDrift drift{.name = std::move(name),
                    .method = "missing",
                    .reference_rows = static_cast<std::int64_t>(size(reference)),
                    .reference_missing = static_cast<std::int64_t>(missing(reference)),
                    .current_rows = static_cast<std::int64_t>(size(current)),
                    .current_missing = static_cast<std::int64_t>(missing(current))};
  const bool different_types = reference.index() != current.index();
  if (drift.reference_rows == 0 || drift.current_rows == 0 || different_types) {
    drift.drifted = different_types || drift.reference_rows != drift.current_rows;
    return drift;
  }
  const DriftMethod method = fits(options.method, reference) ? options.method : default_method(reference, current);
  drift.method = drift_method_name(method);
  drift.score = score(method, reference, current);
  drift.threshold = options.threshold.value_or(default_threshold(method));
  drift.drifted = is_drift(method, drift.score, drift.threshold);
  drift.psi = method == DriftMethod::kPsi ? drift.score : population_stability_index(cells_of(reference, current));
  return drift;
}

DatasetDrift dataset_drift(std::span<const ColumnDrift> columns, double share_threshold) {
  std::int64_t counted = 0;
  DatasetDrift drift;
  for (const ColumnDrift& column : columns) {
    counted += column.reference_rows > 0 || column.current_rows > 0;
    drift.drifted_columns += column.drifted;
  }
  if (counted == 0) return drift;
  drift.share = static_cast<double>(drift.drifted_columns) / static_cast<double>(counted);
  drift.drifted = drift.share >= share_threshold;
  return drift;
}

}  // namespace millrace::monitoring
