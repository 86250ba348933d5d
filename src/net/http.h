#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cancel.h"

namespace spot {

struct HttpRequest {
  std::string method = "GET";
  std::string url;  ///< http:// or https://; TLS is always verified
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::chrono::milliseconds connect_timeout{1000};
  /// For the whole exchange; 0: none. Downloads use `stall_timeout` instead.
  std::chrono::milliseconds timeout{2000};
  /// Give up when fewer than 1 KiB arrive each second for so long; 0: never.
  std::chrono::seconds stall_timeout{0};
  /// A longer body is an error, with a sink too.
  std::uint64_t body_limit = 4096;
  bool follow_redirects = false;
  bool use_proxy = false;  ///< honour http_proxy and friends: never for metadata services
  /// Receives the body in pieces instead of HttpResponse::body, once the status is known to be 200 or 206;
  /// returns false to give up.
  std::function<bool(int status, std::string_view piece)> sink;
};

struct HttpResponse {
  /// 0: no answer was received, and `error` says why.
  int status = 0;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
  std::string error;                                         ///< one line; empty when the exchange was complete
  bool cancelled = false;
  bool sent = false;       ///< a server took the request, or the beginning of it
  bool timed_out = false;  ///< the exchange took longer than it may

  /// The whole answer arrived, whatever its status.
  [[nodiscard]] bool complete() const { return error.empty(); }
  /// The first header of that lower-case name; empty when there is none.
  [[nodiscard]] std::string_view header(std::string_view name) const;
  /// What the server's clock said, in seconds since 1970; nothing when it did not tell.
  [[nodiscard]] std::optional<std::int64_t> date() const;
};

/// An HTTP/1.1 client on libcurl that keeps its connections. One exchange at a time; cancel() from any
/// thread ends the one in progress within milliseconds. Never throws for what a server or network does.
class HttpClient {
 public:
  HttpClient();
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// `stop` is asked four times a second at least.
  HttpResponse perform(const HttpRequest& request, const StopCheck& stop = {});
  /// Ends the exchange in progress, and every later one, at once.
  void cancel();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Seconds since 1970 of a time as HTTP writes it: "Mon, 21 Jan 2019 09:00:43 GMT", with or without the day of the
/// week. Nothing when it is none, or lies before 1970 or after 2200.
std::optional<std::int64_t> parse_http_date(std::string_view text);

/// The URL as it may be logged: without the user name and password that can stand before its host.
std::string without_credentials(std::string_view url);

/// libcurl's version, e.g. "7.88.1".
std::string http_library_version();

}  // namespace spot
