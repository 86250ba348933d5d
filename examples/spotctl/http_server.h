#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace spotctl {

/// One HTTP request as a server sees it; header names in lower case.
struct ServerRequest {
  std::string method, target;  ///< the target is the path with its query
  std::string path;
  std::map<std::string, std::string> query;  ///< the values as they came, not decoded
  std::map<std::string, std::string> headers;
  std::string body;

  /// Of the query; empty when it is not there.
  [[nodiscard]] std::string query_value(const std::string& name) const;
  /// Of the header of that lower-case name; empty when it is not there.
  [[nodiscard]] std::string header(const std::string& name) const;
};

/// What to answer. The odd ones are for rehearsing faults.
struct ServerResponse {
  enum class Manner {
    kNormal,
    kSilence,  ///< never answer
    kSlow,     ///< a byte every 100 ms
    kEndless,  ///< never stop
    kReset,    ///< cut the connection
  };
  int status = 200;
  std::string body;
  std::string content_type = "text/plain";
  std::vector<std::pair<std::string, std::string>> headers;
  Manner manner = Manner::kNormal;
};

/// A small HTTP/1.1 server for rehearsals on this machine: persistent connections, a thread a connection.
class HttpServer {
 public:
  /// Called on the connections' threads.
  using Handler = std::function<ServerResponse(const ServerRequest&)>;

  /// Listens at once. Port 0 takes any free one. Throws Failure when the address is not to be had.
  HttpServer(const std::string& host, int port, Handler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] int port() const { return port_; }

 private:
  void accept_connections();
  void serve(int fd);
  void answer_all(int fd);
  bool receive(int fd, std::string& received, std::size_t size) const;
  bool answer(int fd, const ServerResponse& response);

  Handler handler_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::vector<int> connections_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace spotctl
