#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "events/event.h"

namespace millrace::notify {

// What a webhook may ask for, by MLflow's names: "model_version_tag.set".
const std::vector<std::string_view>& topics();

// What a webhook is told of an event of the log.
struct Notice {
  std::string topic;
  Json data;
};
// Nothing for an event that no topic is about.
std::optional<Notice> notice_of(const events::Event& event);
// What a topic's notice looks like, with made-up names.
Notice example_of(std::string_view topic);

// {"entity", "action", "timestamp", "data"}
std::string payload_of(const Notice& notice, Timestamp time);

// "v1," and the base64 of HMAC-SHA256 over "DELIVERY_ID.TIMESTAMP.PAYLOAD".
std::string signature(std::string_view secret, std::string_view delivery_id, std::string_view timestamp,
                      std::string_view payload);

// How long to wait after so many tries (from 1); nothing: give up.
std::optional<Duration> back_off(int tries);

// An answer that may be another one next time.
bool may_try_again(int status);

}  // namespace millrace::notify
