#include "datasets/profile.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/time.h"

namespace millrace::datasets {
namespace {

constexpr std::size_t kValues = 1000;     // distinct texts that are counted
constexpr std::size_t kTopValues = 20;    // of which so many are reported
constexpr std::size_t kShownBytes = 200;  // of a text
constexpr int kFinest = -1000;            // bins are at least 2^kFinest wide

std::uint64_t mix(std::uint64_t h) {
  h = (h ^ h >> 33) * 0xFF51AFD7ED558CCDULL;
  h = (h ^ h >> 33) * 0xC4CEB9FE1A85EC53ULL;
  return h ^ h >> 33;
}

std::uint64_t hash_text(std::string_view text) {
  std::uint64_t h = text.size() * 0x9E3779B97F4A7C15ULL;
  for (std::size_t i = 0; i < text.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + i, std::min<std::size_t>(8, text.size() - i));
    h = (std::rotl(h, 23) ^ word) * 0x9E3779B97F4A7C15ULL;
  }
  return mix(h);
}

constexpr char kDigits[] = "0123456789abcdef";

int digit(char c) { return c >= 'a' ? c - 'a' + 10 : c - '0'; }

std::vector<std::pair<std::string, std::int64_t>> by_frequency(const ValueCounts& values) {
  std::vector<std::pair<std::string, std::int64_t>> sorted(values.begin(), values.end());
  std::ranges::sort(sorted, [](const auto& a, const auto& b) {
    return std::pair(-a.second, a.first) < std::pair(-b.second, b.first);
  });
  return sorted;
}

}  // namespace

void DistinctCounter::add(std::uint64_t hash) {
  const std::size_t slot = hash >> (64 - kBits);
  const auto rank = static_cast<std::uint8_t>(std::countl_zero(hash << kBits | 1ULL << (kBits - 1)) + 1);
  registers_[slot] = std::max(registers_[slot], rank);
}

void DistinctCounter::merge(const DistinctCounter& other) {
  for (std::size_t i = 0; i < registers_.size(); ++i) registers_[i] = std::max(registers_[i], other.registers_[i]);
}

std::int64_t DistinctCounter::estimate() const {
  const double m = static_cast<double>(registers_.size());
  double sum = 0;
  int zeros = 0;
  for (const std::uint8_t rank : registers_) {
    sum += std::ldexp(1.0, -rank);
    zeros += rank == 0;
  }
  const double raw = 0.7213 / (1 + 1.079 / m) * m * m / sum;
  if (raw <= 2.5 * m && zeros > 0) return std::llround(m * std::log(m / zeros));
  return std::llround(raw);
}

// Runs of zeros are short: "z12" is twelve zeros, otherwise two digits a register.
std::string DistinctCounter::encode() const {
  std::string text;
  for (std::size_t i = 0; i < registers_.size();) {
    if (registers_[i] == 0) {
      std::size_t run = 0;
      while (i < registers_.size() && registers_[i] == 0) ++run, ++i;
      text += 'z' + std::to_string(run) + ';';
    } else {
      text += kDigits[registers_[i] >> 4];
      text += kDigits[registers_[i++] & 15];
    }
  }
  return text;
}

Result<DistinctCounter> DistinctCounter::decode(std::string_view text) {
  DistinctCounter counter;
  std::size_t slot = 0;
  for (std::size_t i = 0; i < text.size() && slot < counter.registers_.size();) {
    if (text[i] == 'z') {
      const std::size_t end = text.find(';', i);
      if (end == std::string_view::npos) return data_loss("the state of a profile is damaged");
      slot += std::stoul(std::string(text.substr(i + 1, end - i - 1)));
      i = end + 1;
    } else {
      if (i + 2 > text.size()) return data_loss("the state of a profile is damaged");
      counter.registers_[slot++] = static_cast<std::uint8_t>(digit(text[i]) << 4 | digit(text[i + 1]));
      i += 2;
    }
  }
  return counter;
}

std::int64_t DyadicHistogram::index(double value) const {
  return static_cast<std::int64_t>(std::floor(value * scale_));
}

