#include "tc/support/error.h"

#include <gtest/gtest.h>

namespace tc {
namespace {

TEST(Error, PrintsFactsExcerptAndFixAligned) {
  const Error e = Error("schedule.vectorize.reduce", "vectorizing k would race on C")
                      .fact("stage", "C")
                      .fact("axis", "k (reduce, extent 512)")
                      .fix("vectorize x, or rfactor k first")
                      .excerpt("for k:  <- here");
  EXPECT_EQ(e.kind(), ErrorKind::schedule);
  EXPECT_EQ(e.str(),
            "error[schedule.vectorize.reduce]: vectorizing k would race on C\n"
            "  stage  C\n"
            "  axis   k (reduce, extent 512)\n"
            "    for k:  <- here\n"
            "  fix    vectorize x, or rfactor k first");
  EXPECT_EQ(e.fact_of("stage"), "C");
  EXPECT_EQ(e.fact_of("nothing"), "");
}

TEST(Error, ExpectedThrowsWhatItHolds) {
  const Expected<int> good(3), bad(Error("ir.parse", "no"));
  EXPECT_EQ(good.value(), 3);
  EXPECT_THROW((void)bad.value(), Error);
}

TEST(Error, AssertNamesThePlace) {
  try {
    TC_ASSERT(1 + 1 == 3, "arithmetic");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::internal);
    EXPECT_NE(e.str().find("error_test.cpp"), std::string::npos);
  }
}

}  // namespace
}  // namespace tc
