/// \file
/// spot_trainer.h for C++17 and newer, in this one header.
///
/// Handles free themselves, and a call that fails throws. Everything else is as spot_trainer.h says: which thread may
/// do what, what a function does and returns, and which errors it gives.
///
///     using namespace spottrainer;
///     const Config config = Config::create({{"volume", "/mnt/data"}, {"dataset", "mnist"}});
///     const Poller poller = Poller::create(config);
///     const Trainer trainer = Trainer::create(config);
///     trainer.set_callback(SPOT_EVENT_EPOCH_END, [](const spot_event& event) { std::cerr << event.test_accuracy <<
///     '\n'; }); const spot_run_result result = trainer.run(poller);
///
/// A handle is a std::unique_ptr with members for the functions of its group: an empty one must not be called, get()
/// goes into functions of spot_trainer.h, and const concerns the pointer alone. call() and make() reach every function
/// there.
///
/// SPDX-License-Identifier: Apache-2.0
#ifndef SPOT_TRAINER_HPP
#define SPOT_TRAINER_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cxxabi.h>
#include <exception>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <spot_trainer.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>
#if __cplusplus >= 202002L && __has_include(<stop_token>)
#include <stop_token>
#endif

// Stop holds more where there is a std::stop_token. A program may have files of both kinds.
#ifdef __cpp_lib_jthread
#define SPOT_TRAINER_LAYOUT with_stop_token
#else
#define SPOT_TRAINER_LAYOUT without_stop_token
#endif

