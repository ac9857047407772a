#include "serving/forest/transform.h"

#include <algorithm>
#include <cmath>

namespace millrace::serving {
namespace {

using Kind = Transform::Kind;

float sigmoid(float margin, double) {
  constexpr float kEps = 1e-16F;
  const float x = std::min(-margin, 88.7F);
  const float denominator = std::exp(x) + 1.0F + kEps;
  return 1.0F / denominator;
}

double sigmoid(double margin, double steepness) { return 1.0 / (1.0 + std::exp(-steepness * margin)); }

// Summed in a double, whatever the values are.
template <class Value>
void softmax(std::span<Value> row) {
  const Value largest = *std::ranges::max_element(row);
  double sum = 0;
  for (Value& value : row) {
    value = std::exp(value - largest);
    sum += value;
  }
  for (Value& value : row) value /= static_cast<Value>(sum);
}

template <class Value>
Value transformed(const Transform& transform, Value x) {
  switch (transform.kind) {
    case Kind::kSigmoid:
      return sigmoid(x, transform.steepness);
    case Kind::kExp:
      return std::exp(x);
    case Kind::kExpInDouble:
      return static_cast<Value>(std::exp(static_cast<double>(x)));
    case Kind::kStep:
      return x > 0 ? 1 : 0;
    case Kind::kSignedSquare:
      return static_cast<Value>((x > 0) - (x < 0)) * x * x;
    case Kind::kSoftplus:
      return std::log1p(std::exp(x));
    default:
      return x;
  }
}

template <class Value>
std::size_t apply(const Transform& transform, std::span<Value> row) {
  switch (transform.kind) {
    case Kind::kIdentity:
      return row.size();
    case Kind::kSoftmax:
      softmax(row);
      return row.size();
    case Kind::kArgmax:
      row[0] = static_cast<Value>(std::ranges::max_element(row) - row.begin());
      return 1;
    default:
      for (Value& value : row) value = transformed(transform, value);
      return row.size();
  }
}

}  // namespace

std::size_t apply_transform(const Transform& transform, std::span<float> row) { return apply(transform, row); }
std::size_t apply_transform(const Transform& transform, std::span<double> row) { return apply(transform, row); }

std::size_t transformed_size(const Transform& transform, std::size_t margins) {
  return transform.kind == Kind::kArgmax ? 1 : margins;
}

}  // namespace millrace::serving
