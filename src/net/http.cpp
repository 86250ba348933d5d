#include "net/http.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <exception>
#include <memory>
#include <unistd.h>

#include <curl/curl.h>

#include "base/held_signal.h"
#include "base/lower_case.h"
#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

constexpr std::size_t kHeaderLimit = 64 * 1024;  // bytes, all headers of one answer
constexpr long kMaximumRedirects = 5;
constexpr int kCancelLookMs = 250;
constexpr std::int64_t kYear2201 = 7'289'654'400;  // seconds since 1970

void initialise_libcurl() {
  // Once a process, and never undone: other parts of the host may use libcurl too.
  static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (code != CURLE_OK) fail(Status::kInternal, "libcurl cannot be initialised");
}

/// Where this machine's trusted certificates lie when they are not where libcurl was built to look: one that a Python
/// wheel carries was built on another distribution. Null: libcurl knows the place, or none is known.
const char* certificates(CURL* easy) {
  static const char* const found = [easy]() -> const char* {
    char* built_in = nullptr;
    if (curl_easy_getinfo(easy, CURLINFO_CAINFO, &built_in) != CURLE_OK || built_in == nullptr) return nullptr;
    if (access(built_in, R_OK) == 0) return nullptr;
    // Of Debian and its kin; of Fedora's; of SUSE's; of Alpine and Arch.
    for (const char* place : {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                              "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"}) {
      if (access(place, R_OK) == 0) return place;
    }
    return nullptr;
  }();
  return found;
}

using HeaderList = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

void append(HeaderList& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  if (longer == nullptr) fail(Status::kNoMemory, "no memory for an HTTP header");
  static_cast<void>(list.release());
  list.reset(longer);
}

/// The lines to send. "Name:" tells libcurl to leave out what it would add by itself.
HeaderList request_headers(const HttpRequest& request) {
  HeaderList list(nullptr, curl_slist_free_all);
  append(list, "Expect:");
  bool typed = false;
  for (const auto& [name, value] : request.headers) {
    append(list, value.empty() ? name + ";" : cat(name, ": ", value));
    typed = typed || lower_case(name) == "content-type";
  }
  if (!typed) append(list, "Content-Type:");
  return list;
}

bool sends_body(const HttpRequest& request) {
  return request.method == "PUT" || request.method == "POST" || !request.body.empty();
}

/// One exchange: what libcurl's callbacks fill in.
struct Exchange {
  Exchange(const HttpRequest& asked, CURL* handle) : request(asked), easy(handle) {}

  const HttpRequest& request;
  CURL* const easy;
  HttpResponse response;
  std::uint64_t body_bytes = 0;
  std::size_t header_bytes = 0;
  /// Thrown inside a callback; it must not travel through libcurl's C frames.
  std::exception_ptr exception;

  bool receive_header(std::string_view line) {
    // Each answer of a chain of redirects begins anew; only the last one counts.
    if (line.starts_with("HTTP/")) {
      response.headers.clear();
      header_bytes = 0;
    }
    header_bytes += line.size();
    if (header_bytes > kHeaderLimit) {
      return give_up(cat("the answer's headers are longer than ", kHeaderLimit, " bytes"));
    }
    if (const std::size_t colon = line.find(':'); colon != std::string_view::npos) {
      response.headers.emplace_back(lower_case(trim(line.substr(0, colon))), trim(line.substr(colon + 1)));
    }
    return true;
  }

  bool receive_body(std::string_view piece) {
    body_bytes += piece.size();
    if (body_bytes > request.body_limit) {
      return give_up(cat("the answer is longer than ", request.body_limit, " bytes"));
    }
    const int status = received_status();
    if (!request.sink || (status != 200 && status != 206)) {
      response.body.append(piece);
      return true;
    }
    return request.sink(status, piece) || give_up("the receiver gave up");
  }

  [[nodiscard]] int received_status() const {
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    return static_cast<int>(status);
  }

  [[nodiscard]] long sent_bytes() const {
    long bytes = 0;
    curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &bytes);
    return bytes;
  }

 private:
  bool give_up(std::string why) {
    response.error = std::move(why);
    return false;
  }
};

/// The frame around a callback. Returning less than `size` makes libcurl end the exchange.
template <bool (Exchange::*receive)(std::string_view)>
std::size_t received(char* data, std::size_t one, std::size_t size, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  try {
    return (exchange.*receive)({data, one * size}) ? one * size : 0;
  } catch (...) {
    exchange.exception = std::current_exception();
    return 0;
  }
}

}  // namespace

struct HttpClient::Impl {
  Impl() {
    initialise_libcurl();
    easy.reset(curl_easy_init());
    multi.reset(curl_multi_init());
    if (!easy || !multi) fail(Status::kNoMemory, "no memory for an HTTP client");
  }
  ~Impl() {
    const HeldSignal sigpipe(SIGPIPE);  // closing a TLS connection writes to it
    multi.reset();
    easy.reset();
  }

  template <typename Value>
  void set(CURLoption option, Value value) {
    const CURLcode code = curl_easy_setopt(easy.get(), option, value);
    if (code != CURLE_OK) {
      fail(Status::kInternal, cat("libcurl refuses option ", static_cast<int>(option), ": ", curl_easy_strerror(code)));
    }
  }
  void configure(const HttpRequest& request, Exchange& exchange, curl_slist* headers);
  void set_method(const HttpRequest& request);
  void set_route(const HttpRequest& request);
  CURLcode exchange_until_done(const StopCheck& stop, bool& stopped);

  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy{nullptr, curl_easy_cleanup};
  std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)> multi{nullptr, curl_multi_cleanup};
  std::array<char, CURL_ERROR_SIZE> error_text{};
  std::atomic<bool> cancelled{false};
};

