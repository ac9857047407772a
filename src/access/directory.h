#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "access/entities.h"

namespace millrace::access {

// A user and what the password is kept as.
struct Account {
  std::string name;
  bool is_admin = false;
  std::optional<std::string> password;
};
BOOST_DESCRIBE_STRUCT(Account, (), (name, is_admin, password))

// Everybody, as they were at one moment; never changes, but for when tokens were last used.
class Directory {
 public:
  struct Secret {
    Token token;
    std::string digest;  // SHA-256 in hexadecimal digits
  };
  struct Tables {
    std::vector<Account> accounts;
    std::vector<Secret> secrets;
    std::vector<Binding> bindings;
    std::vector<Member> members;
  };

  struct Known {
    PrincipalPtr principal;
    std::string password;  // its hash; "" for none
  };
  struct KnownToken {
    PrincipalPtr principal;
    std::string id;
    std::optional<Timestamp> expires;
    mutable std::atomic<std::int64_t> last_used{0};  // microseconds; 0: not since this was made
  };

  Directory(const Tables& tables, std::uint64_t generation);

  // Rises with every change.
  std::uint64_t generation() const { return generation_; }
  bool has_users() const { return !users_.empty(); }
  const Known* find_user(std::string_view name) const;
  const KnownToken* find_token(const std::string& digest) const;
  // What somebody may who is in these groups, and may be a user here, too.
  std::vector<Grant> grants_of(std::string_view name, std::span<const std::string> groups) const;

  template <typename Visit>
  void each_token(Visit visit) const {
    for (const auto& [digest, token] : tokens_) visit(*token);
  }
  // With the digest of its secret.
  template <typename Visit>
  void each_secret(Visit visit) const {
    for (const auto& [digest, token] : tokens_) visit(digest, *token);
  }

 private:
  const std::uint64_t generation_;
  std::unordered_map<std::string, std::vector<Grant>> grants_;  // by subject
  std::unordered_map<std::string, std::vector<std::string>> groups_;
  std::unordered_map<std::string, Known> users_;
  std::unordered_map<std::string, std::unique_ptr<KnownToken>> tokens_;
};

}  // namespace millrace::access
