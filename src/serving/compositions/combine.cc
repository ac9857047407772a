#include "serving/compositions/combine.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "serving/convert.h"
#include "serving/infer.h"
#include "serving/rows.h"

namespace millrace::serving {
namespace {

constexpr double kDecision = 0.5;

std::optional<std::int64_t> integer_of(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool all_integers(const std::vector<std::string>& labels) {
  return std::ranges::all_of(labels, [](const std::string& label) { return integer_of(label).has_value(); });
}

bool says_integers(const Voter& voter) { return voter.ballot != Ballot::kText && all_integers(voter.labels); }
bool says_texts(const Voter& voter) {
  return voter.ballot == Ballot::kText || (voter.ballot == Ballot::kLargest && !voter.labels.empty());
}

// Of the row's numbers; a NaN is never the largest.
std::size_t largest(const TensorView& tensor, std::size_t row, std::size_t width) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < width; ++i) {
    const double best_value = number_at(tensor, row * width + best), value = number_at(tensor, row * width + i);
    if (value > best_value || (best_value != best_value && value == value)) best = i;
  }
  return best;
}

std::size_t width_of_rows(const TensorView& tensor) {
  return tensor.shape.size() < 2 ? 1 : static_cast<std::size_t>(tensor.shape[1]);
}

// A row's class by its place, where the voter's output is of numbers.
std::int64_t class_at(const TensorView& tensor, Ballot ballot, std::size_t row) {
  if (ballot == Ballot::kInteger) return integer_at(tensor, row);
  if (ballot == Ballot::kThreshold) return number_at(tensor, row) >= kDecision ? 1 : 0;
  return static_cast<std::int64_t>(largest(tensor, row, width_of_rows(tensor)));
}

std::string text_vote(const TensorView& tensor, const Voter& voter, std::size_t row) {
  if (voter.ballot == Ballot::kText) return std::string(tensor.texts[row]);
  return voter.labels[static_cast<std::size_t>(class_at(tensor, voter.ballot, row))];
}

std::int64_t integer_vote(const TensorView& tensor, const Voter& voter, std::size_t row) {
  const std::int64_t place = class_at(tensor, voter.ballot, row);
  if (voter.ballot != Ballot::kLargest || voter.labels.empty()) return place;
  return *integer_of(voter.labels[static_cast<std::size_t>(place)]);
}

// All tensors are of as many rows, a value each or, of kLargest, one for each label.
Result<void> check_ballots(std::span<const TensorView> tensors, std::span<const Voter> voters) {
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const std::size_t width = width_of_rows(tensors[i]);
    const bool many = voters[i].ballot == Ballot::kLargest;
    const bool fits = !many ? width == 1 : width > 0 && (voters[i].labels.empty() || voters[i].labels.size() == width);
    if (fits && !tensors[i].shape.empty() && tensors[i].shape[0] == tensors[0].shape[0]) continue;
    return internal_error("member {} answered \"{}\" of shape {}, which is no vote for each row", i + 1,
                          tensors[i].name, shape_text(tensors[i].shape));
  }
  return {};
}

template <typename Label>
std::size_t elect_label(std::span<const Label> votes, std::span<const double> weights) {
  std::size_t winner = 0;
  double most = -1, heaviest = -1;
  for (std::size_t i = 0; i < votes.size(); ++i) {
    if (std::ranges::find(votes.first(i), votes[i]) != votes.begin() + static_cast<std::ptrdiff_t>(i)) continue;
    double sum = 0, heaviest_here = 0;
    for (std::size_t j = i; j < votes.size(); ++j) {
      if (votes[j] != votes[i]) continue;
      sum += weights[j];
      heaviest_here = std::max(heaviest_here, weights[j]);
    }
    if (sum < most || (sum == most && heaviest_here <= heaviest)) continue;
    winner = i;
    most = sum;
    heaviest = heaviest_here;
  }
  return winner;
}

template <typename Label, typename VoteAt>
std::vector<Label> elected(std::size_t rows, std::span<const double> weights, const VoteAt& vote_at) {
  std::vector<Label> winners, votes(weights.size());
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t member = 0; member < votes.size(); ++member) votes[member] = vote_at(member, row);
    winners.push_back(votes[elect(std::span<const Label>(votes), weights)]);
  }
  return winners;
}

}  // namespace

Result<Tensor> mean_of(std::span<const TensorView> tensors, std::span<const double> weights) {
  const TensorView& first = tensors.front();
  Tensor mean = make_tensor(std::string(kOutput), Datatype::kFp64, {first.shape.begin(), first.shape.end()});
  const std::span<double> out = elements<double>(mean);
  double sum = 0;
  for (std::size_t member = 0; member < tensors.size(); ++member) {
    const TensorView& tensor = tensors[member];
    if (!std::ranges::equal(tensor.shape, first.shape)) {
      return internal_error("members answered \"{}\" of shape {} and \"{}\" of shape {}", first.name,
                            shape_text(first.shape), tensor.name, shape_text(tensor.shape));
    }
    sum += weights[member];
    for (std::size_t i = 0; i < out.size(); ++i) out[i] += weights[member] * number_at(tensor, i);
  }
  for (double& value : out) value /= sum;
  return mean;
}

Result<Voter> voter_of(const TensorSpec& output) {
  const bool rows = !output.shape.empty() && output.shape[0] == kAny && output.shape.size() <= 2;
  const bool column = rows && (output.shape.size() == 1 || output.shape[1] == 1);
  if (column && output.datatype == Datatype::kBytes) return Voter{Ballot::kText};
  if (column && is_integer(output.datatype)) return Voter{Ballot::kInteger};
  if (column) return Voter{Ballot::kThreshold};
  if (rows && is_floating(output.datatype)) return Voter{Ballot::kLargest, output.labels};
  return failed_precondition("its output \"{}\", {} of shape {}, says no class for each row", output.name,
                             to_text(output.datatype), shape_text(output.shape));
}

Result<Datatype> vote_datatype(std::span<const Voter> voters) {
  if (std::ranges::all_of(voters, says_integers)) return Datatype::kInt64;
  if (std::ranges::all_of(voters, says_texts)) return Datatype::kBytes;
  return failed_precondition(
      "some members say classes as texts and others as numbers, which cannot be counted together");
}

std::size_t elect(std::span<const std::int64_t> votes, std::span<const double> weights) {
  return elect_label(votes, weights);
}

std::size_t elect(std::span<const std::string> votes, std::span<const double> weights) {
  return elect_label(votes, weights);
}

Result<Tensor> vote_of(std::span<const TensorView> tensors, std::span<const Voter> voters,
                       std::span<const double> weights, Datatype datatype) {
  TRY(check_ballots(tensors, voters));
  const std::int64_t rows = tensors.front().shape[0];
  Tensor out = make_tensor(std::string(kOutput), datatype, {rows});
  const auto count = static_cast<std::size_t>(rows);
  if (datatype == Datatype::kBytes) {
    out.texts = elected<std::string>(count, weights, [&](std::size_t member, std::size_t row) {
      return text_vote(tensors[member], voters[member], row);
    });
    return out;
  }
  const auto winners = elected<std::int64_t>(count, weights, [&](std::size_t member, std::size_t row) {
    return integer_vote(tensors[member], voters[member], row);
  });
  std::ranges::copy(winners, elements<std::int64_t>(out).begin());
  return out;
}

}  // namespace millrace::serving
