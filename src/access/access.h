#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "access/credentials.h"
#include "access/entities.h"
#include "access/secret.h"
#include "access/throttle.h"
#include "base/published.h"
#include "base/result.h"
#include "base/time.h"

namespace millrace::db {
class Database;
class Transaction;
}  // namespace millrace::db

namespace millrace::access {

class Directory;  // access/directory.h
class Recent;     // access/recent.h
class Issuers;    // access/issuer.h

// Who there is, what they may, and how they prove who they are. What is kept is in the database; all of it is also in
// memory, as a snapshot that requests read without a lock and every change replaces. Thread-safe.
class Store {
 public:
  // `clock` is the machine's, not the event clock.
  static Result<std::unique_ptr<Store>> open(db::Database& database, const Clock& clock);
  ~Store();

  // There is a user, so callers must say who they are.
  bool closed() const;

  // Who sends these, from what is in memory; null where that is nobody. `unsure`: only verify() can tell.
  struct Recognised {
    PrincipalPtr who;
    bool unsure = false;
  };
  Recognised recognise(const Credentials& credentials) const;

  // The same by all means: a password's hash, an issuer's signature. Takes long. kUnauthenticated, with the same words
  // for an unknown name and a wrong password; kResourceExhausted where too many logins from `address` failed.
  Result<PrincipalPtr> verify(const Credentials& credentials, std::string_view address);

  // OpenID Connect issuers whose bearer tokens are taken. Before anybody asks.
  void set_issuers(std::unique_ptr<Issuers> issuers);

  // A secret for a process that this one starts: good for `lifetime`, or until this one ends. It has the role that a
  // step needs, and bears the name "step NAME".
  std::string step_token(std::string_view name, Duration lifetime) const;

  // Users. The first one must be an admin, and the last admin stays: kFailedPrecondition.
  struct NewUser {
    std::string name;  // 1 to 128 letters, digits and ._@-
    std::string password;
    bool is_admin = false;
  };
  Result<User> create_user(const NewUser& user);
  Result<User> find_user(std::string_view name) const;
  Result<std::vector<User>> list_users() const;
  Result<void> set_password(std::string_view name, std::string_view password);
  Result<void> set_admin(std::string_view name, bool is_admin);
  // With its tokens, roles and memberships.
  Result<void> delete_user(std::string_view name);

  // Tokens. The secret is answered once and cannot be had again.
  struct NewToken {
    std::string name;
    std::string owner;
    std::optional<Role> most;
    std::optional<Duration> lifetime;
  };
  struct Issued {
    Token token;
    std::string secret;
  };
  Result<Issued> create_token(const NewToken& token);
  // Of one owner, or of all where it is "".
  Result<std::vector<Token>> list_tokens(std::string_view owner) const;
  Result<Token> find_token(std::string_view id) const;
  Result<void> delete_token(std::string_view id);
  // Keeps when tokens were last used; that is only in memory before.
  Result<void> keep_uses();

  // All tokens whose bearer may do anything, by their digests.
  Result<std::vector<Caller>> list_callers() const;
  // In the place of all users, tokens and roles that there are: who bears these tokens. kClosed: callers must say who
  // they are, though there be none.
  enum class Door { kOpen, kClosed };
  Result<void> set_callers(std::span<const Caller> callers, Door door);

  // Roles: one for a subject in a project; another one replaces it.
  Result<void> grant(const Binding& binding);
  Result<void> revoke(std::string_view subject, std::string_view project);
  Result<std::vector<Binding>> list_roles() const;

  // Groups are what has members.
  Result<void> add_member(const Member& member);
  Result<void> remove_member(const Member& member);
  Result<std::vector<Member>> list_members() const;

 private:
  Store(db::Database& database, const Clock& clock);
  Result<void> change(const std::function<Result<void>(db::Transaction&)>& work);
  Result<void> publish();
  Result<PrincipalPtr> verify_basic(const Credentials& credentials, std::string_view address);
  PrincipalPtr step_principal(std::string_view secret) const;

  db::Database& database_;
  const Clock& clock_;
  const ProcessKey key_;
  std::mutex changing_;
  Published<Directory> directory_;
  std::unique_ptr<Recent> recent_;
  std::unique_ptr<Issuers> issuers_;
  Throttle throttle_;
  std::mutex hashing_;  // one password at a time, so that guesses take neither all processors nor much memory
};

}  // namespace millrace::access
