#include <fmt/format.h>

#include <algorithm>

#include "cli/completion.h"

namespace millrace::cli {
namespace {

struct Word {
  std::string text;
  std::string description;
};

// A command by the way to it: "/dataset/show", and "" for the program itself.
struct Command {
  std::string path;
  std::vector<Word> commands;
  std::vector<Word> options;
};

struct Tree {
  std::vector<Command> commands;
  std::vector<std::string> options_with_value;
};

// Up to where its first sentence or clause ends, on one line.
std::string brief(const std::string& description) { return description.substr(0, description.find_first_of("\n;")); }

std::vector<Word> options_of(const CLI::App* command, Tree& tree) {
  std::vector<Word> out;
  for (const auto* option : command->get_options()) {
    for (const auto& name : option->get_lnames()) {
      out.push_back({"--" + name, brief(option->get_description())});
      if (option->get_items_expected_min() > 0) tree.options_with_value.push_back("--" + name);
    }
  }
  return out;
}

void walk(const CLI::App* command, const std::string& path, const std::vector<Word>& inherited, Tree& tree) {
  Command here{.path = path, .commands = {}, .options = options_of(command, tree)};
  for (const auto& word : inherited)
    if (std::ranges::find(here.options, word.text, &Word::text) == here.options.end()) here.options.push_back(word);
  auto below = command->get_subcommands([](const CLI::App* each) { return !each->get_group().empty(); });
  for (const auto* each : below) here.commands.push_back({each->get_name(), brief(each->get_description())});
  tree.commands.push_back(here);
  for (const auto* each : below) walk(each, path + "/" + each->get_name(), here.options, tree);
}

Tree tree_of(const CLI::App& app) {
  Tree tree;
  walk(&app, "", {}, tree);
  std::ranges::sort(tree.options_with_value);
  auto repeated = std::ranges::unique(tree.options_with_value);
  tree.options_with_value.erase(repeated.begin(), repeated.end());
  return tree;
}

std::string texts(const std::vector<Word>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : " ") + word.text;
  return out;
}

std::string single_quoted(std::string_view text, std::string_view quote) {
  std::string out = "'";
  for (char c : text) out += c == '\'' ? std::string(quote) : std::string(1, c);
  return out + "'";
}

// The pattern of a shell's `case` that knows every command by its path.
std::string known_paths(const Tree& tree, std::string_view separator) {
  std::string out;
  for (const auto& command : tree.commands)
    if (!command.path.empty()) out += (out.empty() ? "" : std::string(separator)) + command.path;
  return out;
}

std::string bash_script(const Tree& tree) {
  std::string cases;
  for (const auto& command : tree.commands)
    cases += fmt::format("    '{}') commands='{}' options='{}' ;;\n", command.path, texts(command.commands),
                         texts(command.options));
  return fmt::format(R"(# bash completion of millrace: source <(millrace completion bash)
_millrace() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}" at='' commands='' options='' i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at/${{COMP_WORDS[i]}}" in
      {}) at="$at/${{COMP_WORDS[i]}}" ;;
    esac
  done
  case "$before" in
    {}) return ;;
  esac
  case "$at" in
{}  esac
  if [[ "$word" == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$word"))
  else
    COMPREPLY=($(compgen -W "$commands" -- "$word"))
  fi
}}
complete -o bashdefault -o default -F _millrace millrace
)",
                     known_paths(tree, "|"), fmt::join(tree.options_with_value, "|"), cases);
}

// "'name:what it is' ..." for _describe.
std::string described(const std::vector<Word>& words) {
  std::string out;
  for (const auto& word : words) {
    std::string text = word.text + ":";
    for (char c : word.description) text += c == ':' ? std::string("\\:") : std::string(1, c);
    out += (out.empty() ? "" : " ") + single_quoted(text, "'\\''");
  }
  return out;
}

std::string zsh_script(const Tree& tree) {
  std::string cases;
  for (const auto& command : tree.commands)
    cases += fmt::format("    '{}')\n      commands=({})\n      options=({}) ;;\n", command.path,
                         described(command.commands), described(command.options));
  return fmt::format(R"(#compdef millrace
# zsh completion of millrace: source <(millrace completion zsh)
_millrace() {{
  local at='' i
  local -a commands options
  for ((i = 2; i < CURRENT; i++)); do
    case "$at/${{words[i]}}" in
      {}) at="$at/${{words[i]}}" ;;
    esac
  done
  case "${{words[CURRENT-1]}}" in
    {}) _files; return ;;
  esac
  case "$at" in
{}  esac
  if [[ "${{words[CURRENT]}}" == -* ]]; then
    _describe -o option options
  elif (( $#commands )); then
    _describe command commands
  else
    _files
  fi
}}
if [[ "${{funcstack[1]}}" == _millrace ]]; then
  _millrace "$@"
else
  compdef _millrace millrace
fi
)",
                     known_paths(tree, "|"), fmt::join(tree.options_with_value, "|"), cases);
}

std::string fish_script(const Tree& tree) {
  std::string lines;
  for (const auto& command : tree.commands) {
    auto here = fmt::format("complete -c millrace -n '__millrace_at \"{}\"'", command.path);
    if (!command.commands.empty()) lines += here + " -f\n";
    for (const auto& word : command.commands)
      lines += fmt::format("{} -a {} -d {}\n", here, word.text, single_quoted(word.description, "\\'"));
    for (const auto& word : command.options) {
      bool takes_value = std::ranges::binary_search(tree.options_with_value, word.text);
      lines += fmt::format("{} -l {}{} -d {}\n", here, word.text.substr(2), takes_value ? " -r" : "",
                           single_quoted(word.description, "\\'"));
    }
  }
  return fmt::format(R"(# fish completion of millrace: millrace completion fish | source
function __millrace_at
  set -l at ''
  for word in (commandline -opc)[2..-1]
    switch "$at/$word"
      case {}
        set at "$at/$word"
    end
  end
  test "$at" = "$argv[1]"
end
{})",
                     known_paths(tree, " "), lines);
}

}  // namespace

Result<std::string> completion_script(const CLI::App& app, std::string_view shell) {
  auto tree = tree_of(app);
  if (shell == "bash") return bash_script(tree);
  if (shell == "zsh") return zsh_script(tree);
  if (shell == "fish") return fish_script(tree);
  return invalid_argument("there is no completion for the shell \"{}\"; there is for bash, zsh and fish", shell);
}

}  // namespace millrace::cli
