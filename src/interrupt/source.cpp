#include "interrupt/source.h"

#include "base/status.h"
#include "base/text.h"
#include "interrupt/detection.h"
#include "interrupt/provider.h"
#include "interrupt/watched_file.h"

namespace spot {
namespace {

constexpr std::string_view kFilePrefix = "file:";

std::string names() {
  std::string text = "auto, ";
  for (const Provider* provider : providers()) text += cat(provider->name, ", ");
  return text + "none or file:PATH";
}

}  // namespace

std::unique_ptr<Source> make_source(const PollerOptions& options, const Log& log, std::string& why) {
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
  if (metadata == "auto") return make_detecting_source(options, log, why);
  for (const Provider* provider : providers()) {
    if (metadata != provider->name) continue;
    if (const std::string forbidden = provider->forbidden(); !forbidden.empty()) {
      log.warning(cat("metadata is '", metadata, "', so its service is asked although ", forbidden));
    }
    return provider->make(options);
  }
  fail(Status::kConfig, cat("configuration key 'metadata' cannot be '", printable(metadata), "': it takes ", names()));
}

}  // namespace spot
