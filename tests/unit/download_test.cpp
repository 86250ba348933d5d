#include "data/download.h"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <sys/file.h>

#include "base/file.h"
#include "base/status.h"
#include "http_server.h"
#include "net/http.h"
#include "support/temporary_directory.h"

using namespace spot;
using spot::test::TemporaryDirectory;
using spotctl::HttpServer;
using spotctl::ServerRequest;
using spotctl::ServerResponse;

namespace {

const std::string kContent = "the very bytes that were published";

/// Serves kContent under /good/, with ranges; everything else goes wrong in the way its folder says.
class Mirrors {
 public:
  Mirrors() : server_("127.0.0.1", 0, [this](const ServerRequest& request) { return answer(request); }) {}

  [[nodiscard]] std::string url(const std::string& folder) const {
    return "http://127.0.0.1:" + std::to_string(server_.port()) + "/" + folder + "/";
  }
  std::atomic<int> whole{0}, partial{0};

 private:
  ServerResponse answer(const ServerRequest& request) {
    ServerResponse response;
    const auto range = request.headers.find("range");
    if (request.path.starts_with("/missing/")) {
      response.status = 404;
    } else if (request.path.starts_with("/html/")) {
      response.body = "<html>sign in to this network</html>";
    } else if (request.path.starts_with("/reset/")) {
      response.manner = ServerResponse::Manner::kReset;
    } else if (request.path.starts_with("/moved/")) {
      response.status = 302;
      response.headers.emplace_back("Location", "/good/file");
    } else if (request.path.starts_with("/circle/")) {
      response.status = 302;
      response.headers.emplace_back("Location", request.path);
    } else if (request.path.starts_with("/silent/")) {
      response.manner = ServerResponse::Manner::kSilence;
    } else if (request.path.starts_with("/slow/")) {
      response.manner = ServerResponse::Manner::kSlow;
      response.body = std::string(1000, 'x');
    } else if (request.path.starts_with("/endless/")) {
      response.manner = ServerResponse::Manner::kEndless;
    } else if (request.path.starts_with("/good/") && range != request.headers.end()) {
      const std::size_t first = std::stoul(range->second.substr(std::string("bytes=").size()));
      if (first >= kContent.size()) {
        response.status = 416;
      } else {
        ++partial;
        response.status = 206;
        response.body = kContent.substr(first);
      }
    } else {  // "/good/" from the start, or "/unranged/"
      ++whole;
      response.body = kContent;
    }
    return response;
  }

  HttpServer server_;
};

struct Fetch {
  TemporaryDirectory folder;
  Mirrors mirrors;
  std::filesystem::path part = folder.path() / "file.part";

  std::string from(const std::vector<std::string>& folders, const StopCheck& stop = {}) {
    Download download{"file", {}, part, 1000};
    for (const std::string& name : folders) download.mirrors.push_back(mirrors.url(name));
    const auto check = [](std::span<const std::byte> bytes, const std::string& url) {
      if (text_of(bytes) != kContent) fail(Status::kData, url + " is not the file");
    };
    return text_of(fetch(download, check, stop, Log()));
  }

  static std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
};

}  // namespace

TEST_CASE("a download goes on where an earlier one stopped") {
  Fetch fetch;
  write_file_atomically(fetch.part, kContent.substr(0, 10));
  CHECK(fetch.from({"good"}) == kContent);
  CHECK(fetch.mirrors.partial == 1);
  CHECK(fetch.mirrors.whole == 0);
  CHECK_FALSE(std::filesystem::exists(fetch.part));
}

TEST_CASE("a server without ranges sends the whole file, and it is taken once") {
  Fetch fetch;
  write_file_atomically(fetch.part, kContent.substr(0, 10));
  CHECK(fetch.from({"unranged"}) == kContent);
}

TEST_CASE("a part file that was complete already is checked and taken") {
  Fetch fetch;
  write_file_atomically(fetch.part, kContent);
  CHECK(fetch.from({"good"}) == kContent);
  CHECK(fetch.mirrors.whole + fetch.mirrors.partial == 0);
}

TEST_CASE("a part file of other bytes is thrown away after the check, and the file is fetched whole") {
  Fetch fetch;
  write_file_atomically(fetch.part, std::string("XXXX"));
  CHECK(fetch.from({"good"}) == kContent);
  CHECK(fetch.mirrors.partial == 1);
  CHECK(fetch.mirrors.whole == 1);
}

TEST_CASE("mirrors that fail, answer with a page, or never end are passed over") {
  Fetch fetch;
  CHECK(fetch.from({"missing", "html", "reset", "endless", "good"}) == kContent);
}

TEST_CASE("when no mirror gives the file, the error names each of them and the remedy") {
  Fetch fetch;
  std::string message;
  try {
    fetch.from({"missing", "html"});
  } catch (const Error& error) {
    CHECK(error.status() == Status::kNetwork);
    message = error.what();
  }
  CAPTURE(message);
  CHECK(message.find(fetch.mirrors.url("missing") + "file: HTTP status 404") != std::string::npos);
  CHECK(message.find(fetch.mirrors.url("html") + "file is not the file") != std::string::npos);
  CHECK(message.find("dataset_mirrors") != std::string::npos);
}

