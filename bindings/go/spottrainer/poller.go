package spottrainer

/*
#include "bridge.h"
*/
import "C"

import (
	"context"
	"errors"
	"runtime"
)

// Action is what will be done to the machine.
type Action int32

// The actions.
const (
	ActionTerminate Action = C.SPOT_ACTION_TERMINATE
	ActionStop      Action = C.SPOT_ACTION_STOP
	ActionHibernate Action = C.SPOT_ACTION_HIBERNATE
	ActionRebalance Action = C.SPOT_ACTION_REBALANCE // save early and go on
	ActionRequest   Action = C.SPOT_ACTION_REQUEST   // the program, or the watched file, asks to stop
)

// String is "terminate", "stop", "hibernate", "rebalance", "request", or "unknown".
func (a Action) String() string { return C.GoString(C.spot_action_name(C.int32_t(a))) }

// A Notice tells that the machine will be taken away, or that this is over.
type Notice struct {
	Action       Action
	ID           uint64  // of the event: its notice and its withdrawal have the same
	SecondsLeft  float64 // until the machine may be gone; negative: overdue; NaN: no end is known
	SecondsSince float64 // since the poller saw it first
	Stale        bool    // the time that it states had passed when it was first seen, or its file was there before
	Withdrawn    bool    // the event is over
	EndsRun      bool    // Run saves and stops; else it saves and goes on, or, at a withdrawal, does not stop
	Source       string  // "aws-spot-action", "file", "host", ...
	Detail       string  // the source's own words, cut
}

// PollerHealth tells how the questions of a poller were answered.
type PollerHealth struct {
	Disabled            bool    // nothing to watch here
	Polls               uint64  // questions asked so far
	FailuresInARow      uint64  // answers that said neither yes nor no
	SecondsSinceSuccess float64 // NaN: never yet
	Source              string  // what is watched, as the key metadata names it; empty: nothing, or not found yet
	LastError           string  // empty after a success; when disabled: why
}

// A Poller watches for interruption notices, from the sources that the keys metadata, metadata_endpoint, metadata_v1,
// gcp_notice_seconds and poll_seconds name. It is of use without a trainer, too. Close ends waits in progress; a run that uses
// the poller goes on with it to its end.
type Poller struct {
	handle[*C.spot_poller]
}

func (p *Poller) optional() *handle[*C.spot_poller] {
	if p == nil {
		return nil
	}
	return &p.handle
}

// NewPoller starts watching. [ErrConfig]: a source or endpoint that cannot be.
func NewPoller(config *Config) (*Poller, error) {
	var pointer *C.spot_poller
	err := config.call(func(config *C.spot_config, failed **C.spot_error) C.spot_status {
		return C.spot_poller_create(config, &pointer, failed)
	})
	if err != nil {
		return nil, err
	}
	poller := new(Poller)
	poller.own("poller", pointer, func(pointer *C.spot_poller) { C.spot_poller_free(pointer) })
	runtime.SetFinalizer(poller, func(p *Poller) { p.closeLater() })
	return poller, nil
}

// Notify files a notice of the program's own, at SIGTERM for instance, and returns its event's ID. The source (empty:
// "host") and the detail say where it comes from and why; secondsLeft is the time until the end, NaN where that is not
// known.
func (p *Poller) Notify(action Action, source, detail string, secondsLeft float64) (uint64, error) {
	cSource, err := optionalText(source)
	if err != nil {
		return 0, err
	}
	cDetail, err := optionalText(detail)
	if err != nil {
		return 0, err
	}
	var id C.uint64_t
	err = p.call(func(poller *C.spot_poller, failed **C.spot_error) C.spot_status {
		return C.spot_poller_notify(poller, C.int32_t(action), cSource, cDetail, C.double(secondsLeft), &id, failed)
	})
	return uint64(id), err
}

// Withdraw tells that a notice is over: a run that has not stopped for it goes on. [ErrNotFound]: there is none of that
// ID, or it is over already.
func (p *Poller) Withdraw(id uint64) error {
	return p.call(func(poller *C.spot_poller, failed **C.spot_error) C.spot_status {
		return C.spot_poller_withdraw(poller, C.uint64_t(id), failed)
	})
}

// Health tells how the poller's questions were answered.
func (p *Poller) Health() (health PollerHealth, err error) {
	out := C.spot_poller_health{struct_size: C.sizeof_spot_poller_health}
	err = p.call(func(poller *C.spot_poller, failed **C.spot_error) C.spot_status {
		return C.spot_poller_get_health(poller, &out, failed)
	})
	if err != nil {
		return health, err
	}
	return PollerHealth{
		Disabled:            out.disabled != 0,
		Polls:               uint64(out.polls),
		FailuresInARow:      uint64(out.failures_in_a_row),
		SecondsSinceSuccess: float64(out.seconds_since_success),
		Source:              C.GoString(&out.source[0]),
		LastError:           C.GoString(&out.last_error[0]),
	}, nil
}

// A Waiter hears of every notice and withdrawal of a poller, those before it included: a notice is state. It belongs to
// one goroutine.
type Waiter struct {
	poller   *Poller
	position C.uint64_t
}

// NewWaiter makes a waiter, which begins with the poller's first notice.
func (p *Poller) NewWaiter() *Waiter { return &Waiter{poller: p} }

// Wait waits for the next notice or withdrawal. [ErrCancelled]: the context is done, or the poller was closed.
func (w *Waiter) Wait(ctx context.Context) (notice Notice, err error) {
	err = cancellable(ctx, w.poller.closing, func(cancel *C.spot_cancel) error {
		notice, err = w.next(-1, cancel)
		return err
	})
	return notice, err
}

// Look returns the next notice or withdrawal if there is one.
func (w *Waiter) Look() (notice Notice, found bool, err error) {
	notice, err = w.next(0, nil)
	found, err = looked(err)
	return notice, found, err
}

func (w *Waiter) next(timeout C.int64_t, cancel *C.spot_cancel) (notice Notice, err error) {
	out := C.spot_notice{struct_size: C.sizeof_spot_notice}
	position := w.position
	err = w.poller.call(func(poller *C.spot_poller, failed **C.spot_error) C.spot_status {
		return C.spot_poller_wait(poller, &position, timeout, cancel, &out, failed)
	})
	if err != nil {
		return notice, err
	}
	w.position = position
	return Notice{
		Action:       Action(out.action),
		ID:           uint64(out.id),
		SecondsLeft:  float64(out.seconds_left),
		SecondsSince: float64(out.seconds_since),
		Stale:        out.stale != 0,
		Withdrawn:    out.withdrawn != 0,
		EndsRun:      out.ends_run != 0,
		Source:       C.GoString(&out.source[0]),
		Detail:       C.GoString(&out.detail[0]),
	}, nil
}

// looked makes of the error of a wait of no time whether something was there.
func looked(err error) (found bool, failed error) {
	if errors.Is(err, ErrTimeout) {
		return false, nil
	}
	return err == nil, err
}
