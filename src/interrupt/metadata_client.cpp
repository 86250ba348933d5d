#include "interrupt/metadata_client.h"

#include <cstdlib>
#include <limits>
#include <utility>

#include "base/status.h"
#include "base/text.h"
#include "net/url.h"

namespace spot {
namespace {

std::string checked_endpoint(std::string endpoint, std::string_view named_by) {
  if (const std::string fault = fault_of_http_base(endpoint); !fault.empty()) {
    fail(Status::kConfig, cat(named_by, ": '", printable(without_credentials(endpoint)), "' ", fault));
  }
  while (endpoint.ends_with('/')) endpoint.pop_back();
  return endpoint;
}

}  // namespace

MetadataClient::MetadataClient(std::string endpoint, HttpHeaders headers)
    : endpoint_(std::move(endpoint)), headers_(std::move(headers)) {}

HttpResponse MetadataClient::request(const MetadataQuestion& question) {
  HttpRequest request;
  request.method = question.method;
  request.url = endpoint_ + question.path;
  request.timeout = question.timeout;
  request.body_limit = question.body_limit;
  request.headers = headers_;
  request.headers.insert(request.headers.end(), question.headers.begin(), question.headers.end());
  return client_.perform(request);
}

MetadataAnswer MetadataClient::ask(const MetadataQuestion& question) {
  return answer_of(request(question), endpoint_, question.path);
}

MetadataAnswer MetadataClient::ask_known(const MetadataQuestion& question) {
  MetadataAnswer answer = ask(question);
  if (!answer.body && answer.unknown.empty()) {
    answer.unknown = cat("the metadata service answered HTTP status 404 to ", question.path);
  }
  return answer;
}

MetadataAnswer answer_of(HttpResponse response, std::string_view endpoint, std::string_view path) {
  MetadataAnswer answer{.status = response.status};
  if (!response.complete()) {
    answer.unknown = cat(without_credentials(endpoint), path, ": ", response.error);
    answer.unreachable = true;
  } else if (response.status == 200) {
    answer.now_ns = nanoseconds_of(response.date());
    answer.etag = response.header("etag");
    answer.body = std::move(response.body);
  } else if (response.status != 404) {
    answer.unknown = cat("the metadata service answered HTTP status ", response.status, " to ", path);
  }
  return answer;
}

std::optional<std::int64_t> nanoseconds_of(std::optional<std::int64_t> time_s) {
  if (!time_s || *time_s > std::numeric_limits<std::int64_t>::max() / 1'000'000'000) return std::nullopt;
  return *time_s * 1'000'000'000;
}

Observation observation_of(const MetadataAnswer& answer, std::string_view path, std::string_view group,
                           std::optional<Sighting> (*parse)(std::string_view body)) {
  if (!answer.unknown.empty()) return {.unknown = answer.unknown};
  if (!answer.body) return {.clear = {group}};
  auto sighting = parse(*answer.body);
  if (!sighting) return {.unknown = unreadable(path, *answer.body)};
  sighting->now_ns = answer.now_ns;
  return {.sightings = {std::move(*sighting)}, .clear = {group}};
}

std::string unreadable(std::string_view path, std::string_view body) {
  return cat("the metadata service answered something unreadable to ", path, ": '", printable(body), "'");
}

std::string_view environment_variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : trim(value);
}

std::string endpoint_of(const PollerOptions& options, const std::string& from_environment, const char* variable,
                        const std::string& own) {
  if (!options.endpoint.empty()) return checked_endpoint(options.endpoint, "configuration key 'metadata_endpoint'");
  if (from_environment.empty()) return own;
  return checked_endpoint(from_environment, cat("environment variable ", variable));
}

}  // namespace spot
