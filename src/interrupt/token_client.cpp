#include "interrupt/token_client.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/lower_case.h"
#include "base/text.h"

namespace spot {
namespace {

using std::chrono::milliseconds;

constexpr int kTokenSeconds = 21600;  // the longest that the services grant
/// The answer to a token's request comes within milliseconds or, from a container behind one hop more, never.
constexpr milliseconds kTokenTimeout{1000};
constexpr milliseconds kTimeout{2000};
/// How long questions go without a token where none was to be had, before one is asked for again.
constexpr std::int64_t kWithoutTokenNs = 300'000'000'000;

}  // namespace

TokenClient::TokenClient(std::string endpoint, const TokenDialect& dialect, bool may_do_without)
    : client_(std::move(endpoint)), dialect_(dialect), may_do_without_(may_do_without) {}

std::string TokenClient::renew_token(bool probing) {
  token_.clear();
  const std::string ttl_header = cat(dialect_.header, "-ttl-seconds");
  const HttpResponse response = client_.request({.path = "/latest/api/token",
                                                 .headers = {{ttl_header, cat(kTokenSeconds)}},
                                                 .method = "PUT",
                                                 .timeout = kTokenTimeout});
  const bool unanswered = response.sent && response.status == 0 && !response.cancelled;
  const bool refused = response.status >= (probing ? 401 : 400) && response.status < 500 && response.status != 429;
  if (may_do_without_ && (unanswered || refused)) {
    renew_at_ns_ = system_clock().monotonic_ns() + kWithoutTokenNs;
    return {};
  }
  if (unanswered && response.timed_out) return cat("no session token: ", dialect_.unanswered);
  if (!response.complete()) {
    return cat("no session token from ", without_credentials(client_.endpoint()), ": ", response.error);
  }
  if (response.status == 403) return cat("no session token: ", dialect_.disabled);
  const std::string_view token = trim(response.body);
  if (response.status != 200 || token.empty() || token.find_first_of(" <\r\n") != std::string_view::npos) {
    return cat("no session token: the metadata service answered HTTP status ", response.status);
  }
  token_ = token;
  // The service tells how long it grants; well before that is over a new one is asked for.
  const auto granted = parse_number<std::int64_t>(response.header(lower_case(ttl_header)));
  const std::int64_t lifetime = std::clamp<std::int64_t>(granted.value_or(kTokenSeconds), 1, kTokenSeconds);
  renew_at_ns_ = system_clock().monotonic_ns() + lifetime * 900'000'000;
  return {};
}

HttpResponse TokenClient::request(const std::string& path, milliseconds timeout) {
  MetadataQuestion question{.path = path, .timeout = timeout};
  if (!token_.empty()) question.headers.emplace_back(dialect_.header, token_);
  return client_.request(question);
}

MetadataAnswer TokenClient::ask(const std::string& path) {
  for (int attempt = 0;; ++attempt) {
    if (system_clock().monotonic_ns() >= renew_at_ns_) {
      renew_at_ns_ = 0;
      std::string failure = renew_token(false);
      if (!failure.empty()) return {.unknown = std::move(failure), .unreachable = true};
    }
    MetadataAnswer answer = answer_of(request(path, kTimeout), client_.endpoint(), path);
    if (answer.status == 401) {
      // It has forgotten the token, or wants one where none was to be had: one is asked for at once, or with the next
      // question.
      renew_at_ns_ = 0;
      if (attempt == 0) continue;
    }
    if (answer.status == 401 && token_.empty()) return {.unknown = dialect_.required, .unreachable = true};
    if (answer.status == 403) return {.unknown = dialect_.disabled, .unreachable = true};
    return answer;
  }
}

std::string TokenClient::probe(const std::string& path) {
  std::string failure = renew_token(true);
  if (!failure.empty() || !token_.empty()) return failure;
  const HttpResponse response = request(path, kTokenTimeout);
  if (!response.complete()) return response.error;
  if (response.status == 200 || response.status == 401) return {};
  return cat("the metadata service answered HTTP status ", response.status);
}

}  // namespace spot