void DyadicHistogram::set_exponent(int exponent) {
  exponent_ = exponent;
  scale_ = std::ldexp(1.0, -exponent);
}

// The finest width at which the value's bin is exact.
void DyadicHistogram::start(double value) {
  set_exponent(value == 0 ? kFinest : std::max(std::ilogb(value) - 52, kFinest));
  low_ = high_ = index(value);
  empty_ = false;
}

void DyadicHistogram::widen(int exponent) {
  const int shift = std::min(exponent - exponent_, 63);
  const std::int64_t low = low_ >> shift;
  std::array<std::int64_t, kBins> wide{};
  for (std::int64_t bin = low_; bin <= high_; ++bin) {
    wide[static_cast<std::size_t>((bin >> shift) - low)] += counts_[static_cast<std::size_t>(bin - low_)];
  }
  counts_ = wide;
  low_ = low;
  high_ >>= shift;
  set_exponent(exponent);
}

void DyadicHistogram::cover(std::int64_t low, std::int64_t high) {
  std::ranges::rotate(counts_, counts_.end() - (low_ - low));
  low_ = low;
  high_ = high;
}

void DyadicHistogram::extend(double value) {
  // A bin's number must fit into an integer; what is that much smaller than the value needs no exact bin.
  if (value != 0 && std::ilogb(value) - 60 > exponent_) widen(std::ilogb(value) - 60);
  while (true) {
    const std::int64_t bin = index(value);
    const std::int64_t low = std::min(bin, low_);
    const std::int64_t high = std::max(bin, high_);
    if (high - low < kBins) return cover(low, high);
    widen(exponent_ + 1);
  }
}

void DyadicHistogram::add(double value) {
  if (!std::isfinite(value)) return;
  if (empty_) start(value);
  const double bin = std::floor(value * scale_);
  if (bin < static_cast<double>(low_) || bin > static_cast<double>(high_)) extend(value);
  ++counts_[static_cast<std::size_t>(index(value) - low_)];
}

void DyadicHistogram::merge(const DyadicHistogram& other) {
  if (other.empty_) return;
  if (empty_) {
    *this = other;
    return;
  }
  DyadicHistogram added = other;
  for (int exponent = std::max(exponent_, added.exponent_);; ++exponent) {
    widen(exponent);
    added.widen(exponent);
    const std::int64_t low = std::min(low_, added.low_);
    const std::int64_t high = std::max(high_, added.high_);
    if (high - low >= kBins) continue;
    cover(low, high);
    added.cover(low, high);
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += added.counts_[i];
    return;
  }
}

Json DyadicHistogram::report() const {
  Json edges = Json::array();
  Json counts = Json::array();
  for (std::int64_t bin = low_; !empty_ && bin <= high_; ++bin) {
    edges.push_back(std::ldexp(static_cast<double>(bin), exponent_));
    counts.push_back(counts_[static_cast<std::size_t>(bin - low_)]);
  }
  if (!empty_) edges.push_back(std::ldexp(static_cast<double>(high_ + 1), exponent_));
  return {{"edges", edges}, {"counts", counts}};
}

Json DyadicHistogram::state() const {
  Json counts = Json::array();
  for (std::int64_t bin = low_; !empty_ && bin <= high_; ++bin)
    counts.push_back(counts_[static_cast<std::size_t>(bin - low_)]);
  return {{"exponent", exponent_}, {"low", low_}, {"counts", counts}};
}

DyadicHistogram DyadicHistogram::of_state(const Json& state) {
  DyadicHistogram histogram;
  const auto counts = state.at("counts").get<std::vector<std::int64_t>>();
  if (counts.empty() || counts.size() > histogram.counts_.size()) return histogram;
  histogram.empty_ = false;
  histogram.set_exponent(state.at("exponent"));
  histogram.low_ = state.at("low");
  histogram.high_ = histogram.low_ + static_cast<std::int64_t>(counts.size()) - 1;
  std::ranges::copy(counts, histogram.counts_.begin());
  return histogram;
}

