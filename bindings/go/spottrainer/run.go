package spottrainer

/*
#include "bridge.h"
*/
import "C"

import (
	"context"
	"sync"
)

// RunResult tells how a run ended.
type RunResult struct {
	Reason            RunReason
	Resumed           bool  // it began from the volume's newest good checkpoint
	Durable           bool  // the state it stopped in is in a durable checkpoint, or it stopped before it began
	SaveErr           error // why the save that ended the run failed; nil: it did not
	Step              uint64
	Epoch             uint64
	TestAccuracy      float64 // last measured; NaN: never yet
	TestLoss          float64 // likewise
	Seconds           float64 // that the call took
	NoticeToDurableMS float64 // from the poller's first sight of the notice; NaN: no notice, or nothing to save
	SecondsLeft       float64 // until the machine may be gone, at durable; NaN where no end is known
	ModelPath         string  // the final model's architecture, when the run is done, else empty
	StateHash         string  // see Trainer.StateHash
}

// Run is the whole job: it resumes from the volume's newest good checkpoint or starts, trains, evaluates after each epoch
// and at the end, saves by the checkpoint_* keys, writes the logs, and stops when done, at a notice of the poller, which
// may be nil, or when the context is done, after its state is durable. Being interrupted, cancelled or stopped is no
// error: look at the result's Reason and Durable. A trainer that is not at step 0 goes on from where it stands.
//
// [ErrConfig] (no volume), [ErrCorrupt] (the volume holds checkpoints, but none is good), [ErrMismatch], [ErrIO],
// [ErrNoSpace], [ErrFenced], [ErrTimeout] (another writer), [ErrCallback], [ErrDiverged].
func (t *Trainer) Run(ctx context.Context, poller *Poller) (result RunResult, err error) {
	cPoller, err := poller.optional().acquire()
	if err != nil {
		return result, err
	}
	defer poller.optional().release()
	err = t.cancellable(ctx, func(trainer *C.spot_trainer, cancel *C.spot_cancel, failed **C.spot_error) C.spot_status {
		out := C.spot_run_result{struct_size: C.sizeof_spot_run_result}
		status := C.spot_trainer_run(trainer, cPoller, cancel, &out, failed)
		if status == C.SPOT_OK {
			result = RunResult{
				Reason:            RunReason(out.reason),
				Resumed:           out.resumed != 0,
				Durable:           out.durable != 0,
				SaveErr:           outcome(out.save_status, out.save_message),
				Step:              uint64(out.step),
				Epoch:             uint64(out.epoch),
				TestAccuracy:      float64(out.test_accuracy),
				TestLoss:          float64(out.test_loss),
				Seconds:           float64(out.seconds),
				NoticeToDurableMS: float64(out.notice_to_durable_ms),
				SecondsLeft:       float64(out.seconds_left),
				ModelPath:         C.GoString(out.model_path),
				StateHash:         C.GoString(&out.state_hash[0]),
			}
		}
		return status
	})
	return result, err
}

// waitingSteps is how many events a [Run] keeps for a slow reader before it leaves out steps.
var waitingSteps = 4096 // but for a test

// A Run is a run on a goroutine of its own, and its events.
type Run struct {
	mutex   sync.Mutex
	changed *sync.Cond
	waiting []Event
	dropped uint64
	ended   bool
	result  RunResult
	err     error
}

// Start is Run on a goroutine of its own, whose events of these kinds wait to be read. Until the run has ended they take
// the place of the trainer's callback; then it has none. Cancel the context to end the run.
func (t *Trainer) Start(ctx context.Context, poller *Poller, events EventKind) *Run {
	run := new(Run)
	run.changed = sync.NewCond(&run.mutex)
	if err := t.SetCallback(events, run.keep); err != nil {
		run.end(RunResult{}, err)
		return run
	}
	go func() {
		result, err := t.Run(ctx, poller)
		t.SetCallback(0, nil) // cannot fail in a way that matters: an open trainer that is not busy takes it
		run.end(result, err)
	}()
	return run
}

// Events gives each event to `yield` as it comes, until the run has ended or `yield` returns false; the run does not end
// with that. From Go 1.23 on:
//
//	for event := range run.Events() { ... }
//
// Training never waits for the reader: when 4,096 events wait, further steps are left out, see Dropped.
func (r *Run) Events() func(yield func(Event) bool) {
	return func(yield func(Event) bool) {
		for event, more := r.Next(); more && yield(event); event, more = r.Next() {
		}
	}
}

// Next waits for the next event; false: there are no more, the run has ended.
func (r *Run) Next() (event Event, more bool) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for len(r.waiting) == 0 && !r.ended {
		r.changed.Wait()
	}
	if len(r.waiting) == 0 {
		return event, false
	}
	event, r.waiting = r.waiting[0], r.waiting[1:]
	return event, true
}

// Dropped counts the steps that were left out because nobody read.
func (r *Run) Dropped() uint64 {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.dropped
}

// Wait waits until the run has ended. Events that nobody read can still be read.
func (r *Run) Wait() (RunResult, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for !r.ended {
		r.changed.Wait()
	}
	return r.result, r.err
}

func (r *Run) keep(event Event) error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if event.Kind == EventStep && len(r.waiting) >= waitingSteps {
		r.dropped++
		return nil
	}
	r.waiting = append(r.waiting, event)
	r.changed.Broadcast()
	return nil
}

func (r *Run) end(result RunResult, err error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.result, r.err, r.ended = result, err, true
	r.changed.Broadcast()
}
