#include "cli/replay/story.h"

namespace millrace::cli {

std::string story_report(const Story& story) {
  return "<!doctype html><meta charset=utf-8><title>" + story.project + "</title><pre>" + story_table(story) + "</pre>\n";
}

}  // namespace millrace::cli
