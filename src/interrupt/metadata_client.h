#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "interrupt/source.h"
#include "net/http.h"

namespace spot {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

/// A question to a metadata service.
struct MetadataQuestion {
  std::string path;  ///< with its query
  HttpHeaders headers{};
  std::string method = "GET";
  std::chrono::milliseconds timeout{2000};
  std::uint64_t body_limit = 4096;
};

/// What it answers: `body`, or that there is nothing of that name (both empty), or something else, which is `unknown`.
struct MetadataAnswer {
  std::optional<std::string> body{};
  std::optional<std::int64_t> now_ns{};  ///< by the service's clock
  std::string etag{};                    ///< of this body; empty: the service gives none
  std::string unknown{};
  int status = 0;            ///< of HTTP; 0: no answer came
  bool unreachable = false;  ///< another question would fare no better now
};

/// Asks a provider's metadata service, one question at a time: through no proxy, and nowhere else for a redirect.
class MetadataClient {
 public:
  /// `headers` go with every question.
  explicit MetadataClient(std::string endpoint, HttpHeaders headers = {});

  HttpResponse request(const MetadataQuestion& question);
  MetadataAnswer ask(const MetadataQuestion& question);
  /// ask() where an answer without a body is `unknown`, too: the service always has something of that name.
  MetadataAnswer ask_known(const MetadataQuestion& question);
  /// Ends the question in progress, and every later one, at once. From any thread.
  void cancel() { client_.cancel(); }
  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }

 private:
  std::string endpoint_;
  HttpHeaders headers_;
  HttpClient client_;
};

/// `response` as an answer to that question; 404 is nothing, and all but 200 is unknown.
MetadataAnswer answer_of(HttpResponse response, std::string_view endpoint, std::string_view path);

/// A time in seconds in nanoseconds; nothing: there was none, or it is beyond them.
std::optional<std::int64_t> nanoseconds_of(std::optional<std::int64_t> time_s);

/// What the answer to the one question about a group says: `parse` reads a body, and gives nothing for one that cannot
/// be.
Observation observation_of(const MetadataAnswer& answer, std::string_view path, std::string_view group,
                           std::optional<Sighting> (*parse)(std::string_view body));

/// "… answered something unreadable to PATH: 'BODY'".
std::string unreadable(std::string_view path, std::string_view body);

/// A variable of the environment without the white space around it; empty: not set.
std::string_view environment_variable(const char* name);

/// The base URL of a service: the key metadata_endpoint, or else `from_environment`, which the variable of that name
/// gave, or else `own`. Throws kConfig for one that cannot be.
std::string endpoint_of(const PollerOptions& options, const std::string& from_environment, const char* variable,
                        const std::string& own);

}  // namespace spot