void ColumnProfile::add_number(double value) {
  min_number_ = count_ == 0 ? value : std::min(min_number_, value);
  max_number_ = count_ == 0 ? value : std::max(max_number_, value);
  ++count_;
  const double difference = value - mean_;
  mean_ += difference / static_cast<double>(count_);
  squares_ += difference * (value - mean_);
  histogram_.add(value);
}

void ColumnProfile::add_integer(std::int64_t value) {
  min_integer_ = count_ == 0 ? value : std::min(min_integer_, value);
  max_integer_ = count_ == 0 ? value : std::max(max_integer_, value);
  distinct_.add(mix(static_cast<std::uint64_t>(value)));
  if (type_ == duck::Type::kTimestamp) {
    ++count_;
  } else {
    add_number(static_cast<double>(value));
  }
}

void ColumnProfile::count_value(std::string_view value) {
  const std::string_view shown = value.substr(0, kShownBytes);
  const auto found = values_.find(shown);
  if (found != values_.end()) {
    ++found->second;
  } else if (values_.size() < kValues) {
    values_.emplace(shown, 1);
  } else {
    ++other_values_;
  }
  if (count_ == 0 || value < min_text_) min_text_ = value;
  if (count_ == 0 || value > max_text_) max_text_ = value;
  ++count_;
  distinct_.add(hash_text(value));
}

void ColumnProfile::add(const duck::Column& column) {
  for (std::size_t row = 0; row < column.size(); ++row) {
    if (column.is_null(row)) {
      ++nulls_;
    } else if (type_ == duck::Type::kVarchar) {
      count_value(column.strings[row]);
    } else if (type_ == duck::Type::kDouble) {
      distinct_.add(mix(std::bit_cast<std::uint64_t>(column.doubles[row] + 0.0)));
      add_number(column.doubles[row]);
    } else {
      add_integer(column.ints[row]);
    }
  }
}

void ColumnProfile::merge(const ColumnProfile& other) {
  nulls_ += other.nulls_;
  if (other.count_ == 0) return;
  if (count_ == 0) {
    const std::int64_t nulls = nulls_;
    *this = other;
    nulls_ = nulls;
    return;
  }
  const auto a = static_cast<double>(count_);
  const auto b = static_cast<double>(other.count_);
  const double difference = other.mean_ - mean_;
  mean_ += difference * b / (a + b);
  squares_ += other.squares_ + difference * difference * a * b / (a + b);
  count_ += other.count_;
  min_number_ = std::min(min_number_, other.min_number_);
  max_number_ = std::max(max_number_, other.max_number_);
  min_integer_ = std::min(min_integer_, other.min_integer_);
  max_integer_ = std::max(max_integer_, other.max_integer_);
  min_text_ = std::min(min_text_, other.min_text_);
  max_text_ = std::max(max_text_, other.max_text_);
  distinct_.merge(other.distinct_);
  histogram_.merge(other.histogram_);
  other_values_ += other.other_values_;
  for (const auto& [value, count] : by_frequency(other.values_)) {
    if (values_.size() < kValues || values_.contains(value)) {
      values_[value] += count;
    } else {
      other_values_ += count;
    }
  }
}

Json ColumnProfile::report() const {
  Json json{{"type", duck::type_name(type_)}, {"count", count_}, {"nulls", nulls_}};
  if (count_ == 0) return json;
  const auto both = [&](const auto& min, const auto& max) {
    json["min"] = min;
    json["max"] = max;
  };
  switch (type_) {
    case duck::Type::kBoolean:
      both(min_integer_ != 0, max_integer_ != 0);
      break;
    case duck::Type::kBigint:
      both(min_integer_, max_integer_);
      break;
    case duck::Type::kDouble:
      both(min_number_, max_number_);
      break;
    case duck::Type::kVarchar:
      both(min_text_.substr(0, kShownBytes), max_text_.substr(0, kShownBytes));
      break;
    case duck::Type::kTimestamp:
      both(format_time({min_integer_}), format_time({max_integer_}));
      break;
  }
  json["distinct"] = std::min(count_, distinct_.estimate());
  if (type_ == duck::Type::kVarchar) {
    Json top = Json::array();
    std::int64_t rest = other_values_;
    for (const auto& [value, count] : by_frequency(values_)) {
      if (top.size() < kTopValues)
        top.push_back({{"value", value}, {"count", count}});
      else
        rest += count;
    }
    json["top"] = top;
    json["other"] = rest;
  } else if (type_ != duck::Type::kTimestamp) {
    json["mean"] = mean_;
    json["std"] = count_ > 1 ? std::sqrt(squares_ / static_cast<double>(count_ - 1)) : 0.0;
    json["histogram"] = histogram_.report();
  }
  return json;
}

