package spottrainer

/*
#include "bridge.h"
*/
import "C"

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"runtime/cgo"
	"sort"
)

// Settings are values by key, of the types that [Config.Set] takes.
type Settings map[string]any

// A Config holds values for the keys that [DescribeConfig] lists. What is created from it copies it.
type Config struct {
	handle[*C.spot_config]
}

func (c *Config) optional() *handle[*C.spot_config] {
	if c == nil {
		return nil
	}
	return &c.handle
}

func newConfig(pointer *C.spot_config) *Config {
	config := new(Config)
	config.own("configuration", pointer, func(pointer *C.spot_config) { C.spot_config_free(pointer) })
	runtime.SetFinalizer(config, func(c *Config) { c.closeLater() })
	return config
}

// NewConfig makes a configuration with every key at its default but for those of the settings, which may be nil.
func NewConfig(settings Settings) (*Config, error) {
	var pointer *C.spot_config
	if err := create(func(failed **C.spot_error) C.spot_status { return C.spot_config_create(&pointer, failed) }); err != nil {
		return nil, err
	}
	config := newConfig(pointer)
	keys := make([]string, 0, len(settings))
	for key := range settings {
		keys = append(keys, key)
	}
	sort.Strings(keys) // the same error each time
	for _, key := range keys {
		if err := config.Set(key, settings[key]); err != nil {
			config.Close()
			return nil, err
		}
	}
	return config, nil
}

// Clone makes a configuration with the same values and the same log.
func (c *Config) Clone() (*Config, error) {
	var pointer *C.spot_config
	err := c.call(func(config *C.spot_config, failed **C.spot_error) C.spot_status {
		return C.spot_config_clone(config, &pointer, failed)
	})
	if err != nil {
		return nil, err
	}
	return newConfig(pointer), nil
}

// Set gives a key a value: a text (of any key: "true", "128", "1e-3"), a boolean, an integer or a floating-point number.
// [ErrConfig]: no such key, wrong type, or out of bounds; the message says what is allowed.
func (c *Config) Set(key string, value any) error {
	name, err := cText(key)
	if err != nil {
		return err
	}
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.String:
		text, err := cText(v.String())
		if err != nil {
			return err
		}
		return c.call(func(config *C.spot_config, failed **C.spot_error) C.spot_status {
			return C.spot_config_set_str(config, name, text, failed)
		})
	case reflect.Bool:
		return c.Set(key, fmt.Sprint(v.Bool()))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return c.call(func(config *C.spot_config, failed **C.spot_error) C.spot_status {
			return C.spot_config_set_i64(config, name, C.int64_t(v.Int()), failed)
		})
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if v.Uint() > math.MaxInt64 {
			return c.Set(key, fmt.Sprint(v.Uint())) // for the library's words about what is allowed
		}
		return c.Set(key, int64(v.Uint()))
	case reflect.Float32, reflect.Float64:
		return c.call(func(config *C.spot_config, failed **C.spot_error) C.spot_status {
			return C.spot_config_set_f64(config, name, C.double(v.Float()), failed)
		})
	default:
		return &Error{
			Code:       ErrInvalidArgument,
			Message:    fmt.Sprintf("key %s: a value is a text, a boolean or a number, not a %T", key, value),
			ByteOffset: -1,
		}
	}
}

// Unset gives a key its default again.
func (c *Config) Unset(key string) error {
	name, err := cText(key)
	if err != nil {
		return err
	}
	return c.call(func(config *C.spot_config, failed **C.spot_error) C.spot_status {
		return C.spot_config_unset(config, name, failed)
	})
}

// Int gets the value of a key that is an integer or a boolean (0 and 1).
func (c *Config) Int(key string) (int64, error) {
	name, err := cText(key)
	if err != nil {
		return 0, err
	}
	var value C.int64_t
	err = c.call(func(config *C.spot_config, failed **C.spot_error) C.spot_status {
		return C.spot_config_get_i64(config, name, &value, failed)
	})
	return int64(value), err
}

// Float gets the value of a key that is a number or an integer.
func (c *Config) Float(key string) (float64, error) {
	name, err := cText(key)
	if err != nil {
		return 0, err
	}
	var value C.double
	err = c.call(func(config *C.spot_config, failed **C.spot_error) C.spot_status {
		return C.spot_config_get_f64(config, name, &value, failed)
	})
	return float64(value), err
}

// Text gets the value of any key, as a text that Set takes.
func (c *Config) Text(key string) (string, error) {
	name, err := cText(key)
	if err != nil {
		return "", err
	}
	var value *C.char
	err = c.call(func(config *C.spot_config, failed **C.spot_error) C.spot_status {
		return C.spot_config_get_str(config, name, &value, failed)
	})
	return takeText(value), err
}

// SetLog says where whatever is created from this configuration reports messages of this level and graver ones; a nil
// receiver, the default, means nowhere. The receiver may be called from several goroutines at once, and must not call
// this package. When it panics the program ends: there is no caller that could recover.
func (c *Config) SetLog(level LogLevel, receiver func(level LogLevel, message string)) error {
	var user cgo.Handle
	if receiver != nil {
		user = cgo.NewHandle(logReceiver(receiver))
	}
	err := c.call(func(config *C.spot_config, failed **C.spot_error) C.spot_status {
		return C.bridge_config_set_log(config, C.int32_t(level), C.uintptr_t(user), failed)
	})
	if err != nil && user != 0 {
		user.Delete()
	}
	return err
}

// SetLogQueue is SetLog into a queue, which may be closed before.
func (c *Config) SetLogQueue(queue *LogQueue) error {
	pointer, err := queue.acquire()
	if err != nil {
		return err
	}
	defer queue.release()
	return c.call(func(config *C.spot_config, failed **C.spot_error) C.spot_status {
		return C.spot_config_set_log_queue(config, pointer, failed)
	})
}

// DescribeConfig lists all keys, as spot_config_describe() does: a JSON array of {"name", "type", "default", "minimum",
// "maximum", "choices", "resume", "help", "synonyms"}.
func DescribeConfig() json.RawMessage { return json.RawMessage(C.GoString(C.spot_config_describe())) }
