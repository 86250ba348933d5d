#include "input_file.h"

#include <cerrno>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

#include <sys/stat.h>

#include "exit_code.h"
#include "signals.h"

namespace spotctl {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return number_; }

 private:
  int number_;
};

}  // namespace

std::string read_input(const std::string& path, const std::string& what, std::uint64_t limit, int exit_code) {
  const auto refuse = [&](const std::string& why) { throw Failure(exit_code, what + " '" + path + "' " + why); };
  const auto refuse_errno = [&](int error) {
    if (error == ENOENT) refuse("does not exist");
    if (error == EISDIR) refuse("is a folder");
    refuse("cannot be read: " + std::generic_category().message(error));
  };
  // Opened without waiting for a pipe's writer: that is done where signals are heard.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (file.get() < 0) refuse_errno(errno);
  struct stat info {};
  if (::fstat(file.get(), &info) == 0 && S_ISDIR(info.st_mode)) refuse("is a folder");
  std::string content;
  for (;;) {
    wait_for_input(file.get());
    constexpr std::size_t kPiece = std::size_t{1} << 16;
    const std::size_t had = content.size();
    content.resize(had + kPiece);
    const ssize_t got = ::read(file.get(), content.data() + had, kPiece);
    content.resize(had + (got > 0 ? static_cast<std::size_t>(got) : 0));
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) refuse_errno(errno);
    if (got == 0) return content;
    if (content.size() > limit) refuse("has more than " + std::to_string(limit) + " bytes");
  }
}

}  // namespace spotctl