Json ColumnProfile::state() const {
  Json values = Json::array();
  for (const auto& [value, count] : by_frequency(values_)) values.push_back(Json::array({value, count}));
  return {{"type", static_cast<int>(type_)},
          {"count", count_},
          {"nulls", nulls_},
          {"mean", mean_},
          {"squares", squares_},
          {"numbers", {min_number_, max_number_}},
          {"integers", {min_integer_, max_integer_}},
          {"texts", {min_text_, max_text_}},
          {"distinct", distinct_.encode()},
          {"histogram", histogram_.state()},
          {"values", values},
          {"other", other_values_}};
}

Result<ColumnProfile> ColumnProfile::of_state(const Json& state) {
  const auto real = [](const Json& json) { return json.is_number() ? json.get<double>() : std::nan(""); };
  ColumnProfile profile(static_cast<duck::Type>(state.at("type").get<int>()));
  profile.count_ = state.at("count");
  profile.nulls_ = state.at("nulls");
  profile.mean_ = real(state.at("mean"));
  profile.squares_ = real(state.at("squares"));
  profile.min_number_ = real(state.at("numbers").at(0));
  profile.max_number_ = real(state.at("numbers").at(1));
  profile.min_integer_ = state.at("integers").at(0);
  profile.max_integer_ = state.at("integers").at(1);
  profile.min_text_ = state.at("texts").at(0);
  profile.max_text_ = state.at("texts").at(1);
  profile.distinct_ = TRY(DistinctCounter::decode(state.at("distinct").get<std::string>()));
  profile.histogram_ = DyadicHistogram::of_state(state.at("histogram"));
  for (const Json& pair : state.at("values")) profile.values_[pair.at(0)] = pair.at(1);
  profile.other_values_ = state.at("other");
  return profile;
}

Profile::Profile(const std::vector<duck::ColumnType>& columns) : types_(columns) {
  for (const duck::ColumnType& column : columns) columns_.emplace_back(column.type);
}

void Profile::add(const duck::Table& rows) {
  rows_ += static_cast<std::int64_t>(rows.rows);
  for (std::size_t i = 0; i < columns_.size(); ++i) columns_[i].add(rows.columns[i]);
}

void Profile::merge(const Profile& other) {
  for (std::size_t i = 0; i < other.columns_.size(); ++i) {
    if (i < columns_.size()) {
      columns_[i].merge(other.columns_[i]);
    } else {
      types_.push_back(other.types_[i]);
      columns_.push_back(other.columns_[i]);
    }
  }
  rows_ += other.rows_;
}

std::string Profile::report() const {
  Json columns = Json::object();
  for (std::size_t i = 0; i < columns_.size(); ++i) columns[types_[i].name] = columns_[i].report();
  return dump_json({{"rows", rows_}, {"columns", columns}});
}

std::string Profile::state() const {
  Json columns = Json::array();
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    columns.push_back({{"name", types_[i].name}, {"state", columns_[i].state()}});
  }
  return dump_json({{"rows", rows_}, {"columns", columns}});
}

Result<Profile> Profile::of_state(std::string_view state) {
  const Json json = TRY(parse_json(state));
  Profile profile({});
  profile.rows_ = json.at("rows");
  for (const Json& column : json.at("columns")) {
    profile.columns_.push_back(TRY(ColumnProfile::of_state(column.at("state"))));
    profile.types_.push_back({column.at("name"), static_cast<duck::Type>(column.at("state").at("type").get<int>())});
  }
  return profile;
}

}  // namespace millrace::datasets
