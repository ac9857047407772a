#pragma once

#include <cstddef>
#include <span>

namespace millrace::serving {

// What an objective makes of one row's margins.
struct Transform {
  enum class Kind {
    kIdentity,
    kSigmoid,
    kExp,
    kExpInDouble,  // of a float, rounded once more
    kSoftmax,
    kArgmax,        // the class alone
    kStep,          // 1 above 0, else 0
    kSignedSquare,  // LightGBM's reg_sqrt, undone
    kSoftplus,      // log(1 + exp(x))
  };

  Kind kind = Kind::kIdentity;
  double steepness = 1;  // of LightGBM's sigmoid
};

// Floats by XGBoost's arithmetic (src/common/math.h in dmlc/xgboost), doubles by LightGBM's (src/objective in
// microsoft/LightGBM), to the bit. Answers how many values of the row are left.
std::size_t apply_transform(const Transform& transform, std::span<float> row);
std::size_t apply_transform(const Transform& transform, std::span<double> row);

// How many predictions a row of so many margins has.
std::size_t transformed_size(const Transform& transform, std::size_t margins);

}  // namespace millrace::serving
