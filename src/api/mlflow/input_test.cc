#include "api/mlflow/input.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "net/text.h"

namespace millrace::api::mlflow {
namespace {

struct Posted {
  std::string body;
  std::vector<net::Field> headers{{"Content-Type", "application/json; charset=utf-8"}};

  net::Request request() const { return {.method = "POST", .path = "/", .body = body, .headers = headers}; }
  Result<Input> read() const { return Input::read(request()); }
};

// What is said when `look` has read from `body`; "" where all is well.
template <typename Look>
std::string fault_of(const std::string& body, Look look) {
  const Posted posted{body};
  const auto request = posted.request();
  const auto input = Input::read(request);
  if (!input) return input.error().message;
  look(*input);
  const auto checked = input->check();
  return checked ? "" : checked.error().message;
}

TEST(MlflowInput, ReadsFieldsAsProtobufDoes) {
  const Posted posted{
      R"({"name": "a", "step": "12", "timestamp": 3.0, "fraction": 1.5, "value": "NaN", "low": -Infinity,
    "none": null, "experimentId": "7", "flag": true, "ids": ["x", "y"], "status": 3, "word": "b", "unknown": {}})"};
  const auto request = posted.request();
  const auto in = MUST(Input::read(request));
  EXPECT_EQ(in.required_text("name"), "a");
  EXPECT_EQ(in.integer("step"), 12);
  EXPECT_EQ(in.integer("timestamp"), 3);
  EXPECT_EQ(in.integer("fraction"), std::nullopt);
  EXPECT_TRUE(std::isnan(in.number("value").value()));
  EXPECT_EQ(in.number("low"), -INFINITY);
  EXPECT_EQ(in.text("none"), std::nullopt);
  EXPECT_EQ(in.text("experiment_id"), "7");
  EXPECT_EQ(in.boolean("flag"), true);
  EXPECT_EQ(in.texts("ids"), (std::vector<std::string_view>{"x", "y"}));
  constexpr std::string_view kNames[] = {"a", "b", "c"};
  EXPECT_EQ(in.choice("status", kNames), 2);
  EXPECT_EQ(in.choice("word", kNames), 1);
  EXPECT_TRUE(in.check());
}

TEST(MlflowInput, ReadsMessages) {
  const Posted posted{R"({"metrics": [{"key": "a"}, {"key": 1}], "one": {"key": "b"}})"};
  const auto request = posted.request();
  const auto in = MUST(Input::read(request));
  const auto metrics = in.messages("metrics");
  ASSERT_EQ(metrics.size(), 2);
  EXPECT_EQ(metrics[0].text("key"), "a");
  EXPECT_TRUE(in.messages("none").empty());
  EXPECT_TRUE(in.texts("none").empty());
  EXPECT_EQ(in.message("one")->text("key"), "b");
  metrics[1].required_text("key");
  EXPECT_EQ(in.check().error().message,
            "Invalid value 1 for parameter 'metrics[1].key' supplied:  Hint: Value was of type 'int'. See the API docs "
            "for more information about request parameters.");
}

TEST(MlflowInput, ReadsTheQueryOfAGet) {
  const net::Request request{.method = "GET", .query_string = "run_id=a&run_id=b%20c&n=5&deep=TRUE&bad=7"};
  const auto in = MUST(Input::read(request));
  EXPECT_EQ(in.texts("run_id"), (std::vector<std::string_view>{"a", "b c"}));
  EXPECT_EQ(in.run_id(), "a");
  EXPECT_EQ(in.integer("n"), 5);
  EXPECT_EQ(in.boolean("deep"), true);
  EXPECT_TRUE(in.check());
  in.boolean("bad");
  EXPECT_EQ(in.check().error().message, "Invalid boolean value: 7, must be 'true' or 'false'.");
}

TEST(MlflowInput, SaysWhatIsMissingOrWrongInMlflowsWords) {
  const std::string docs(kSeeDocs);
  const auto name = [](const Input& in) { in.required_text("name"); };
  EXPECT_EQ(fault_of("", name), "Missing value for required parameter 'name'." + docs);
  EXPECT_EQ(fault_of(R"({"name": ""})", name), "Missing value for required parameter 'name'." + docs);
  EXPECT_EQ(fault_of(R"({"name": null})", name), "Missing value for required parameter 'name'." + docs);
  EXPECT_EQ(fault_of(R"({"name": {"a": [1]}})", name),
            R"(Invalid value {"a":[1]} for parameter 'name' supplied:  Hint: Value was of type 'dict'.)" + docs);
  EXPECT_EQ(fault_of(R"({"n": "x"})", [](const Input& in) { in.integer("n"); }),
            "Invalid value \"x\" for parameter 'n' supplied:  Hint: Value was of type 'str'." + docs);
  EXPECT_EQ(fault_of(R"({"n": true})", [](const Input& in) { in.number("n"); }),
            "Invalid value true for parameter 'n' supplied:  Hint: Value was of type 'bool'." + docs);
  EXPECT_NE(fault_of(R"({"name": "a\u0000b"})", name), "");
}

TEST(MlflowInput, TheOldNameOfARunsIdIsKnown) {
  EXPECT_EQ(fault_of(R"({"run_uuid": "a"})", [](const Input& in) { EXPECT_EQ(in.run_id(), "a"); }), "");
  EXPECT_EQ(fault_of("{}", [](const Input& in) { (void)in.run_id(); }),
            "Missing value for required parameter 'run_id'." + std::string(kSeeDocs));
}

TEST(MlflowInput, ABodyEncodedTwiceIsDecodedTwice) {
  EXPECT_EQ(fault_of(R"("{\"name\": \"a\"}")", [](const Input& in) { EXPECT_EQ(in.text("name"), "a"); }), "");
}

TEST(MlflowInput, RefusesWhatIsNotAnObjectOfSaneDepth) {
  const auto nothing = [](const Input&) {};
  for (const std::string& body : {std::string("[1]"), std::string("7"), std::string("{"), std::string("{\"a\": nan}"),
                                  std::string("{\"a\": \"\xff\"}"), std::string(100'000, '['),
                                  R"(")" + std::string(100'000, '[') + R"(")", std::string("{\"a\": 1e999}")}) {
    EXPECT_NE(fault_of(body, nothing), "") << body.substr(0, 50);
  }
}

TEST(MlflowInput, APostMustSayThatItIsJson) {
  Posted posted{"{}", {}};
  EXPECT_EQ(posted.read().error().message, "Bad Request. Content-Type header is missing.");
  posted.headers = {{"content-type", "text/plain"}};
  EXPECT_EQ(posted.read().error().message, "Bad Request. Content-Type must be one of ['application/json'].");
}

TEST(MlflowInput, QuotesBareNumbersOutsideOfTexts) {
  EXPECT_EQ(quote_bare_numbers(R"({"a\"NaN": NaN, "b": [-Infinity, Infinity]})"),
            R"({"a\"NaN": "NaN", "b": ["-Infinity", "Infinity"]})");
}

// Whatever a body is made of, it is read or refused in words of sane length.
TEST(MlflowInput, RandomBodiesAreReadOrRefused) {
  const std::vector<std::string> seeds = {
      R"({"run_id": "a", "metrics": [{"key": "k", "value": NaN, "timestamp": 1, "step": "2"}], "tags": [{"key": "t"}]})",
      R"("{\"name\": \"a\", \"tags\": [1, {\"key\": \"\\u0041\"}]}")", R"({"a": {"b": [[[-1.5e300, true, null]]]}})",
      ""};
  const std::string_view pieces = "{}[]\",:\\u0NaIf-+.eE19 \n\xff\xc3\xa9";
  std::mt19937 random(1);
  int read = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string body = seeds[random() % seeds.size()];
    for (unsigned edits = random() % 4; edits > 0; --edits) {
      const std::size_t at = body.empty() ? 0 : random() % body.size();
      const char piece = pieces[random() % pieces.size()];
      if (random() % 2 == 0)
        body.insert(at, 1, piece);
      else if (!body.empty())
        body[at] = piece;
      if (random() % 8 == 0) body.resize(body.size() / 2);
    }
    const auto message = fault_of(body, [&](const Input& in) {
      ++read;
      for (const char* name : {"run_id", "metrics", "tags", "a", "name"}) {
        in.text(name), in.integer(name), in.number(name), in.boolean(name), in.texts(name), in.message(name);
        for (const Fields& inner : in.messages(name)) inner.required_text("key"), inner.required_number("value");
      }
    });
    EXPECT_LT(message.size(), 1000U) << body;
    EXPECT_TRUE(net::is_utf8(message)) << body;
  }
  EXPECT_GT(read, 5'000);
}

}  // namespace
}  // namespace millrace::api::mlflow
