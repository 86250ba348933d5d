package spottrainer

/*
#include "bridge.h"
*/
import "C"

import (
	"context"
	"runtime"
)

// LogLevel says how grave a message is.
type LogLevel int32

// The levels, the gravest first.
const (
	LogError   LogLevel = C.SPOT_LOG_ERROR
	LogWarning LogLevel = C.SPOT_LOG_WARNING
	LogInfo    LogLevel = C.SPOT_LOG_INFO
	LogDebug   LogLevel = C.SPOT_LOG_DEBUG
)

func (l LogLevel) String() string {
	switch l {
	case LogError:
		return "error"
	case LogWarning:
		return "warning"
	case LogInfo:
		return "info"
	case LogDebug:
		return "debug"
	default:
		return "unknown"
	}
}

// Logger is what [LogTo] writes to; a *slog.Logger is one.
type Logger interface {
	Error(message string, arguments ...any)
	Warn(message string, arguments ...any)
	Info(message string, arguments ...any)
	Debug(message string, arguments ...any)
}

// LogTo makes a receiver for [Config.SetLog] of a logger:
//
//	config.SetLog(spottrainer.LogInfo, spottrainer.LogTo(slog.Default()))
func LogTo(logger Logger) func(LogLevel, string) {
	return func(level LogLevel, message string) {
		switch level {
		case LogError:
			logger.Error(message)
		case LogWarning:
			logger.Warn(message)
		case LogInfo:
			logger.Info(message)
		default:
			logger.Debug(message)
		}
	}
}

// A LogQueue keeps messages until they are fetched, for programs that want them on a goroutine of their choice.
type LogQueue struct {
	handle[*C.spot_log_queue]
}

// NewLogQueue makes a queue for messages of this level and graver ones. It keeps at most `capacity` (1 ... 2^20); when
// more wait, the oldest are dropped, and a message of the queue's own tells how many.
func NewLogQueue(level LogLevel, capacity int) (*LogQueue, error) {
	if capacity < 0 {
		capacity = 0 // for the library to refuse
	}
	var pointer *C.spot_log_queue
	err := create(func(failed **C.spot_error) C.spot_status {
		return C.spot_log_queue_create(C.int32_t(level), C.size_t(capacity), &pointer, failed)
	})
	if err != nil {
		return nil, err
	}
	queue := new(LogQueue)
	queue.own("log queue", pointer, func(pointer *C.spot_log_queue) { C.spot_log_queue_free(pointer) })
	runtime.SetFinalizer(queue, func(q *LogQueue) { q.closeLater() })
	return queue, nil
}

// Next waits for the next message. [ErrCancelled]: the context is done, or the queue was closed.
func (q *LogQueue) Next(ctx context.Context) (level LogLevel, message string, err error) {
	err = cancellable(ctx, q.closing, func(cancel *C.spot_cancel) error {
		level, message, err = q.next(-1, cancel)
		return err
	})
	return level, message, err
}

// Look returns the next message if there is one.
func (q *LogQueue) Look() (level LogLevel, message string, found bool, err error) {
	level, message, err = q.next(0, nil)
	found, err = looked(err)
	return level, message, found, err
}

func (q *LogQueue) next(timeout C.int64_t, cancel *C.spot_cancel) (LogLevel, string, error) {
	var level C.int32_t
	var message *C.char
	err := q.call(func(queue *C.spot_log_queue, failed **C.spot_error) C.spot_status {
		return C.spot_log_queue_next(queue, timeout, cancel, &level, &message, failed)
	})
	return LogLevel(level), takeText(message), err
}
