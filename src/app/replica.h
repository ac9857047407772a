#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "app/listening.h"
#include "base/result.h"
#include "base/time.h"
#include "replicas/upstream.h"

namespace millrace::app {

struct ReplicaSettings {
  replicas::ServerPlace from;  // the server that it is a replica of
  std::filesystem::path home;  // made where there is none
  std::string name;            // its own among the server's replicas; "" for the machine's name and the port
  std::string address;         // where others find it; "" for what it listens on
  Listening listening;
  std::string program;             // this program's file, which models are rehearsed with
  std::string python = "python3";  // as in ServerSettings
  bool python_models = true;
  std::uint64_t most_waiting_bytes = std::uint64_t{1} << 30;  // of predictions that the server has not got yet
};

// Answers predictions as a server's endpoints would, at as many places as it takes. Everything is built here, in order,
// and taken down in the reverse order. What it keeps in its home folder may be deleted while it does not run, but for
// predictions that the server has not got yet.
class Replica {
 public:
  // Listens when it returns; it is ready once it has taken over a serving state, which may be one from before.
  static Result<std::unique_ptr<Replica>> start(ReplicaSettings settings);
  ~Replica();

  const std::string& url() const;
  // "" where no gRPC is spoken.
  std::string grpc_target() const;
  const std::string& name() const;

  // Is no longer ready, says so to whoever asks and to the server, and goes on answering.
  void drain();
  // Lets requests that run be answered, and ships their predictions, each within `grace`. Once.
  void stop(Duration grace);

 private:
  struct Parts;
  explicit Replica(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace millrace::app
