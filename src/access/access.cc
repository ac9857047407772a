#include "access/access.h"

#include <array>

#include "access/directory.h"
#include "access/issuer.h"
#include "access/password.h"
#include "access/recent.h"
#include "access/schema.h"
#include "base/hash.h"
#include "base/ids.h"
#include "db/db.h"

namespace millrace::access {
namespace {

constexpr Duration kRemembered = std::chrono::minutes(5);
constexpr std::string_view kStepPrefix = "mrs_";

const Error kUnknownLogin{Code::kUnauthenticated, "the user name or the password is wrong"};
const Error kUnknownToken{Code::kUnauthenticated, "the token is not known, or no longer good"};

// A listed token and the digest of its secret.
struct TokenRow {
  std::string id, name, owner;
  std::optional<std::string> role;
  Timestamp created;
  std::optional<Timestamp> expires, last_used;
  std::string secret;
};
BOOST_DESCRIBE_STRUCT(TokenRow, (), (id, name, owner, role, created, expires, last_used, secret))

Result<Directory::Tables> read_tables(db::Database& database) {
  Directory::Tables tables;
  tables.accounts = TRY(database.query<Account>("select name, is_admin, password from users"));
  for (auto& row :
       TRY(database.query<TokenRow>("select id, name, owner, role, created, expires, last_used, secret from tokens"))) {
    tables.secrets.push_back(
        {{row.id, row.name, row.owner, row.role, row.created, row.expires, row.last_used}, std::move(row.secret)});
  }
  tables.bindings = TRY(database.query<Binding>("select subject, role, project from roles"));
  tables.members = TRY(database.query<Member>("select name, member from user_groups"));
  return tables;
}

// Bearer tokens of ours begin with one of these; others are an issuer's.
bool is_ours(std::string_view secret) { return secret.starts_with("mrt_") || secret.starts_with(kStepPrefix); }

}  // namespace

Store::Store(db::Database& database, const Clock& clock)
    : database_(database),
      clock_(clock),
      directory_(std::make_unique<const Directory>(Directory::Tables{}, 0)),
      recent_(std::make_unique<Recent>()) {}

Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(db::Database& database, const Clock& clock) {
  TRY(db::migrate(database, "access", kMigrations));
  std::unique_ptr<Store> store(new Store(database, clock));
  TRY(store->publish());
  return store;
}

Result<void> Store::publish() {
  const auto generation = directory_.read()->generation() + 1;
  directory_.publish(std::make_unique<const Directory>(TRY(read_tables(database_)), generation));
  return {};
}

Result<void> Store::change(const std::function<Result<void>(db::Transaction&)>& work) {
  const std::lock_guard lock(changing_);
  auto tx = TRY(database_.begin());
  TRY(work(tx));
  TRY(tx.commit());
  return publish();
}

bool Store::closed() const { return directory_.read()->has_users(); }

void Store::set_issuers(std::unique_ptr<Issuers> issuers) { issuers_ = std::move(issuers); }

Store::Recognised Store::recognise(const Credentials& credentials) const {
  using Kind = Credentials::Kind;
  if (credentials.kind == Kind::kNone || credentials.kind == Kind::kMalformed) return {};
  const auto now = clock_.now();
  if (credentials.kind == Kind::kBearer && credentials.secret.starts_with(kStepPrefix)) {
    return {.who = step_principal(credentials.secret)};
  }
  const auto directory = directory_.read();
  if (credentials.kind == Kind::kBearer && is_ours(credentials.secret)) {
    const auto* token = directory->find_token(sha256(credentials.secret));
    if (token == nullptr || (token->expires && *token->expires <= now)) return {};
    token->last_used.store(now.us, std::memory_order_relaxed);
    return {.who = token->principal};
  }
  const auto shown = key_.mac({credentials.user, credentials.secret});
  auto who = recent_->find(shown, directory->generation(), now);
  return {.who = who, .unsure = who == nullptr};
}

Result<PrincipalPtr> Store::verify(const Credentials& credentials, std::string_view address) {
  if (auto recognised = recognise(credentials); recognised.who) return recognised.who;
  if (credentials.kind == Credentials::Kind::kBasic) return verify_basic(credentials, address);
  if (credentials.kind != Credentials::Kind::kBearer || is_ours(credentials.secret) || !issuers_) {
    return std::unexpected(kUnknownToken);
  }
  const auto now = clock_.now();
  const auto identity = TRY(issuers_->verify(credentials.secret, now));
  const auto directory = directory_.read();
  auto who = std::make_shared<const Principal>(Principal{.name = identity.name,
                                                         .grants = directory->grants_of(identity.name, identity.groups),
                                                         .most = std::nullopt,
                                                         .by = identity.issuer});
  const auto until = std::min(identity.expires, now + kRemembered);
  recent_->add(key_.mac({credentials.user, credentials.secret}), who, directory->generation(), until, now);
  return who;
}

// The failures are looked at when it is this login's turn: many at once shall not all be let through before the first
// has failed.
Result<PrincipalPtr> Store::verify_basic(const Credentials& credentials, std::string_view address) {
  const std::lock_guard lock(hashing_);
  const auto now = clock_.now();
  if (const auto wait = throttle_.wait(address, credentials.user, now); wait > Duration{0}) {
    return fail(Code::kResourceExhausted, "too many logins have failed; the next one is looked at in {} s",
                std::chrono::ceil<std::chrono::seconds>(wait).count());
  }
  Directory::Known known;
  std::uint64_t generation = 0;
  {
    const auto directory = directory_.read();
    generation = directory->generation();
    if (const auto* found = directory->find_user(credentials.user)) known = *found;
  }
  if (known.password.empty()) waste_a_verification(credentials.secret);
  if (known.password.empty() || !verify_password(credentials.secret, known.password)) {
    throttle_.failed(address, credentials.user, now);
    return std::unexpected(kUnknownLogin);
  }
  throttle_.succeeded(address, credentials.user);
  recent_->add(key_.mac({credentials.user, credentials.secret}), known.principal, generation, now + kRemembered, now);
  return known.principal;
}

// "mrs_NAME.EXPIRY.MAC"
std::string Store::step_token(std::string_view name, Duration lifetime) const {
  const auto expiry = std::to_string((clock_.now() + lifetime).us);
  return fmt::format("{}{}.{}.{}", kStepPrefix, name, expiry, to_hex(key_.mac({"step", name, expiry})));
}

PrincipalPtr Store::step_principal(std::string_view secret) const {
  secret.remove_prefix(kStepPrefix.size());
  const auto last = secret.rfind('.');
  if (last == std::string_view::npos || last == 0) return nullptr;
  const auto middle = secret.rfind('.', last - 1);
  if (middle == std::string_view::npos) return nullptr;
  const auto name = secret.substr(0, middle);
  const auto expiry = secret.substr(middle + 1, last - middle - 1);
  if (!same_secret(secret.substr(last + 1), to_hex(key_.mac({"step", name, expiry})))) return nullptr;
  if (std::stoll(std::string(expiry)) <= clock_.now().us) return nullptr;
  return std::make_shared<const Principal>(Principal{.name = fmt::format("step {}", name),
                                                     .grants = {{Role::kDeployer, std::string(kEveryProject)}},
                                                     .most = std::nullopt,
                                                     .by = "step"});
}

}  // namespace millrace::access
