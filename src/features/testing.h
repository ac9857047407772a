#pragma once

// What the tests of this room share.

#include <gtest/gtest.h>

#include <memory>
#include <string_view>

#include "features/features.h"

namespace millrace::features::testing {

inline const SourceSchema& flights_schema() {
  static const SourceSchema schema{"known_at",
                                   {{"date", sql::Type::kTimestamp},
                                    {"known_at", sql::Type::kTimestamp},
                                    {"delay", sql::Type::kBigint},
                                    {"distance", sql::Type::kBigint},
                                    {"origin", sql::Type::kVarchar},
                                    {"destination", sql::Type::kVarchar},
                                    {"carrier", sql::Type::kBigint}}};
  return schema;
}

inline const SourceSchema* flights_only(std::string_view dataset) {
  return dataset == "flights" ? &flights_schema() : nullptr;
}

// The definitions that a file's documents make, over the dataset flights; faults are in `diagnostics`.
inline std::shared_ptr<const Definitions> define(std::string_view yaml, Diagnostics& diagnostics) {
  std::vector<FeatureViewSpec> views;
  std::vector<FeatureServiceSpec> services;
  for (const Node& document : parse_yaml(yaml, "features.yaml", diagnostics)) {
    const Node* kind = document.find("kind");
    if (kind && kind->text == "FeatureView") {
      if (auto view = parse_feature_view(document, diagnostics)) views.push_back(std::move(*view));
    } else if (auto service = parse_feature_service(document, diagnostics)) {
      services.push_back(std::move(*service));
    }
  }
  return Definitions::make(std::move(views), std::move(services), flights_only, diagnostics);
}

// The same for documents without faults.
inline std::shared_ptr<const Definitions> define(std::string_view yaml) {
  Diagnostics diagnostics;
  auto definitions = define(yaml, diagnostics);
  for (const Diagnostic& diagnostic : diagnostics.list) ADD_FAILURE() << format_diagnostic(diagnostic);
  return definitions;
}

}  // namespace millrace::features::testing
