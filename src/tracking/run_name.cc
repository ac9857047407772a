#include "tracking/run_name.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>

namespace millrace::tracking {

namespace {

constexpr std::array<std::string_view, 32> kAdjectives = {
    "amber",  "brave", "bright", "calm",   "clever", "crisp",  "eager",  "gentle", "golden", "grand",   "hardy",
    "honest", "jolly", "keen",   "lively", "lucky",  "mellow", "mighty", "nimble", "noble",  "patient", "polite",
    "proud",  "quick", "quiet",  "rapid",  "silent", "steady", "sturdy", "swift",  "tidy",   "wise"};
constexpr std::array<std::string_view, 32> kAnimals = {
    "badger", "beaver", "bison", "crane", "curlew", "dipper", "duck",   "eel",   "falcon", "finch", "fox",
    "goose",  "hare",   "heron", "ibis",  "lark",   "lynx",   "marten", "mole",  "moose",  "newt",  "otter",
    "owl",    "perch",  "pike",  "robin", "salmon", "stork",  "swan",   "trout", "vole",   "wren"};

// FNV-1a, 64 bits.
std::uint64_t hash(std::string_view text) {
  std::uint64_t value = 0xcbf29ce484222325;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return value;
}

}  // namespace

std::string run_name_of(std::string_view run_id) {
  const std::uint64_t bits = hash(run_id);
  return fmt::format("{}-{}-{}", kAdjectives[bits % 32], kAnimals[bits / 32 % 32], bits / 1024 % 1000);
}

}  // namespace millrace::tracking
