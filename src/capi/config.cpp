#include "base/config.h"

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <spot_trainer.h>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/key_names.h"
#include "capi/guard.h"
#include "capi/handles.h"
#include "capi/host_call.h"
#include "capi/log.h"
#include "capi/user_data.h"

using spot::guard;
using spot::required;

namespace {

nlohmann::ordered_json describe(const spot::ConfigKey& key) {
  const bool is_number = key.type == spot::KeyType::kInteger || key.type == spot::KeyType::kReal;
  nlohmann::ordered_json json = {{"name", key.name},
                                 {"type", spot::type_name(key.type)},
                                 {"default", key.default_value},
                                 {"minimum", nullptr},
                                 {"maximum", nullptr},
                                 {"choices", spot::split(key.choices, '|')}};
  if (is_number) {
    json["minimum"] = key.minimum;
    json["maximum"] = key.maximum;
  }
  json["resume"] = key.resume == spot::ResumeRule::kExact ? "exact" : "free";
  json["help"] = key.help;
  json["synonyms"] = spot::split(spot::synonyms_of(key.name), '|');
  return json;
}

std::string describe_all() {
  auto keys = nlohmann::ordered_json::array();
  for (const spot::ConfigKey& key : spot::config_keys()) keys.push_back(describe(key));
  return keys.dump();
}

/// Calls use(values) alone.
template <typename Config, typename Use>
auto with_values(Config* config, const Use& use) {
  spot::check_process(required(config, "config").owner);
  const std::lock_guard lock(config->mutex);
  return use(config->values);
}

/// The type of a key. Throws kConfig unless it is one of these.
spot::KeyType type_among(std::initializer_list<spot::KeyType> types, const char* key) {
  const spot::ConfigKey& found = spot::find_config_key(&required(key, "key"));
  if (std::ranges::find(types, found.type) != types.end()) return found.type;
  spot::fail(spot::Status::kConfig,
             spot::cat("'", found.name, "' is of type ", spot::type_name(found.type), ": get it as that, or as text"));
}

void set_log(spot_config& config, spot::Log log) {
  spot::check_process(config.owner);
  const std::lock_guard lock(config.mutex);
  std::swap(config.log, log);
}  // what was there before goes now, without the lock: it may call the host

}  // namespace

namespace spot {

Settings settings_of(const spot_config* config) {
  check_process(required(config, "config").owner);
  const std::lock_guard lock(config->mutex);
  return {config->values, config->log};
}

Settings settings_or_defaults(const spot_config* config) {
  return config == nullptr ? Settings() : settings_of(config);
}

}  // namespace spot

spot_status spot_config_create(spot_config** out, spot_error** error) {
  return guard(error, [&] {
    required(out, "out");
    *out = new spot_config;
  });
}

spot_status spot_config_clone(const spot_config* config, spot_config** out, spot_error** error) {
  return guard(error, [&] {
    spot::Settings settings = spot::settings_of(config);
    required(out, "out");
    auto copy = std::make_unique<spot_config>();
    copy->values = std::move(settings.values);
    copy->log = std::move(settings.log);
    *out = copy.release();
  });
}

void spot_config_free(spot_config* config) {
  if (config == nullptr || config->owner.forked()) return;
  delete config;
}

spot_status spot_config_set_i64(spot_config* config, const char* key, int64_t value, spot_error** error) {
  return guard(error, [&] {
    with_values(config, [&](spot::Config& values) { values.set_integer(&required(key, "key"), value); });
  });
}

spot_status spot_config_set_f64(spot_config* config, const char* key, double value, spot_error** error) {
  return guard(error, [&] {
    with_values(config, [&](spot::Config& values) { values.set_real(&required(key, "key"), value); });
  });
}

spot_status spot_config_set_str(spot_config* config, const char* key, const char* value, spot_error** error) {
  return guard(error, [&] {
    with_values(config,
                [&](spot::Config& values) { values.set_text(&required(key, "key"), &required(value, "value")); });
  });
}

spot_status spot_config_unset(spot_config* config, const char* key, spot_error** error) {
  return guard(error, [&] { with_values(config, [&](spot::Config& values) { values.unset(&required(key, "key")); }); });
}

spot_status spot_config_get_i64(const spot_config* config, const char* key, int64_t* out, spot_error** error) {
  return guard(error, [&] {
    required(out, "out");
    *out = with_values(config, [&](const spot::Config& values) {
      const spot::KeyType type = type_among({spot::KeyType::kInteger, spot::KeyType::kBoolean}, key);
      return type == spot::KeyType::kBoolean ? int64_t{values.boolean(key)} : values.integer(key);
    });
  });
}

spot_status spot_config_get_f64(const spot_config* config, const char* key, double* out, spot_error** error) {
  return guard(error, [&] {
    required(out, "out");
    *out = with_values(config, [&](const spot::Config& values) {
      const spot::KeyType type = type_among({spot::KeyType::kReal, spot::KeyType::kInteger}, key);
      return type == spot::KeyType::kReal ? values.real(key) : static_cast<double>(values.integer(key));
    });
  });
}

spot_status spot_config_get_str(const spot_config* config, const char* key, char** out, spot_error** error) {
  return guard(error, [&] {
    required(out, "out");
    *out = spot::copy_text(
        with_values(config, [&](const spot::Config& values) { return values.text(&required(key, "key")); }));
  });
}

spot_status spot_config_set_log(spot_config* config, int32_t level, spot_log_fn receiver, void* user,
                                spot_destroy_fn destroy, spot_error** error) {
  return guard(error, [&] {
    required(config, "config");
    const spot::LogLevel most = spot::log_level(level);
    const auto data = std::make_shared<spot::UserData>(user, destroy);
    spot::Log log;
    if (receiver != nullptr) {
      const auto tell = [receiver, data](spot::LogLevel of, std::string_view message) {
        const std::string text = spot::valid_utf8(message);
        spot::tell_host([&] { receiver(data->get(), static_cast<int32_t>(of), text.data(), text.size()); });
      };
      log = spot::Log(tell, most);
    }
    set_log(*config, std::move(log));
    data->keep();
  });
}

spot_status spot_config_set_log_queue(spot_config* config, spot_log_queue* queue, spot_error** error) {
  return guard(error, [&] {
    required(config, "config");
    spot::check_process(required(queue, "queue").owner);
    const auto tell = [messages = queue->messages](spot::LogLevel level, std::string_view message) {
      messages->push(level, spot::valid_utf8(message));
    };
    set_log(*config, spot::Log(tell, queue->messages->level()));
  });
}

const char* spot_config_describe(void) {
  try {
    static const std::string kDescription = describe_all();
    return kDescription.c_str();
  } catch (...) {
    return "[]";  // out of memory; the next call tries again
  }
}
