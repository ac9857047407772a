#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "serving/tensor.h"

namespace millrace::serving {

// The mean of tensors of numbers, element by element, each with its weight; FP64, NaN where one is. Tensors of other
// shapes than the first's are kInternal.
Result<Tensor> mean_of(std::span<const TensorView> tensors, std::span<const double> weights);

// How an output says which class a row has.
enum class Ballot {
  kText,       // BYTES [n]: the class
  kInteger,    // integers or booleans [n]: the class
  kThreshold,  // a floating number a row, a probability: class 1 from 0.5 on, else 0
  kLargest     // a floating number for each class: the class of the largest, by its label, or else by its place
};

// Who votes, and how.
struct Voter {
  Ballot ballot = Ballot::kInteger;
  std::vector<std::string> labels = {};  // of kLargest; may be empty
};

// kFailedPrecondition for an output that says no class: of more than two extents, or not of rows.
Result<Voter> voter_of(const TensorSpec& output);

// Votes are counted as texts or as integers: integers where all voters can say their classes so. kFailedPrecondition
// where one can say only the one and one only the other.
Result<Datatype> vote_datatype(std::span<const Voter> voters);

// Row by row the class with the most weight behind it, INT64 or BYTES [n]. Of equal ones that with the heaviest member,
// then that of the member that stands first. A voter whose numbers are all NaN says class 0.
Result<Tensor> vote_of(std::span<const TensorView> tensors, std::span<const Voter> voters,
                       std::span<const double> weights, Datatype datatype);

// The member whose vote wins.
std::size_t elect(std::span<const std::int64_t> votes, std::span<const double> weights);
std::size_t elect(std::span<const std::string> votes, std::span<const double> weights);

}  // namespace millrace::serving