namespace spottrainer {
inline namespace SPOT_TRAINER_LAYOUT {

/// A call of the library that failed. what() is the library's one-line message.
class Error : public std::runtime_error {
 public:
  Error(spot_status status, const spot_error* error)
      : std::runtime_error(error == nullptr ? spot_status_name(status) : spot_error_message(error)),
        status_(status),
        os_errno_(spot_error_os_errno(error)),
        http_status_(spot_error_http_status(error)),
        byte_offset_(spot_error_byte_offset(error)) {}
  Error(spot_status status, const std::string& message) : std::runtime_error(message), status_(status) {}

  [[nodiscard]] spot_status status() const noexcept { return status_; }
  [[nodiscard]] std::int32_t os_errno() const noexcept { return os_errno_; }        ///< 0: none
  [[nodiscard]] std::int32_t http_status() const noexcept { return http_status_; }  ///< 0: none
  [[nodiscard]] std::int64_t byte_offset() const noexcept { return byte_offset_; }  ///< -1: unknown

 private:
  spot_status status_;
  std::int32_t os_errno_ = 0;
  std::int32_t http_status_ = 0;
  std::int64_t byte_offset_ = -1;
};

template <auto free_function>
struct Free {
  template <typename Handle>
  void operator()(Handle* handle) const noexcept {
    free_function(handle);
  }
};

template <typename Raw, auto free_function>
using Owner = std::unique_ptr<Raw, Free<free_function>>;

/// A text that the library returned.
using Text = Owner<char, spot_text_free>;

/// Throws Error unless `status` is SPOT_OK. Frees `error` in any case.
inline void check(spot_status status, spot_error* error) {
  const Owner<spot_error, spot_error_free> owner(error);
  if (status != SPOT_OK) throw Error(status, error);
}

namespace detail {

/// What a callback of this thread threw: callbacks arrive on the thread that called. A call that fails because of it
/// takes it away, and calls that the callback makes come before.
inline std::exception_ptr& thrown() noexcept {
  thread_local std::exception_ptr exception;
  return exception;
}

/// `text` for the library, which reads texts up to their first zero byte.
inline const char* argument(const std::string& text) {
  const std::size_t zero = text.find('\0');
  if (zero != std::string::npos) {
    throw Error(SPOT_E_INVALID_ARGUMENT, "the text '" + text.substr(0, zero) + "\\0" + text.substr(zero + 1).c_str() +
                                             "' contains a zero byte: texts of the library end with one");
  }
  return text.c_str();
}

/// Before the first call: whether the library that was loaded serves this header.
inline void check_library() {
  [[maybe_unused]] static const bool fits = [] {
    spot_error* error = nullptr;
    check(spot_abi_check(SPOT_ABI_VERSION, &error), error);
    return true;
  }();
}

}  // namespace detail

/// Calls a function whose last parameter is the error. Returns whether it succeeded: false for the status `expected`.
/// Throws Error for any other failure, and what a callback threw as it was thrown.
template <typename Function, typename... Arguments>
bool call_expecting(spot_status expected, Function function, Arguments&&... arguments) {
  detail::check_library();
  detail::thrown() = nullptr;
  spot_error* error = nullptr;
  const spot_status status = function(std::forward<Arguments>(arguments)..., &error);
  if (status == SPOT_OK) return true;
  Owner<spot_error, spot_error_free> owner(error);
  if (status == expected) return false;
  if (status == SPOT_E_CALLBACK && detail::thrown() != nullptr) {
    owner.reset();
    std::rethrow_exception(std::exchange(detail::thrown(), nullptr));
  }
  throw Error(status, error);
}

/// Calls a function whose last parameter is the error. Throws Error when it fails.
template <typename Function, typename... Arguments>
void call(Function function, Arguments&&... arguments) {
  call_expecting(SPOT_OK, function, std::forward<Arguments>(arguments)...);
}

/// Calls a function that returns a handle or text through its last parameter but one. Throws Error when it fails.
template <typename Handle, typename Function, typename... Arguments>
[[nodiscard]] Handle make(Function function, Arguments&&... arguments) {
  typename Handle::pointer raw = nullptr;
  call(function, std::forward<Arguments>(arguments)..., &raw);
  return Handle(raw);
}

/// A result struct that states its size and is zero otherwise.
template <typename Struct>
[[nodiscard]] Struct sized() {
  Struct result{};
  result.struct_size = sizeof result;
  return result;
}

namespace detail {

/// Calls a function that fills a struct through its last parameter but one.
template <typename Struct, typename Function, typename... Arguments>
[[nodiscard]] Struct fill(Function function, Arguments&&... arguments) {
  auto result = sized<Struct>();
  call(function, std::forward<Arguments>(arguments)..., &result);
  return result;
}

/// Calls a function that returns a text through its last parameter but one.
template <typename Function, typename... Arguments>
[[nodiscard]] std::string text(Function function, Arguments&&... arguments) {
  return make<Text>(function, std::forward<Arguments>(arguments)...).get();
}

template <typename Values>
using ElementOf = std::remove_cv_t<std::remove_pointer_t<decltype(std::data(std::declval<Values&>()))>>;

/// SPOT_TYPE_UINT8, ... of the elements of a container, an array or a span.
template <typename Values>
constexpr std::int32_t element_type() {
  using Element = ElementOf<Values>;
  if constexpr (std::is_same_v<Element, std::uint8_t>) {
    return SPOT_TYPE_UINT8;
  } else if constexpr (std::is_same_v<Element, float>) {
    return SPOT_TYPE_FLOAT32;
  } else {
    static_assert(std::is_integral_v<Element> && std::is_signed_v<Element> && sizeof(Element) >= 4,
                  "elements are std::uint8_t, std::int32_t, std::int64_t or float");
    return sizeof(Element) == 4 ? SPOT_TYPE_INT32 : SPOT_TYPE_INT64;
  }
}

template <typename Values>
std::size_t bytes_of(const Values& values) {
  return std::size(values) * sizeof(ElementOf<const Values>);
}

/// A copy of `value` that the library owns through destroy(): give_to(library) calls a function of it.
template <typename Value>
void destroy(void* user) {
  delete static_cast<Value*>(user);
}

template <typename Value, typename GiveTo>
void hand_over(Value value, GiveTo give_to) {
  auto owner = std::make_unique<Value>(std::move(value));
  give_to(owner.get());  // when it throws, the value stays ours
  static_cast<void>(owner.release());
}

// What is caught as a forced unwind is a reference to nothing, which UBSan would complain of.
template <typename Callback>
__attribute__((no_sanitize("null"))) std::int32_t tell_event(void* user, const spot_event* event) {
  using Answer = std::invoke_result_t<Callback&, const spot_event&>;
  static_assert(
      std::is_void_v<Answer> || (std::is_convertible_v<Answer, std::int32_t> && !std::is_same_v<Answer, bool>),
      "a callback returns nothing, or SPOT_ANSWER_CONTINUE, SPOT_ANSWER_STOP or SPOT_ANSWER_FAIL");
  try {
    Callback& callback = *static_cast<Callback*>(user);
    if constexpr (std::is_void_v<Answer>) {
      callback(*event);
      return SPOT_ANSWER_CONTINUE;
    } else {
      return callback(*event);
    }
#ifdef __GLIBCXX__
  } catch (const abi::__forced_unwind&) {  // what pthread_exit() ends the thread with
    throw;
#endif
  } catch (...) {
    thrown() = std::current_exception();
    return SPOT_ANSWER_FAIL;
  }
}

template <typename Receiver>
void tell_message(void* user, std::int32_t level, const char* message, std::size_t length) {
  (*static_cast<Receiver*>(user))(level, std::string_view(message, length));
}

}  // namespace detail

/// spot_cancel_...
class Cancel : public Owner<spot_cancel, spot_cancel_free> {
 public:
  using unique_ptr::unique_ptr;
  static Cancel create() { return make<Cancel>(spot_cancel_create); }

  /// Another owner of the same request.
  [[nodiscard]] Cancel share() const {
    spot_cancel_retain(get());
    return Cancel(get());
  }
  void trigger() const noexcept { spot_cancel_trigger(get()); }  ///< safe in a signal handler
  [[nodiscard]] bool is_triggered() const noexcept { return spot_cancel_is_triggered(get()) != 0; }
  void reset_trigger() const noexcept { spot_cancel_reset(get()); }  // reset() is std::unique_ptr's
};

/// What may end a call early: nothing, a Cancel, or, since C++20, a std::stop_token.
class Stop {
 public:
  Stop() = default;
  Stop(const Cancel& cancel) noexcept : cancel_(cancel.get()) {}
  Stop(spot_cancel* cancel) noexcept : cancel_(cancel) {}
#ifdef __cpp_lib_jthread
  Stop(std::stop_token token) : own_(Cancel::create()), cancel_(own_.get()) {
    trigger_.emplace(std::move(token), Trigger{cancel_});
  }
#endif
  Stop(const Stop&) = delete;
  Stop& operator=(const Stop&) = delete;

  [[nodiscard]] spot_cancel* get() const noexcept {
    return cancel_;
  }

 private:
#ifdef __cpp_lib_jthread
  struct Trigger {
    spot_cancel* cancel;
    void operator()() const noexcept { spot_cancel_trigger(cancel); }
  };
  Cancel own_;
  std::optional<std::stop_callback<Trigger>> trigger_;
#endif
  spot_cancel* cancel_ = nullptr;
};

/// For waits: until it happens.
inline constexpr std::chrono::milliseconds forever{-1};
/// For Poller::notify(): nobody knows when the machine will be gone.
inline constexpr std::chrono::duration<double> no_end_known{std::numeric_limits<double>::quiet_NaN()};

struct LogMessage {
  std::int32_t level = 0;  ///< SPOT_LOG_...
  std::string text;
};

/// spot_log_queue_...
class LogQueue : public Owner<spot_log_queue, spot_log_queue_free> {
 public:
  using unique_ptr::unique_ptr;
  static LogQueue create(std::int32_t level, std::size_t capacity) {
    return make<LogQueue>(spot_log_queue_create, level, capacity);
  }

  /// The next message; none when the time is up.
  [[nodiscard]] std::optional<LogMessage> next(std::chrono::milliseconds timeout = forever,
                                               const Stop& stop = {}) const {
    LogMessage message;
    char* text = nullptr;
    if (!call_expecting(SPOT_E_TIMEOUT, spot_log_queue_next, get(), std::int64_t{timeout.count()}, stop.get(),
                        &message.level, &text)) {
      return std::nullopt;
    }
    message.text = Text(text).get();
    return message;
  }
};

/// spot_config_...
class Config : public Owner<spot_config, spot_config_free> {
 public:
  using unique_ptr::unique_ptr;
  /// Values as text, whatever their type is.
  static Config create(std::initializer_list<std::pair<std::string, std::string>> values = {}) {
    Config config = make<Config>(spot_config_create);
    for (const auto& [key, value] : values) config.set(key, value);
    return config;
  }
  [[nodiscard]] Config clone() const { return make<Config>(spot_config_clone, get()); }

  void set(const std::string& key, const std::string& value) const {
    call(spot_config_set_str, get(), detail::argument(key), detail::argument(value));
  }
  template <typename Number, typename = std::enable_if_t<std::is_arithmetic_v<Number>>>
  void set(const std::string& key, Number value) const {
    if constexpr (std::is_floating_point_v<Number>) {
      call(spot_config_set_f64, get(), detail::argument(key), static_cast<double>(value));
    } else {
      call(spot_config_set_i64, get(), detail::argument(key), static_cast<std::int64_t>(value));
    }
  }
  void unset(const std::string& key) const { call(spot_config_unset, get(), detail::argument(key)); }

  /// As text, or as the number or bool that is asked for: get<std::int64_t>("steps").
  template <typename Value = std::string>
  [[nodiscard]] Value get_value(const std::string& key) const {
    if constexpr (std::is_floating_point_v<Value>) {
      double value = 0;
      call(spot_config_get_f64, get(), detail::argument(key), &value);
      return static_cast<Value>(value);
    } else if constexpr (std::is_integral_v<Value>) {
      std::int64_t value = 0;
      call(spot_config_get_i64, get(), detail::argument(key), &value);
      return static_cast<Value>(value);
    } else {
      return detail::text(spot_config_get_str, get(), detail::argument(key));
    }
  }

  /// `receiver` is called with (std::int32_t level, std::string_view message), maybe from threads of the library; it
  /// must not call the library, and what it throws is lost.
  template <typename Receiver>
  void set_log(std::int32_t level, Receiver receiver) const {
    detail::hand_over(std::move(receiver), [this, level](Receiver* user) {
      call(spot_config_set_log, get(), level, &detail::tell_message<Receiver>, user, &detail::destroy<Receiver>);
    });
  }
  void set_log(std::nullptr_t) const {
    call(spot_config_set_log, get(), std::int32_t{SPOT_LOG_ERROR}, nullptr, nullptr, nullptr);
  }
  void set_log_queue(const LogQueue& queue) const { call(spot_config_set_log_queue, get(), queue.get()); }
};

/// The value of a configuration's key.
inline std::string value_of(const Config& config, const char* key) {
  return config.get_value(key);
}

/// spot_poller_...
class Poller : public Owner<spot_poller, spot_poller_free> {
 public:
  using unique_ptr::unique_ptr;
  static Poller create(const Config& config) { return make<Poller>(spot_poller_create, config.get()); }

  /// The notice or withdrawal after `position`, which is 0 at first and is moved on; none when the time is up.
  [[nodiscard]] std::optional<spot_notice> wait(std::uint64_t& position, std::chrono::milliseconds timeout = forever,
                                                const Stop& stop = {}) const {
    auto notice = sized<spot_notice>();
    if (!call_expecting(SPOT_E_TIMEOUT, spot_poller_wait, get(), &position, std::int64_t{timeout.count()}, stop.get(),
                        &notice)) {
      return std::nullopt;
    }
    return notice;
  }
  /// Returns the event's id.
  std::uint64_t notify(std::int32_t action, std::chrono::duration<double> seconds_left = no_end_known,
                       const std::string& detail = "", const std::string& source = "host") const {
    std::uint64_t id = 0;
    call(spot_poller_notify, get(), action, detail::argument(source), detail::argument(detail), seconds_left.count(),
         &id);
    return id;
  }
  void withdraw(std::uint64_t id) const { call(spot_poller_withdraw, get(), id); }
  [[nodiscard]] spot_poller_health health() const {
    return detail::fill<spot_poller_health>(spot_poller_get_health, get());
  }
};

/// A spot_dataset_arrays of containers, arrays or spans. The dataset moves them into its own, and keeps `owner` as long
/// as it needs what spans look at.
template <typename Images = std::vector<std::uint8_t>, typename Labels = Images>
struct Arrays {
  std::uint32_t rows = 0;
  std::uint32_t columns = 0;
  std::uint32_t channels = 1;
  std::uint32_t classes = 0;  ///< 0: the largest label plus one
  std::string name = "memory";
  Images train_images{};
  Labels train_labels{};
  Images test_images{};  ///< as test_labels, empty: there is no test set
  Labels test_labels{};
  std::shared_ptr<const void> owner{};
};

/// spot_dataset_...
class Dataset : public Owner<spot_dataset, spot_dataset_free> {
 public:
  using unique_ptr::unique_ptr;
  template <typename Images, typename Labels>
  static Dataset create(Arrays<Images, Labels> arrays, const Stop& stop = {}) {
    Dataset dataset;
    detail::hand_over(std::move(arrays), [&dataset, &stop](Arrays<Images, Labels>* kept) {
      auto given = sized<spot_dataset_arrays>();
      given.image_type = detail::element_type<Images>();
      given.label_type = detail::element_type<Labels>();
      given.rows = kept->rows;
      given.columns = kept->columns;
      given.channels = kept->channels;
      given.classes = kept->classes;
      given.name = detail::argument(kept->name);
      given.train_samples = std::size(kept->train_labels);
      given.train_images = std::data(kept->train_images);
      given.train_labels = std::data(kept->train_labels);
      given.train_image_bytes = detail::bytes_of(kept->train_images);
      given.train_label_bytes = detail::bytes_of(kept->train_labels);
      given.test_samples = std::size(kept->test_labels);
      given.test_images = std::data(kept->test_images);
      given.test_labels = std::data(kept->test_labels);
      given.test_image_bytes = detail::bytes_of(kept->test_images);
      given.test_label_bytes = detail::bytes_of(kept->test_labels);
      dataset = make<Dataset>(spot_dataset_create, &given, nullptr, stop.get(), kept,
                              &detail::destroy<Arrays<Images, Labels>>);
    });
    return dataset;
  }
  static Dataset open(const Config& config, const Stop& stop = {}) {
    return make<Dataset>(spot_dataset_open, config.get(), stop.get());
  }
  [[nodiscard]] spot_dataset_info info() const { return detail::fill<spot_dataset_info>(spot_dataset_get_info, get()); }
};

namespace detail {

/// What a trainer, a checkpoint and a model tell alike.
template <typename Handle, typename Info, auto get_info, auto get_tensor_info, auto read>
class Tensors {
 public:
  [[nodiscard]] Info info() const { return fill<Info>(get_info, raw()); }
  /// Of all roles; their names live as long as the handle.
  [[nodiscard]] std::vector<spot_tensor_info> tensors() const {
    std::vector<spot_tensor_info> all(info().tensor_count);
    for (std::uint64_t i = 0; i < all.size(); ++i) all[i] = fill<spot_tensor_info>(get_tensor_info, raw(), i);
    return all;
  }
  [[nodiscard]] std::vector<float> read_tensor(const std::string& name) const {
    std::vector<float> values;
    for (const spot_tensor_info& tensor : tensors()) {
      if (name == tensor.name) values.resize(tensor.size);
    }
    call(read, raw(), detail::argument(name), values.data(), values.size());
    return values;
  }
  /// All of them, one after the other.
  [[nodiscard]] std::vector<float> read_tensors() const {
    std::vector<float> values(info().state_size);
    call(read, raw(), nullptr, values.data(), values.size());
    return values;
  }

 private:
  [[nodiscard]] auto* raw() const { return static_cast<const Handle*>(this)->get(); }
};

}  // namespace detail

/// spot_checkpoint_...
class Checkpoint : public Owner<spot_checkpoint, spot_checkpoint_free>,
                   public detail::Tensors<Checkpoint, spot_checkpoint_info, spot_checkpoint_get_info,
                                          spot_checkpoint_get_tensor_info, spot_checkpoint_read_tensor> {
 public:
  using unique_ptr::unique_ptr;
  static Checkpoint open(const std::string& path, const Stop& stop = {}) {
    return make<Checkpoint>(spot_checkpoint_open, detail::argument(path), stop.get());
  }
  template <typename Bytes>
  static Checkpoint open_memory(const Bytes& bytes, const Stop& stop = {}) {
    static_assert(std::is_same_v<detail::ElementOf<const Bytes>, std::uint8_t>, "bytes are std::uint8_t");
    return make<Checkpoint>(spot_checkpoint_open_memory, std::data(bytes), std::size(bytes), stop.get());
  }

  struct Verification {
    std::uint64_t good = 0;
    std::uint64_t bad = 0;
    std::string json;
  };
  static Verification verify(const std::string& path, const Stop& stop = {}) {
    Verification found;
    found.json = detail::text(spot_checkpoint_verify, detail::argument(path), stop.get(), &found.good, &found.bad);
    return found;
  }

  [[nodiscard]] std::string describe() const { return detail::text(spot_checkpoint_describe, get()); }
  [[nodiscard]] Config config() const { return make<Config>(spot_checkpoint_get_config, get()); }
  void export_to(const std::string& prefix, const Stop& stop = {}) const {
    call(spot_checkpoint_export, get(), detail::argument(prefix), stop.get());
  }
};

/// A checkpoint file in memory, see Trainer::serialize(): a container of std::uint8_t.
class Bytes {
 public:
  Bytes(std::uint8_t* bytes, std::size_t size) noexcept : bytes_(bytes), size_(size) {}
  [[nodiscard]] const std::uint8_t* data() const noexcept { return bytes_.get(); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] const std::uint8_t* begin() const noexcept { return data(); }
  [[nodiscard]] const std::uint8_t* end() const noexcept { return data() + size_; }

 private:
  Owner<std::uint8_t, spot_bytes_free> bytes_;
  std::size_t size_;
};

/// spot_trainer_...
class Trainer : public Owner<spot_trainer, spot_trainer_free>,
                public detail::Tensors<Trainer, spot_trainer_info, spot_trainer_get_info, spot_trainer_get_tensor_info,
                                       spot_trainer_read_tensor> {
 public:
  using unique_ptr::unique_ptr;
  /// With the dataset that the key of that name opens.
  static Trainer create(const Config& config, const Stop& stop = {}) {
    return make<Trainer>(spot_trainer_create, config.get(), nullptr, stop.get());
  }
  static Trainer create(const Config& config, const Dataset& dataset, const Stop& stop = {}) {
    return make<Trainer>(spot_trainer_create, config.get(), dataset.get(), stop.get());
  }

  /// `callback` is called with a const spot_event&, and returns nothing or SPOT_ANSWER_CONTINUE, SPOT_ANSWER_STOP or
  /// SPOT_ANSWER_FAIL. What it throws ends the call without a save, and comes out of it as it was thrown. It is
  /// destroyed when it is replaced, or with the trainer, and must not free handles of the library in its destructor.
  template <typename Callback>
  void set_callback(std::uint32_t events, Callback callback) const {
    detail::hand_over(std::move(callback), [this, events](Callback* user) {
      call(spot_trainer_set_callback, get(), events, &detail::tell_event<Callback>, user, &detail::destroy<Callback>);
    });
  }
  void set_callback(std::nullptr_t) const {
    call(spot_trainer_set_callback, get(), std::uint32_t{0}, nullptr, nullptr, nullptr);
  }

  /// The whole job. An empty poller is none: run({}, stop).
  spot_run_result run(const Poller& poller = {}, const Stop& stop = {}) const {
    return detail::fill<spot_run_result>(spot_trainer_run, get(), poller.get(), stop.get());
  }
  /// Being stopped is no error: `steps` of the result says how many were done.
  spot_metrics step(std::uint64_t count, const Stop& stop = {}) const {
    auto metrics = sized<spot_metrics>();
    call_expecting(SPOT_E_CANCELLED, spot_trainer_step, get(), count, stop.get(), &metrics);
    return metrics;
  }
  void request_checkpoint() const { call(spot_trainer_request_checkpoint, get()); }
  [[nodiscard]] spot_progress progress() const { return detail::fill<spot_progress>(spot_trainer_get_progress, get()); }

  [[nodiscard]] spot_metrics evaluate(std::int32_t split, const Stop& stop = {}) const {
    return detail::fill<spot_metrics>(spot_trainer_evaluate, get(), split, stop.get());
  }
  /// counts[label * classes + prediction]
  [[nodiscard]] std::vector<std::uint64_t> confusion(std::int32_t split, const Stop& stop = {}) const {
    const std::size_t classes = info().classes;
    std::vector<std::uint64_t> counts(classes * classes);
    call(spot_trainer_get_confusion, get(), split, stop.get(), counts.data(), counts.size());
    return counts;
  }

  spot_save_report checkpoint(const Stop& stop = {}) const {
    return detail::fill<spot_save_report>(spot_trainer_checkpoint, get(), stop.get());
  }
  /// From the newest good checkpoint of the volume.
  void restore(const Stop& stop = {}) const { call(spot_trainer_restore, get(), nullptr, stop.get()); }
  void restore(const std::string& path, const Stop& stop = {}) const {
    call(spot_trainer_restore, get(), detail::argument(path), stop.get());
  }
  void restore(const Checkpoint& checkpoint) const { call(spot_trainer_restore_from, get(), checkpoint.get()); }
  [[nodiscard]] Bytes serialize() const {
    std::uint8_t* bytes = nullptr;
    std::size_t length = 0;
    call(spot_trainer_serialize, get(), &bytes, &length);
    return Bytes(bytes, length);
  }
  void export_to(const std::string& prefix, const Stop& stop = {}) const {
    call(spot_trainer_export, get(), detail::argument(prefix), stop.get());
  }
  [[nodiscard]] std::string state_hash() const {
    char hash[33] = "";
    call(spot_trainer_get_state_hash, get(), hash);
    return hash;
  }

  template <typename Floats>
  void write_tensor(const std::string& name, const Floats& values) const {
    call(spot_trainer_write_tensor, get(), detail::argument(name), std::data(values), std::size(values));
  }
  template <typename Floats>
  void write_tensors(const Floats& values) const {
    call(spot_trainer_write_tensor, get(), nullptr, std::data(values), std::size(values));
  }
  [[nodiscard]] std::string statistics() const { return detail::text(spot_trainer_describe_parameters, get()); }
};

/// spot_model_...
class Model : public Owner<spot_model, spot_model_free>,
              public detail::Tensors<Model, spot_model_info, spot_model_get_info, spot_model_get_tensor_info,
                                     spot_model_read_tensor> {
 public:
  using unique_ptr::unique_ptr;
  /// An empty configuration has every key at its default.
  static Model open(const std::string& path, const Config& config = {}, const Stop& stop = {}) {
    return make<Model>(spot_model_open, detail::argument(path), config.get(), stop.get());
  }
  static Model open(const Checkpoint& checkpoint, const Config& config = {}) {
    return make<Model>(spot_model_open_checkpoint, checkpoint.get(), config.get());
  }
  static Model open(const Trainer& trainer, const Config& config = {}) {
    return make<Model>(spot_model_open_trainer, trainer.get(), config.get());
  }

  /// Class probabilities, [count][classes], of so many images as there are in a container, an array or a span of
  /// std::uint8_t or float.
  template <typename Images>
  [[nodiscard]] std::vector<float> predict(const Images& images, const Stop& stop = {}) const {
    const spot_model_info network = info();
    const std::size_t count = std::size(images) / (std::size_t{network.rows} * network.columns * network.channels);
    std::vector<float> probabilities(count * network.classes);
    call(spot_model_predict, get(), std::data(images), detail::element_type<const Images>(), detail::bytes_of(images),
         stop.get(), probabilities.data(), probabilities.size());
    return probabilities;
  }
};

/// spot_snapshots_...: a folder that another program writes to.
class Snapshots : public Owner<spot_snapshots, spot_snapshots_free> {
 public:
  using unique_ptr::unique_ptr;
  static Snapshots open(const Config& config, const std::string& folder, const std::string& name,
                        const Stop& stop = {}) {
    return make<Snapshots>(spot_snapshots_open, config.get(), detail::argument(folder), detail::argument(name),
                           stop.get());
  }

  /// Where the copy is.
  std::string copy(const Stop& stop = {}) const { return detail::text(spot_snapshots_copy, get(), stop.get()); }
  spot_snapshot_report commit(const Stop& stop = {}) const {
    auto report = sized<spot_snapshot_report>();
    call(spot_snapshots_commit, get(), stop.get(), &report);
    return report;
  }
  spot_snapshot_report restore(bool replace = false, const Stop& stop = {}) const {
    auto report = sized<spot_snapshot_report>();
    call(spot_snapshots_restore, get(), std::int32_t{replace ? 1 : 0}, stop.get(), &report);
    return report;
  }

  /// What is missing by a completeness rule; empty: the folder is whole.
  [[nodiscard]] static std::string lack_of(const std::string& folder, const std::string& rule, const Stop& stop = {}) {
    std::int32_t whole = 0;
    return detail::text(spot_snapshots_is_whole, detail::argument(folder), detail::argument(rule), stop.get(), &whole);
  }
  static Checkpoint::Verification verify(const std::string& path, const Stop& stop = {}) {
    Checkpoint::Verification found;
    found.json = detail::text(spot_snapshots_verify, detail::argument(path), stop.get(), &found.good, &found.bad);
    return found;
  }
};

struct VolumeCheck {
  spot_status outcome = SPOT_OK;  ///< what a run would end with
  std::string json;
};

/// spot_volume_check(); an empty trainer is none.
[[nodiscard]] inline VolumeCheck volume_check(const Config& config, const Trainer& trainer = {},
                                              const Stop& stop = {}) {
  VolumeCheck found;
  found.json = detail::text(spot_volume_check, config.get(), trainer.get(), stop.get(), &found.outcome);
  return found;
}

/// spot_benchmark(); an empty dataset is that of the key.
[[nodiscard]] inline std::string benchmark(const Config& config, const Dataset& dataset,
                                           std::chrono::duration<double> seconds, const Stop& stop = {}) {
  return detail::text(spot_benchmark, config.get(), dataset.get(), seconds.count(), stop.get());
}

}  // namespace SPOT_TRAINER_LAYOUT
}  // namespace spottrainer

#endif  // SPOT_TRAINER_HPP
