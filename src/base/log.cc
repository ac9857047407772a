#include "base/log.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/time.h"

namespace millrace::log {
namespace {

struct Settings {
  Level level = Level::kInfo;
  Format format = Format::kText;
};
constinit Settings settings;

constexpr std::string_view kNames[] = {"debug", "info", "warn", "error"};

std::string as_json(Level level, std::string_view message, std::initializer_list<Field> fields) {
  Json line{{"time", format_time(WallClock().now())}, {"level", kNames[static_cast<int>(level)]}, {"message", message}};
  for (const auto& field : fields) line[std::string(field.key)] = field.value;
  return dump_json(line);
}

bool plain(std::string_view value) {
  return !value.empty() && value.find_first_of(" \"=\n\t\r") == std::string_view::npos;
}

std::string as_text(Level level, std::string_view message, std::initializer_list<Field> fields) {
  auto line = fmt::format("{} {:5} {}", format_time(WallClock().now()), kNames[static_cast<int>(level)], message);
  for (const auto& field : fields)
    line += fmt::format(" {}={}", field.key, plain(field.value) ? field.value : dump_json(Json(field.value)));
  return line;
}

}  // namespace

void configure(Level level, Format format) { settings = {level, format}; }

void write(Level level, std::string_view message, std::initializer_list<Field> fields) {
  if (level < settings.level) return;
  auto line = settings.format == Format::kJson ? as_json(level, message, fields) : as_text(level, message, fields);
  line += '\n';
  [[maybe_unused]] auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace millrace::log