void HttpClient::Impl::configure(const HttpRequest& request, Exchange& exchange, curl_slist* headers) {
  curl_easy_reset(easy.get());  // forgets options, keeps connections
  error_text[0] = '\0';
  set(CURLOPT_ERRORBUFFER, error_text.data());
  set(CURLOPT_NOSIGNAL, 1L);
  if (const char* place = certificates(easy.get()); place != nullptr) set(CURLOPT_CAINFO, place);
  // A name that is still being resolved must not hold up a cancelled or timed-out exchange.
  set(CURLOPT_QUICK_EXIT, 1L);
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
  set(CURLOPT_USERAGENT, "spot-trainer");
  set(CURLOPT_HTTPHEADER, headers);
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_timeout.count()));
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  if (request.stall_timeout.count() > 0) {
    set(CURLOPT_LOW_SPEED_LIMIT, 1024L);
    set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(request.stall_timeout.count()));
  }
  set(CURLOPT_HEADERFUNCTION, &received<&Exchange::receive_header>);
  set(CURLOPT_HEADERDATA, &exchange);
  set(CURLOPT_WRITEFUNCTION, &received<&Exchange::receive_body>);
  set(CURLOPT_WRITEDATA, &exchange);
  set_method(request);
  set_route(request);
}

void HttpClient::Impl::set_method(const HttpRequest& request) {
  if (request.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
    return;
  }
  if (sends_body(request)) {
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(CURLOPT_POSTFIELDS, request.body.data());
  }
  if (request.method != "GET" || sends_body(request)) {
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
}

void HttpClient::Impl::set_route(const HttpRequest& request) {
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  if (!request.use_proxy) {
    set(CURLOPT_PROXY, "");
    set(CURLOPT_NOPROXY, "*");
  }
  if (request.follow_redirects) {
    const bool secure = lower_case(request.url.substr(0, 6)) == "https:";
    set(CURLOPT_FOLLOWLOCATION, 1L);
    set(CURLOPT_MAXREDIRS, kMaximumRedirects);
    set(CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
  }
}

/// Drives the exchange to its end; `stopped` is set when it was cancelled before.
CURLcode HttpClient::Impl::exchange_until_done(const StopCheck& stop, bool& stopped) {
  for (;;) {
    if (cancelled || (stop && stop())) {
      stopped = true;
      return CURLE_ABORTED_BY_CALLBACK;
    }
    int running = 0;
    CURLMcode code = curl_multi_perform(multi.get(), &running);
    int queued = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi.get(), &queued)) {
      if (message->msg == CURLMSG_DONE) return message->data.result;
    }
    if (code == CURLM_OK) {
      code = curl_multi_poll(multi.get(), nullptr, 0, kCancelLookMs, nullptr);
    }
    if (code != CURLM_OK) {
      fail(Status::kInternal, cat("libcurl failed: ", curl_multi_strerror(code)));
    }
  }
}

HttpClient::HttpClient() : impl_(std::make_unique<Impl>()) {}

HttpClient::~HttpClient() = default;

HttpResponse HttpClient::perform(const HttpRequest& request, const StopCheck& stop) {
  const HeldSignal sigpipe(SIGPIPE);
  Exchange exchange(request, impl_->easy.get());
  const HeaderList headers = request_headers(request);
  impl_->configure(request, exchange, headers.get());

  if (curl_multi_add_handle(impl_->multi.get(), exchange.easy) != CURLM_OK) {
    fail(Status::kBusy, "this HTTP client is in use by another thread");
  }
  const auto remove = [this](CURL* easy) { curl_multi_remove_handle(impl_->multi.get(), easy); };
  const std::unique_ptr<CURL, decltype(remove)> added(exchange.easy, remove);
  HttpResponse& response = exchange.response;
  const CURLcode code = impl_->exchange_until_done(stop, response.cancelled);

  if (exchange.exception) std::rethrow_exception(exchange.exception);
  response.status = exchange.received_status();
  response.sent = exchange.sent_bytes() > 0;
  response.timed_out = code == CURLE_OPERATION_TIMEDOUT;
  if (response.cancelled) {
    response.error = "cancelled";
  } else if (code != CURLE_OK && response.error.empty()) {
    const char* detail = impl_->error_text.data();
    response.error = printable(*detail != '\0' ? detail : curl_easy_strerror(code), 200);
  }
  return std::move(response);
}

void HttpClient::cancel() {
  impl_->cancelled = true;
  curl_multi_wakeup(impl_->multi.get());
}

std::string_view HttpResponse::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

std::optional<std::int64_t> HttpResponse::date() const {
  return parse_http_date(header("date"));
}

std::optional<std::int64_t> parse_http_date(std::string_view text) {
  const time_t seconds = curl_getdate(std::string(text).c_str(), nullptr);
  if (seconds < 0 || seconds >= kYear2201) return std::nullopt;
  return std::int64_t{seconds};
}

std::string without_credentials(std::string_view url) {
  const std::size_t scheme = url.find("://");
  const std::size_t begin = scheme == std::string_view::npos ? 0 : scheme + 3;
  const std::string_view authority = url.substr(begin, url.find_first_of("/?#", begin) - begin);
  const std::size_t at = authority.rfind('@');
  if (at == std::string_view::npos) return std::string(url);
  return cat(url.substr(0, begin), url.substr(begin + at + 1));
}

std::string http_library_version() {
  initialise_libcurl();
  return curl_version_info(CURLVERSION_NOW)->version;
}

}  // namespace spot
