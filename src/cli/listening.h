#pragma once

#include <signal.h>

#include <CLI/CLI.hpp>
#include <string>

#include "app/listening.h"
#include "base/result.h"

namespace millrace::cli {

// What processes that answer requests have in common on their command lines.
struct ListeningArguments {
  std::string listen = "127.0.0.1:8080";
  std::string grpc_listen;
  app::Listening others;  // what is not said by addresses
  std::string log_format = "text";
  std::string log_level = "info";
  std::string python = "python3";
  bool no_python_models = false;
};

void add_listening(CLI::App& command, ListeningArguments& arguments);
// TLS and who may call.
void add_exposure(CLI::App& command, ListeningArguments& arguments);
void add_logging(CLI::App& command, ListeningArguments& arguments);
void add_python(CLI::App& command, ListeningArguments& arguments);

// kInvalidArgument for addresses that are none.
Result<app::Listening> listening_of(const ListeningArguments& arguments);

// The file of this program.
std::string own_program();

// Makes the process one that serves for long: its memory, its log, its children's threads. Before it starts threads.
void settle_process(const ListeningArguments& arguments);

// The signals that end it, blocked in every thread that is started after this.
class EndSignals {
 public:
  EndSignals();
  // Waits for one; "SIGTERM" or "SIGINT".
  std::string wait();

 private:
  sigset_t set_;
};

}  // namespace millrace::cli
