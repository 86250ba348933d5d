#pragma once

#include <cstdint>
#include <string>

#include "interrupt/metadata_client.h"

namespace spot {

/// How a provider calls its session tokens, and what is said, with the cure, where they fail.
struct TokenDialect {
  const char* header;      ///< carries a token; with "-ttl-seconds", for how long one is asked for or granted
  const char* unanswered;  ///< the request for one was taken, and its answer never came
  const char* disabled;    ///< HTTP status 403
  const char* required;    ///< HTTP status 401 although there is none to be had
};

/// A MetadataClient of a service that wants a session token with each question, as IMDSv2 of EC2 does. A token is
/// kept, and renewed before it ends.
class TokenClient {
 public:
  /// `may_do_without`: go on without a token where none is to be had.
  TokenClient(std::string endpoint, const TokenDialect& dialect, bool may_do_without);

  MetadataAnswer ask(const std::string& path);
  /// For Source::probe(). `path` is asked where no token was to be had: one that other services do not have.
  std::string probe(const std::string& path);
  void cancel() { client_.cancel(); }

 private:
  /// Empty when there is a usable token, or questions may go without one. When `probing`, HTTP status 400 is an error
  /// in any case: another provider's service does not know this request.
  std::string renew_token(bool probing);
  HttpResponse request(const std::string& path, std::chrono::milliseconds timeout);

  MetadataClient client_;
  TokenDialect dialect_;
  bool may_do_without_;
  std::string token_;
  std::int64_t renew_at_ns_ = 0;
};

}  // namespace spot
