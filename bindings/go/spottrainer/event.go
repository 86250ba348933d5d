package spottrainer

/*
#include "bridge.h"
*/
import "C"

import "errors"

// EventKind is a kind of event; several are combined with |.
type EventKind uint32

// The kinds of events. They come in the order of what they tell. On a GPU several steps may be done before the first of
// them is told.
const (
	EventRunBegin   EventKind = C.SPOT_EVENT_RUN_BEGIN
	EventRunEnd     EventKind = C.SPOT_EVENT_RUN_END
	EventEpochBegin EventKind = C.SPOT_EVENT_EPOCH_BEGIN
	EventEpochEnd   EventKind = C.SPOT_EVENT_EPOCH_END  // the epoch is recorded; within Run: after its evaluation
	EventStep       EventKind = C.SPOT_EVENT_STEP       // after a step
	EventEvaluation EventKind = C.SPOT_EVENT_EVALUATION // after an evaluation
	EventCheckpoint EventKind = C.SPOT_EVENT_CHECKPOINT // a checkpoint became durable, or failed to
	EventNotice     EventKind = C.SPOT_EVENT_NOTICE     // the poller told of a notice or its withdrawal
	EventAll        EventKind = C.SPOT_EVENT_ALL
)

// SaveReason says why a checkpoint was saved.
type SaveReason int32

// The reasons.
const (
	SaveInterval SaveReason = C.SPOT_SAVE_INTERVAL // so many steps or seconds since the last one
	SaveEpoch    SaveReason = C.SPOT_SAVE_EPOCH    // an epoch has ended
	SaveNotice   SaveReason = C.SPOT_SAVE_NOTICE   // the machine is about to be taken away
	SaveRequest  SaveReason = C.SPOT_SAVE_REQUEST  // the program asked for it, or ended the run
	SaveFinal    SaveReason = C.SPOT_SAVE_FINAL    // the run is done
)

// String is "interval", "epoch", "notice", "request", "final", or "unknown".
func (r SaveReason) String() string { return C.GoString(C.spot_save_reason_name(C.int32_t(r))) }

// RunReason says why a run ended.
type RunReason int32

// The reasons.
const (
	RunDone        RunReason = C.SPOT_RUN_DONE
	RunInterrupted RunReason = C.SPOT_RUN_INTERRUPTED // a notice
	RunCancelled   RunReason = C.SPOT_RUN_CANCELLED   // the context is done
	RunStopped     RunReason = C.SPOT_RUN_STOPPED     // a callback returned Stop
	RunFailed      RunReason = C.SPOT_RUN_FAILED      // Run returned an error; only an event says so
)

// String is "done", "interrupted", "cancelled", "stopped", "failed", or "unknown".
func (r RunReason) String() string { return C.GoString(C.spot_run_reason_name(C.int32_t(r))) }

// Stop is what an event callback returns to end the call at the next step boundary: [Trainer.Run] saves and its reason is
// [RunStopped], other calls return [ErrCancelled].
var Stop = errors.New("spottrainer: stop at the next step boundary")

// An Event is what a callback is told. Every event has the first three fields; of the others those of its kind are set,
// the rest are zero, NaN or empty.
type Event struct {
	Kind               EventKind
	Step               uint64  // steps done
	Epoch              uint64  // of the last step done; EventEpochBegin: the one that begins
	Loss               float64 // step: of the batch; epoch end: of the epoch's training; evaluation: of the training set
	Accuracy           float64 // likewise
	LearningRate       float64 // step: the one used; epoch end: of its last step
	GradientNorm       float64 // step: Euclidean norm of all gradients
	SamplesPerSecond   float64 // step: since the step before
	ValidationLoss     float64 // evaluation, epoch end; NaN without a validation set
	ValidationAccuracy float64
	TestLoss           float64 // evaluation, epoch end; NaN without a test set
	TestAccuracy       float64
	StallMS            float64 // checkpoint: time that training stood still for it
	EncodeMS           float64 // checkpoint: copying and hashing
	WriteMS            float64 // checkpoint: handing the bytes to the file system
	FsyncMS            float64 // checkpoint: fsync of the file, its renaming, fsync of the folder
	DurableMS          float64 // checkpoint: from the decision to save to durable
	Bytes              uint64  // checkpoint: size of the file
	NoticeID           uint64  // notice: this and the next five as in Notice
	SecondsLeft        float64
	Action             Action
	Stale              bool
	Withdrawn          bool
	EndsRun            bool
	Resumed            bool       // run begin: the run goes on from the volume's checkpoint
	SaveReason         SaveReason // checkpoint
	RunReason          RunReason  // run end
	Err                error      // checkpoint: why it did not become durable; run end: of the run
	Path               string     // checkpoint: the file
	Source             string     // notice: where it comes from
	Detail             string     // notice: the source's own words, whole
	RunID              string     // run begin, run end
	StateHash          string     // run begin, run end; empty where a failure of the device has left no state
	NotPromised        string     // checkpoint: as in SaveReport
}

func newEvent(event *C.spot_event) Event {
	return Event{
		Kind:               EventKind(event.kind),
		Step:               uint64(event.step),
		Epoch:              uint64(event.epoch),
		Loss:               float64(event.loss),
		Accuracy:           float64(event.accuracy),
		LearningRate:       float64(event.learning_rate),
		GradientNorm:       float64(event.gradient_norm),
		SamplesPerSecond:   float64(event.samples_per_second),
		ValidationLoss:     float64(event.validation_loss),
		ValidationAccuracy: float64(event.validation_accuracy),
		TestLoss:           float64(event.test_loss),
		TestAccuracy:       float64(event.test_accuracy),
		StallMS:            float64(event.stall_ms),
		EncodeMS:           float64(event.encode_ms),
		WriteMS:            float64(event.write_ms),
		FsyncMS:            float64(event.fsync_ms),
		DurableMS:          float64(event.durable_ms),
		Bytes:              uint64(event.bytes),
		NoticeID:           uint64(event.notice_id),
		SecondsLeft:        float64(event.seconds_left),
		Action:             Action(event.action),
		Stale:              event.stale != 0,
		Withdrawn:          event.withdrawn != 0,
		EndsRun:            event.ends_run != 0,
		Resumed:            event.resumed != 0,
		SaveReason:         SaveReason(event.save_reason),
		RunReason:          RunReason(event.run_reason),
		Err:                outcome(event.status, event.message),
		Path:               C.GoString(event.path),
		Source:             C.GoString(event.source),
		Detail:             C.GoString(event.detail),
		RunID:              C.GoString(event.run_id),
		StateHash:          C.GoString(event.state_hash),
		NotPromised:        C.GoString(event.not_promised),
	}
}
