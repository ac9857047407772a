#include "base/seal.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

const std::string kOld(32, 'o');
const std::string kNew(32, 'n');

TEST(Sealer, OpensWhatItSealed) {
  const Sealer sealer = MUST(Sealer::make({kNew}));
  for (const std::string& text :
       {std::string(), std::string("secret"), std::string("\0\xff", 2), std::string(9999, 'x')}) {
    const std::string sealed = sealer.seal(text, "webhook a");
    EXPECT_EQ(MUST(sealer.open(sealed, "webhook a")), text);
    EXPECT_TRUE(text.empty() || sealed.find(text) == std::string::npos);
    EXPECT_NE(sealed, sealer.seal(text, "webhook a")) << "each has a nonce of its own";
  }
}

TEST(Sealer, OpensNothingElse) {
  const Sealer sealer = MUST(Sealer::make({kNew}));
  const std::string sealed = sealer.seal("secret", "webhook a");
  EXPECT_EQ(sealer.open(sealed, "webhook b").error().code, Code::kDataLoss);
  for (std::size_t i = 0; i + 1 < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(sealer.open(changed, "webhook a")) << i;
  }
  for (const char* text : {"", "secret", "v1.", "v1.00000000", "v1.00000000.", "v1.00000000.AAAA", "v2.a.b"}) {
    EXPECT_EQ(sealer.open(text, "webhook a").error().code, Code::kDataLoss) << text;
  }
}

TEST(Sealer, AnOlderKeyStillOpens) {
  const std::string sealed = MUST(Sealer::make({kOld})).seal("secret", "w");
  const Sealer rotated = MUST(Sealer::make({kNew, kOld}));
  EXPECT_EQ(MUST(rotated.open(sealed, "w")), "secret");
  EXPECT_FALSE(rotated.is_current(sealed));
  EXPECT_TRUE(rotated.is_current(rotated.seal("secret", "w")));
  EXPECT_EQ(MUST(Sealer::make({kNew})).open(sealed, "w").error().code, Code::kFailedPrecondition);
}

TEST(Sealer, AKeyHas256Bits) {
  EXPECT_EQ(Sealer::make({}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(Sealer::make({"short"}).error().code, Code::kInvalidArgument);
  EXPECT_TRUE(Sealer::make({new_seal_key()}));
}

}  // namespace
}  // namespace millrace
