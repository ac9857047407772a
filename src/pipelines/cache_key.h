#pragma once

#include <map>
#include <string>

namespace millrace::pipelines {

// All that a step's result may depend on.
struct CacheKeyParts {
  std::string code;                           // a built-in: its name and build; else the command and its code's hash
  std::map<std::string, std::string> inputs;  // content hash by input name
  std::map<std::string, std::string> params;  // resolved JSON text by name
  std::string event_time;                     // empty where the step does not depend on it
};

// 64 hexadecimal digits.
std::string cache_key(const CacheKeyParts& parts);

}  // namespace millrace::pipelines
