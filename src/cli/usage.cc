#include "cli/usage.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/suggest.h"
#include "cli/cli.h"

namespace millrace::cli {
namespace {

std::vector<std::string> command_names(const CLI::App* command) {
  std::vector<std::string> names;
  for (const auto* each : command->get_subcommands([](const CLI::App*) { return true; }))
    if (!each->get_group().empty()) names.push_back(each->get_name());
  return names;
}

// Options fall through to the commands above.
std::vector<std::string> option_names(const CLI::App* command) {
  std::vector<std::string> names;
  for (; command; command = command->get_parent())
    for (const auto* option : command->get_options())
      for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

bool is_option(const std::string& word) { return word.size() > 1 && word[0] == '-'; }

std::string lower_first(std::string text) {
  if (text.size() > 1 && std::isupper(static_cast<unsigned char>(text[0])) &&
      std::islower(static_cast<unsigned char>(text[1])))
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

std::string without_value(const std::string& option) { return option.substr(0, option.find('=')); }

std::string what_is_wrong(const CLI::App& app, const CLI::ParseError& error) {
  const auto* command = typed_command(app);
  auto words = app.remaining(true);
  bool is_extra = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError);
  bool lacks_command = command->get_require_subcommand_min() > 0;
  if (words.empty() || !(is_extra || lacks_command)) return lower_first(error.what());
  // An unknown option may have taken the word behind it along; so it is named first.
  auto option = std::ranges::find_if(words, is_option);
  if (option != words.end()) {
    auto name = without_value(*option);
    return fmt::format("there is no option {}{}", name, did_you_mean(name, option_names(command)));
  }
  if (lacks_command)
    return fmt::format("there is no command \"{}\"{}", words.front(),
                       did_you_mean(words.front(), command_names(command)));
  return fmt::format("there is no place for \"{}\"", words.front());
}

}  // namespace

const CLI::App* typed_command(const CLI::App& app) {
  const CLI::App* command = &app;
  while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
  return command;
}

std::string usage_message(const CLI::App& app, const CLI::ParseError& error) {
  return fmt::format("millrace: {}\nSee `{} --help`.\n", what_is_wrong(app, error), command_line(typed_command(app)));
}

bool stops_at_noun(const CLI::App& app, const CLI::ParseError& error) {
  return error.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError) &&
         typed_command(app)->get_require_subcommand_min() > 0 && app.remaining(true).empty();
}

std::string help_of(const CLI::App* command) {
  return command->help(command->get_parent() ? command_line(command->get_parent()) : "");
}

}  // namespace millrace::cli
