#include "http_server.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <ctime>
#include <exception>
#include <optional>
#include <poll.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "exit_code.h"
#include "thread.h"

namespace spotctl {
namespace {

constexpr std::size_t kMaxRequest = 64 * 1024;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::map<std::string, std::string> parse_query(const std::string& text) {
  std::map<std::string, std::string> query;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('&', at), text.size());
    const std::string item = text.substr(at, end - at);
    const std::size_t equals = std::min(item.find('='), item.size());
    query[item.substr(0, equals)] = equals < item.size() ? item.substr(equals + 1) : "";
    at = end + 1;
  }
  return query;
}

std::optional<ServerRequest> parse(const std::string& head) {
  ServerRequest request;
  const std::size_t line_end = head.find("\r\n");
  const std::string line = head.substr(0, line_end);
  const std::size_t first = line.find(' '), second = line.find(' ', first + 1);
  if (first == std::string::npos || second == std::string::npos) return std::nullopt;
  request.method = line.substr(0, first);
  request.target = line.substr(first + 1, second - first - 1);
  const std::size_t question = std::min(request.target.find('?'), request.target.size());
  request.path = request.target.substr(0, question);
  if (question < request.target.size()) request.query = parse_query(request.target.substr(question + 1));
  for (std::size_t at = line_end + 2; at < head.size();) {
    const std::size_t end = std::min(head.find("\r\n", at), head.size());
    const std::size_t colon = head.find(':', at);
    if (colon != std::string::npos && colon < end) {
      const std::size_t value = head.find_first_not_of(' ', colon + 1);
      request.headers[lower(head.substr(at, colon - at))] = value < end ? head.substr(value, end - value) : "";
    }
    at = end + 2;
  }
  return request;
}

/// Bytes of the body that follows; more than any may have when that cannot be told.
std::size_t body_size(const ServerRequest& request) {
  const std::string length = request.header("content-length");
  if (length.empty()) return 0;
  std::size_t size = 0;
  const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), size);
  return error == std::errc{} && end == length.data() + length.size() ? size : kMaxRequest + 1;
}

std::string value_in(const std::map<std::string, std::string>& values, const std::string& name) {
  const auto found = values.find(name);
  return found == values.end() ? std::string() : found->second;
}

bool send_all(int fd, const std::string& bytes) {
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t sent = send(fd, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    done += static_cast<std::size_t>(sent);
  }
  return true;
}

std::string date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[64];
  std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return text;
}

std::string render(const ServerResponse& response) {
  std::string text = "HTTP/1.1 " + std::to_string(response.status) +
                     (response.status == 200   ? " OK"
                      : response.status == 404 ? " Not Found"
                                               : " Status") +
                     "\r\nContent-Type: " + response.content_type + "\r\nDate: " + date() +
                     "\r\nContent-Length: " + std::to_string(response.body.size()) + "\r\n";
  for (const auto& [name, value] : response.headers) text.append(name).append(": ").append(value).append("\r\n");
  return text + "\r\n" + response.body;
}

}  // namespace

std::string ServerRequest::query_value(const std::string& name) const {
  return value_in(query, name);
}

std::string ServerRequest::header(const std::string& name) const {
  return value_in(headers, name);
}

HttpServer::HttpServer(const std::string& host, int port, Handler handler) : handler_(std::move(handler)) {
  sockaddr_in address{};
  if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) {
    throw Failure(kUsage, "--host cannot be '" + host + "': it takes an IPv4 address, such as 127.0.0.1");
  }
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  socklen_t size = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener_, 64) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    const std::string why = std::strerror(errno);
    close(listener_);
    throw Failure(kUnavailable, "cannot listen on " + host + ":" + std::to_string(port) + ": " + why);
  }
  port_ = ntohs(address.sin_port);
  try {
    acceptor_ = start_thread("connections", [this] { accept_connections(); });
  } catch (const Failure&) {
    close(listener_);
    throw;
  }
}

HttpServer::~HttpServer() {
  stop_ = true;
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  close(listener_);
  {
    const std::lock_guard lock(mutex_);
    for (const int fd : connections_) shutdown(fd, SHUT_RDWR);
  }
  for (std::thread& thread : threads_) thread.join();
}

void HttpServer::accept_connections() {
  while (!stop_) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) {
      if (stop_) return;
      continue;
    }
    try {
      const std::lock_guard lock(mutex_);
      connections_.reserve(connections_.size() + 1);
      threads_.emplace_back([this, fd] { serve(fd); });
      connections_.push_back(fd);
    } catch (const std::exception&) {  // no memory or no thread for another connection
      close(fd);
    }
  }
}

void HttpServer::serve(int fd) {
  try {
    answer_all(fd);
  } catch (const std::exception&) {  // whatever a request holds, the others are served
  }
  const std::lock_guard lock(mutex_);
  std::erase(connections_, fd);
  close(fd);
}

void HttpServer::answer_all(int fd) {
  std::string received;
  for (bool open = true; open && !stop_;) {
    std::size_t end = received.find("\r\n\r\n");
    while (end == std::string::npos) {
      if (!receive(fd, received, received.size() + 1)) return;
      end = received.find("\r\n\r\n");
    }
    auto request = parse(received.substr(0, end));
    received.erase(0, end + 4);
    if (!request) return;
    const std::size_t size = body_size(*request);
    if (!receive(fd, received, size)) return;
    request->body = received.substr(0, size);
    received.erase(0, size);
    open = answer(fd, handler_(*request));
  }
}

/// Reads on until there are `size` bytes. False: they do not come, or are too many.
bool HttpServer::receive(int fd, std::string& received, std::size_t size) const {
  char piece[4096];
  while (received.size() < size && size <= kMaxRequest) {
    const ssize_t got = recv(fd, piece, sizeof piece, 0);
    if (got <= 0 || stop_) return false;
    received.append(piece, static_cast<std::size_t>(got));
  }
  return received.size() >= size;
}

bool HttpServer::answer(int fd, const ServerResponse& response) {
  using Manner = ServerResponse::Manner;
  const auto pause = [this](int milliseconds) {
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    return !stop_;
  };
  const std::string text = render(response);
  switch (response.manner) {
    case Manner::kNormal: return send_all(fd, text);
    case Manner::kSilence:
      while (pause(50)) {
      }
      return false;
    case Manner::kSlow:
      for (const char c : text) {
        if (!send_all(fd, std::string(1, c)) || !pause(100)) return false;
      }
      return true;
    case Manner::kEndless: {
      if (!send_all(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")) return false;
      const std::string filler(1000, 'x');
      while (send_all(fd, filler) && pause(1)) {
      }
      return false;
    }
    case Manner::kReset: {
      const linger at_once{1, 0};
      setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
      return false;
    }
  }
  return false;
}

}  // namespace spotctl