TEST_CASE("a password in a mirror's URL is used, and never shown") {
  CHECK(without_credentials("https://me:secret@host:1/a@b/") == "https://host:1/a@b/");
  CHECK(without_credentials("http://me:se@cret@host") == "http://host");
  CHECK(without_credentials("host/path@x") == "host/path@x");
  Fetch fetch;
  std::string url = fetch.mirrors.url("missing"), shown;
  url.insert(url.find("//") + 2, "me:secret@");
  const Log log([&](LogLevel, std::string_view text) { shown += text; });
  try {
    spot::fetch(
        {"file", {url}, fetch.part, 1000}, [](auto, const std::string&) {}, {}, log);
  } catch (const Error& error) {
    shown += error.what();
  }
  CHECK(shown.find("HTTP status 404") != std::string::npos);
  CHECK(shown.find("secret") == std::string::npos);
}

TEST_CASE("a mirror may send on to another place, a few times, and for the part that is missing, too") {
  Fetch fetch;
  CHECK(fetch.from({"moved"}) == kContent);
  write_file_atomically(fetch.part, kContent.substr(0, 10));
  CHECK(fetch.from({"circle", "moved"}) == kContent);
  CHECK(fetch.mirrors.partial == 1);
}

TEST_CASE("a download goes through the proxy that the environment names") {
  Fetch fetch;
  ::setenv("http_proxy", fetch.mirrors.url("").c_str(), 1);
  const auto check = [](auto, const std::string&) {};
  const auto bytes = spot::fetch({"file", {"http://no-such-host.invalid/"}, fetch.part, 1000}, check, {}, Log());
  ::unsetenv("http_proxy");
  CHECK(Fetch::text_of(bytes) == kContent);
}

TEST_CASE("a link in a part file's place is not written through") {
  Fetch fetch;
  const auto target = fetch.folder.path() / "target";
  write_file_atomically(target, std::string("precious"));
  std::filesystem::create_symlink(target, fetch.part);
  CHECK_THROWS_AS(fetch.from({"good"}), Error);
  CHECK(read_text_file(target, 100) == "precious");
}

TEST_CASE("two downloads of one file at once do not disturb each other, nor leave anything behind") {
  Fetch fetch;
  const int other = ::open(fetch.part.c_str(), O_RDWR | O_CREAT, 0600);
  REQUIRE(::flock(other, LOCK_EX | LOCK_NB) == 0);
  REQUIRE(::write(other, "half", 4) == 4);
  CHECK(fetch.from({"good"}) == kContent);
  CHECK(read_text_file(fetch.part, 100) == "half");
  ::close(other);
  CHECK(fetch.from({"missing", "good"}) == kContent);
  CHECK(std::filesystem::is_empty(fetch.folder.path()));
}

TEST_CASE("a download that is cancelled at any moment leaves a part that the next one goes on with") {
  for (int yes_at = 1;; ++yes_at) {
    Fetch fetch;
    int questions = 0;
    try {
      const std::string content = fetch.from({"missing", "good"}, [&] { return ++questions == yes_at; });
      CHECK(content == kContent);
      CHECK(yes_at > 4);
      break;
    } catch (const Error& error) {
      CHECK(error.status() == Status::kCancelled);
    }
    CHECK(fetch.from({"good"}) == kContent);
    CHECK(std::filesystem::is_empty(fetch.folder.path()));
  }
}

TEST_CASE("another user of the volume's group can go on with a download") {
  for (const auto& [folder_mode, file_mode] : {std::pair{0700, 0600}, {02770, 0660}}) {
    Fetch fetch;
    std::filesystem::permissions(fetch.folder.path(), std::filesystem::perms(folder_mode));
    const auto some_is_there = [&] {
      std::error_code none_yet;
      const auto size = std::filesystem::file_size(fetch.part, none_yet);
      return !none_yet && size > 0;
    };
    CHECK_THROWS_AS(fetch.from({"good"}, some_is_there), Error);
    CHECK(std::filesystem::status(fetch.part).permissions() == std::filesystem::perms(file_mode));
  }
}

TEST_CASE("a mirror that answers slowly, or not at all, holds up no cancellation") {
  Fetch fetch;
  for (const char* folder : {"silent", "slow"}) {
    CancelToken cancel;
    std::thread trigger([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      cancel.trigger();
    });
    const auto start = std::chrono::steady_clock::now();
    CHECK_THROWS_AS(fetch.from({folder}, stop_by(&cancel)), Error);
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
    trigger.join();
  }
}

TEST_CASE("a cancelled download ends as cancelled") {
  Fetch fetch;
  CancelToken cancel;
  cancel.trigger();
  try {
    fetch.from({"good"}, stop_by(&cancel));
    FAIL("not cancelled");
  } catch (const Error& error) {
    CHECK(error.status() == Status::kCancelled);
  }
}
