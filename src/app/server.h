#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "access/issuer.h"
#include "app/listening.h"
#include "base/result.h"
#include "base/time.h"
#include "notify/notify.h"

namespace millrace::app {

struct ServerSettings {
  std::filesystem::path home;  // made where there is none
  std::string db;              // the database's URI; "" for a SQLite file in the home folder
  std::string artifacts;       // "s3://BUCKET/PREFIX"; "" for files in the home folder
  Listening listening;
  std::string program;  // this program's file, which steps are run with
  notify::Reach webhook_reach = notify::Reach::kPublicOnly;
  std::vector<access::Issuer> issuers;
  std::string openlineage_url;  // where lineage is posted to; "" for nowhere
  std::string openlineage_key;
  std::string openlineage_namespace = "millrace";
  std::string python = "python3";  // what models that need Python are run with, unless their endpoint says otherwise
  bool python_models = true;
};

// A whole Millrace: everything is built here, in order, and taken down in the reverse order.
class Server {
 public:
  // Serves when it returns. Whatever an earlier process left unfinished in the home folder goes on.
  static Result<std::unique_ptr<Server>> start(ServerSettings settings);
  ~Server();

  std::uint16_t port() const;
  const std::string& url() const;
  // "127.0.0.1:8081", where gRPC is spoken; "" where it is not.
  std::string grpc_target() const;

  // Lets requests that run be answered, ends children, keeps what is to go on later. Once.
  void stop(Duration grace);

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

// "0.1.0"
std::string version();

}  // namespace millrace::app
