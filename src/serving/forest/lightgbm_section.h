#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace millrace::serving {

// The lines "key=value" of a LightGBM model file up to an empty line. Views into the file.
struct LightgbmSection {
  std::vector<std::pair<std::string_view, std::string_view>> lines;

  std::optional<std::string_view> find(std::string_view key) const;
};

// Takes one section off the front of `text`, empty lines before it as well.
LightgbmSection take_section(std::string_view& text);

// What a line holds: one whole number; as many numbers as are said, split at spaces. kDataLoss names the key.
Result<std::int64_t> integer_in(const LightgbmSection& section, std::string_view key);
Result<std::vector<double>> reals_in(const LightgbmSection& section, std::string_view key, std::size_t count);
Result<std::vector<std::int64_t>> integers_in(const LightgbmSection& section, std::string_view key, std::size_t count);

}  // namespace millrace::serving
