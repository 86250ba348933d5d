package spottrainer

/*
#include "bridge.h"
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"runtime/cgo"
	"runtime/debug"
)

// logReceiver is what a log's cgo.Handle stands for.
type logReceiver func(level LogLevel, message string)

//export spotGoLog
func spotGoLog(user C.uintptr_t, level C.int32_t, message *C.char, length C.size_t) {
	defer endAtPanic("the receiver of the log")
	cgo.Handle(user).Value().(logReceiver)(LogLevel(level), C.GoStringN(message, C.int(length)))
}

// endAtPanic, deferred, ends the program when a callback panics that nobody waits for: the panic may neither unwind the
// library's frames nor be recovered by a caller who has nothing to do with it.
func endAtPanic(culprit string) {
	if value := recover(); value != nil {
		go panic(fmt.Sprintf("%s: %v\n%s", culprit, value, debug.Stack()))
		select {}
	}
}

// eventReceiver is what an event callback's cgo.Handle stands for. Only the goroutine that is calling the trainer uses
// it.
type eventReceiver struct {
	callback func(Event) error
	ctx      context.Context // of the call, with what it cancels
	cancel   *C.spot_cancel
	failed   error          // what the callback returned
	panicked *CallbackPanic // or how it ended
}

// CallbackPanic is what a call panics with when its event callback has panicked. The library has then ended the call as
// for a callback that failed, and the trainer can be used.
type CallbackPanic struct {
	Value any    // what the callback panicked with
	Stack []byte // where
}

func (p *CallbackPanic) Error() string { return fmt.Sprintf("%v\n\n%s", p.Value, p.Stack) }

//export spotGoEvent
func spotGoEvent(user C.uintptr_t, event *C.spot_event) (answer C.int32_t) {
	receiver := cgo.Handle(user).Value().(*eventReceiver)
	defer func() {
		if value := recover(); value != nil {
			receiver.panicked = &CallbackPanic{value, debug.Stack()}
			answer = C.SPOT_ANSWER_FAIL
		}
	}()
	switch err := receiver.callback(newEvent(event)); {
	case err == nil:
		if receiver.cancel != nil && receiver.ctx.Err() != nil {
			C.spot_cancel_trigger(receiver.cancel) // no step more, when the callback itself has cancelled
		}
		return C.SPOT_ANSWER_CONTINUE
	case errors.Is(err, Stop):
		return C.SPOT_ANSWER_STOP
	default:
		receiver.failed = err
		return C.SPOT_ANSWER_FAIL
	}
}

// settle gives a call's error the callback's as its cause, and goes on with the callback's panic.
func (r *eventReceiver) settle(err error) error {
	if r == nil {
		return err
	}
	failed, panicked := r.failed, r.panicked
	*r = eventReceiver{callback: r.callback}
	if panicked != nil {
		panic(panicked)
	}
	return because(err, ErrCallback, failed)
}

// releaser is what a cgo.Handle stands for that must do something when the library lets go of it.
type releaser interface{ release() }

//export spotGoDestroy
func spotGoDestroy(user C.uintptr_t) {
	defer endAtPanic("the release of a dataset's arrays")
	handle := cgo.Handle(user)
	value := handle.Value()
	handle.Delete() // which panics if there is none: the library calls this once
	if owner, isOwner := value.(releaser); isOwner {
		owner.release()
	}
}
