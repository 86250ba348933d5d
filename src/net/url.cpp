#include "net/url.h"

#include <memory>
#include <string_view>

#include <curl/curl.h>

#include "base/text.h"

namespace spot {
namespace {

/// A part of a parsed URL; empty when it has none.
std::string part_of(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, 0) != CURLUE_OK) return {};
  const std::unique_ptr<char, decltype(&curl_free)> owner(text, curl_free);
  return text;
}

}  // namespace

std::string fault_of_http_base(const std::string& url) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), curl_url_cleanup);
  if (!parsed) return "cannot be read: out of memory";
  if (url.find("://") == std::string::npos) return "must begin with http://";
  const CURLUcode code = curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), CURLU_NON_SUPPORT_SCHEME);
  if (code != CURLUE_OK || url.find('\0') != std::string::npos) {
    return cat("is no URL: ", code == CURLUE_OK ? "it holds a zero byte" : curl_url_strerror(code));
  }
  if (part_of(parsed.get(), CURLUPART_SCHEME) != "http") return "must begin with http://";
  if (!part_of(parsed.get(), CURLUPART_QUERY).empty() || !part_of(parsed.get(), CURLUPART_FRAGMENT).empty()) {
    return "must end with its path: no '?' and no '#'";
  }
  return {};
}

}  // namespace spot
