#include "interrupt/source.h"

#include "base/status.h"
#include "base/text.h"
#include "interrupt/aws.h"
#include "interrupt/watched_file.h"
#include "net/http.h"

namespace spot {
namespace {

constexpr std::string_view kFilePrefix = "file:";

}  // namespace

std::unique_ptr<Source> make_source(const PollerOptions& options, std::string& why) {
  const std::string& metadata = options.metadata;
  if (metadata == "none") {
    why = "metadata is none";
    return nullptr;
  }
  if (metadata.starts_with(kFilePrefix)) {
    if (metadata.size() == kFilePrefix.size()) {
      fail(Status::kConfig, "configuration key 'metadata' names no path behind 'file:'");
    }
    return make_file_source(metadata.substr(kFilePrefix.size()));
  }
  if (metadata != "auto" && metadata != "aws") {
    fail(Status::kConfig, cat("configuration key 'metadata' cannot be '", printable(metadata),
                              "': it takes auto, aws, none or file:PATH"));
  }
  if (options.endpoint.empty() && aws_disabled_by_environment()) {
    why = "AWS_EC2_METADATA_DISABLED is true";
    return nullptr;
  }
  const std::string endpoint = options.endpoint.empty() ? aws_endpoint_from_environment() : options.endpoint;
  if (!endpoint.starts_with("http://")) {
    fail(Status::kConfig,
         cat("metadata endpoint '", printable(without_credentials(endpoint)), "' must begin with http://"));
  }
  return make_aws_source(endpoint, options.metadata_v1);
}

}  // namespace spot
