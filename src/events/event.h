#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "base/json.h"
#include "base/time.h"

namespace millrace::events {

// Something that happened, and stays so.
struct Event {
  std::int64_t id = 0;  // rising in the order of commits
  std::string type;     // "dataset.version_created"
  std::string subject;  // what it happened to: "flights"
  Timestamp event_time;
  std::string who;  // did it; "" where nobody in particular did, or it is not known
  Json data;
};

}  // namespace millrace::events
