#include "data/download.h"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

#include <sys/file.h>
#include <sys/stat.h>

#include "base/access.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "data/content_cache.h"
#include "net/http.h"

namespace spot {
namespace {

constexpr std::int64_t kProgressEveryNs = 3'000'000'000;

/// Where the body is kept as it arrives: the download's part file, or, while another process is at work on that, a
/// file of our own, which is removed at the end.
class PartFile {
 public:
  explicit PartFile(const std::filesystem::path& path) : path_(path), fd_(open(O_CREAT)) {
    if (::flock(fd_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      path_ = path.parent_path() / cat(kUnfinishedPrefix, path.filename().string(), "-", random_name());
      is_own_ = true;
      fd_ = open(O_CREAT | O_EXCL);
    }
    struct stat info {};
    if (::fstat(fd_.get(), &info) != 0) fail_errno(cat("cannot examine '", path_.string(), "'"), errno);
    size_ = static_cast<std::uint64_t>(info.st_size);
    // A part file that another user of the volume began is that user's to share.
    if (info.st_uid != ::geteuid()) return;
    if (const int error = share_in(path_.parent_path(), fd_.get()); error != 0) {
      fail_errno(cat("cannot share '", path_.string(), "'"), error);
    }
  }
  ~PartFile() {
    if (is_own_ || size_ == 0) ::unlink(path_.c_str());
  }
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  [[nodiscard]] std::uint64_t size() const { return size_; }

  void restart() {
    if (::ftruncate(fd_.get(), 0) != 0) fail_errno(cat("cannot empty '", path_.string(), "'"), errno);
    size_ = 0;
  }

  void append(std::string_view piece) {
    const int error = write_all_at(fd_.get(), piece.data(), piece.size(), size_);
    if (error != 0) fail_errno(cat("cannot write '", path_.string(), "'"), error);
    size_ += piece.size();
  }

  /// What has arrived. Through the descriptor: whoever was done with the part file meanwhile has removed its name.
  [[nodiscard]] std::vector<std::byte> content(const StopCheck& stop) const {
    std::vector<std::byte> bytes(size_);
    in_pieces(bytes, stop, cat("reading '", path_.string(), "'"), [&](std::span<const std::byte> piece) {
      const auto at = piece.data() - bytes.data();
      const ssize_t got = ::pread(fd_.get(), bytes.data() + at, piece.size(), at);
      // Shorter than it was written: the check of the whole will say so.
      if (got < 0) fail_errno(cat("cannot read '", path_.string(), "'"), errno);
    });
    return bytes;
  }

  void remove() const { ::unlink(path_.c_str()); }

 private:
  [[nodiscard]] Fd open(int flags) const { return open_regular_file(path_, O_RDWR | O_NOFOLLOW | flags); }

  std::filesystem::path path_;
  bool is_own_ = false;
  Fd fd_;
  std::uint64_t size_ = 0;
};

/// One attempt at one mirror. Returns why it failed; empty: the part file is the whole file.
std::string fetch_from(HttpClient& client, const Download& download, const std::string& url, PartFile& part,
                       const StopCheck& stop, const Log& log) {
  const std::uint64_t resumed_at = part.size();
  const std::string shown = without_credentials(url);
  std::int64_t last_progress = system_clock().monotonic_ns();
  HttpRequest request;
  request.url = url;
  if (resumed_at > 0) request.headers.emplace_back("Range", cat("bytes=", resumed_at, "-"));
  request.connect_timeout = std::chrono::seconds(5);
  request.timeout = std::chrono::milliseconds(0);
  request.stall_timeout = std::chrono::seconds(20);
  request.body_limit = download.limit;
  request.follow_redirects = true;
  request.use_proxy = true;
  bool first_piece = true;
  request.sink = [&](int status, std::string_view piece) {
    // A server that ignores the range sends everything from the start.
    if (std::exchange(first_piece, false) && status == 200) part.restart();
    part.append(piece);
    const std::int64_t now = system_clock().monotonic_ns();
    if (now - last_progress > kProgressEveryNs) {
      last_progress = now;
      log.info(cat("fetching ", shown, ": ", part.size() / 1000, " kB so far"));
    }
    return part.size() <= download.limit;
  };
  const HttpResponse response = client.perform(request, stop);
  if (response.cancelled) fail(Status::kCancelled, cat("cancelled while fetching ", shown));
  if (!response.complete()) return response.error;
  if (response.status == 200 || response.status == 206) return "";
  // The part file is as long as the file, or longer than it: whether it is good the check will tell.
  if (response.status == 416) return "";
  return cat("HTTP status ", response.status);
}

/// Places that failed one after the other for the same reason, as all do without a network.
struct Failed {
  std::string urls, why;
};

std::string in_one_line(const std::vector<Failed>& failed) {
  std::string text;
  for (const Failed& each : failed) text += cat(text.empty() ? "" : "; ", each.urls, ": ", each.why);
  return text;
}

}  // namespace

std::vector<std::byte> fetch(const Download& download, const DownloadCheck& check, const StopCheck& stop,
                             const Log& log) {
  HttpClient client;
  PartFile part(download.part);
  std::vector<Failed> failed;
  for (const std::string& mirror : download.mirrors) {
    const std::string url = mirror + download.name;
    const std::string shown = without_credentials(url);
    log.info(cat("fetching ", shown));
    std::string why;
    // Twice: a part file left by another mirror, or by a broken transfer, is thrown away by the first check.
    for (int attempt = 0; attempt < 2; ++attempt) {
      why = fetch_from(client, download, url, part, stop, log);
      if (!why.empty()) break;
      try {
        std::vector<std::byte> bytes = part.content(stop);
        check(bytes, shown);
        part.remove();
        return bytes;
      } catch (const Error& error) {
        if (error.status() == Status::kCancelled) throw;
        part.restart();
        why = error.what();
      }
    }
    log.debug(cat("could not fetch ", shown, ": ", why));
    if (failed.empty() || failed.back().why != why) {
      failed.push_back({shown, why});
    } else {
      failed.back().urls += cat(", ", shown);
    }
  }
  fail(Status::kNetwork, cat("no mirror gave '", download.name, "' (", in_one_line(failed),
                             "): check the network, set dataset_mirrors, or give a folder as dataset"));
}

}  // namespace spot
