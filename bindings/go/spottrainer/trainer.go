package spottrainer

/*
#include "bridge.h"
*/
import "C"

import (
	"context"
	"encoding/json"
	"runtime"
	"runtime/cgo"
	"sync"
)

// A Trainer is a training run: dataset, network, optimizer and position, on a volume.
type Trainer struct {
	handle[*C.spot_trainer]
	busy     sync.Mutex     // held by the one call at a time
	receiver *eventReceiver // guarded by busy
}

// TrainerInfo tells what a trainer trains, and where it stands.
type TrainerInfo struct {
	Threads           int // worker threads in use
	Step              uint64
	Epoch             uint64
	EpochsDone        uint64 // completed
	StepsPerEpoch     uint64
	TotalSteps        uint64 // after which the run is done
	ParameterCount    uint64 // trainable values
	TensorCount       uint64 // of all roles
	StateSize         uint64 // elements of all tensors together
	TrainSamples      uint64 // without those of the validation set
	ValidationSamples uint64
	TestSamples       uint64
	Classes           int
	Rows              int
	Columns           int
	Channels          int
	DatasetIsFallback bool   // as in DatasetInfo
	Dataset           string // its name
	RunID             string
	Device            string
}

// Progress tells how far a run has come.
type Progress struct {
	Running          bool // Run is at work
	Step             uint64
	Epoch            uint64
	TotalSteps       uint64
	Seconds          float64 // since Run was called, or how long it took; NaN: never
	SamplesPerSecond float64 // of the last steps
	SecondsToGo      float64 // until the last step, at the mean rate of this call; NaN: not known yet
	Loss             float64 // of the last step's batch
	SavedStep        uint64  // of the last checkpoint that became durable; 0: none
	SecondsSinceSave float64 // since then; NaN: none
	SaveErr          error   // why the last save failed: its Code alone is known; nil: it did not
}

// Metrics are what steps or an evaluation measured.
type Metrics struct {
	Step             uint64 // steps done since the run began
	Steps            uint64 // done by this call; 0 for an evaluation
	Samples          uint64 // that the means below are taken over
	Loss             float64
	Accuracy         float64
	LearningRate     float64 // of the last step; NaN for an evaluation
	GradientNorm     float64 // of the last step; NaN for an evaluation
	SamplesPerSecond float64
}

func newMetrics(out *C.spot_metrics) Metrics {
	return Metrics{
		Step:             uint64(out.step),
		Steps:            uint64(out.steps),
		Samples:          uint64(out.samples),
		Loss:             float64(out.loss),
		Accuracy:         float64(out.accuracy),
		LearningRate:     float64(out.learning_rate),
		GradientNorm:     float64(out.gradient_norm),
		SamplesPerSecond: float64(out.samples_per_second),
	}
}

// SaveReport tells of a checkpoint that became durable.
type SaveReport struct {
	Step        uint64
	Generation  uint64  // number of the save on this volume
	Bytes       uint64  // size of the file
	StallMS     float64 // the training goroutine was held up
	EncodeMS    float64 // copying and hashing
	WriteMS     float64 // handing the bytes to the file system
	FsyncMS     float64 // fsync of the file, its renaming, fsync of the folder
	DurableMS   float64 // from the call to durable
	Path        string  // the file
	NotPromised string  // with durability=weak: what the file system cannot do, see spot_save_report
}

// Split is a part of a dataset.
type Split int32

// The parts.
const (
	SplitTrain      Split = C.SPOT_SPLIT_TRAIN
	SplitValidation Split = C.SPOT_SPLIT_VALIDATION
	SplitTest       Split = C.SPOT_SPLIT_TEST
)

// NewTrainer takes the dataset, or opens the one that the key dataset names when it is nil (it may have to be
// downloaded), builds the engine and sets the state of step 0. It writes no checkpoint. Without the key volume it trains
// all the same, but Run, Checkpoint and Restore from a volume answer [ErrConfig]. [ErrData], [ErrModel], [ErrIO],
// [ErrNotFound], [ErrNetwork], [ErrUnsupported], [ErrCancelled]: a later call goes on with the download.
func NewTrainer(ctx context.Context, config *Config, dataset *Dataset) (*Trainer, error) {
	cDataset, err := dataset.optional().acquire()
	if err != nil {
		return nil, err
	}
	defer dataset.optional().release()
	var pointer *C.spot_trainer
	err = cancellable(ctx, nil, func(cancel *C.spot_cancel) error {
		return config.call(func(config *C.spot_config, failed **C.spot_error) C.spot_status {
			return C.spot_trainer_create(config, cDataset, cancel, &pointer, failed)
		})
	})
	if err != nil {
		return nil, err
	}
	trainer := new(Trainer)
	trainer.own("trainer", pointer, func(pointer *C.spot_trainer) { C.spot_trainer_free(pointer) })
	runtime.SetFinalizer(trainer, func(t *Trainer) { t.closeLater() })
	return trainer, nil
}

// exclusively makes the one call at a time. What the library keeps until its next call must be copied within it.
func (t *Trainer) exclusively(function func(trainer *C.spot_trainer) error) error {
	trainer, err := t.acquire()
	if err != nil {
		return err
	}
	defer t.release()
	if !t.busy.TryLock() {
		return &Error{Code: ErrBusy, Message: "another call is using the trainer", ByteOffset: -1}
	}
	defer t.busy.Unlock()
	return t.receiver.settle(function(trainer))
}

// callExclusively makes the one call at a time, to a function of the library.
func (t *Trainer) callExclusively(function func(trainer *C.spot_trainer, failed **C.spot_error) C.spot_status) error {
	return t.exclusively(func(trainer *C.spot_trainer) error {
		return call(func(failed **C.spot_error) C.spot_status { return function(trainer, failed) })
	})
}

// cancellable is callExclusively for what a context can end.
func (t *Trainer) cancellable(ctx context.Context,
	function func(trainer *C.spot_trainer, cancel *C.spot_cancel, failed **C.spot_error) C.spot_status) error {
	return cancellable(ctx, nil, func(cancel *C.spot_cancel) error {
		return t.callExclusively(func(trainer *C.spot_trainer, failed **C.spot_error) C.spot_status {
			if t.receiver != nil {
				t.receiver.ctx, t.receiver.cancel = ctx, cancel
			}
			return function(trainer, cancel, failed)
		})
	})
}

// SetCallback says which function to tell of which events. There is one a trainer; nil removes it. It is called on the
// goroutine that called the trainer, and training waits for it. It returns nil to go on, [Stop], or an error, which ends
// the call with [ErrCallback] and without a save, and which that error unwraps to. Calling the trainer from within answers
// [ErrBusy], except for what any goroutine may call. When it panics, the call panics with a *[CallbackPanic]. It must not
// end its goroutine (runtime.Goexit, which FailNow of a test calls): the library would be left in the middle of a call.
func (t *Trainer) SetCallback(events EventKind, callback func(Event) error) error {
	return t.exclusively(func(trainer *C.spot_trainer) error {
		var receiver *eventReceiver
		var user cgo.Handle
		if callback != nil {
			receiver = &eventReceiver{callback: callback}
			user = cgo.NewHandle(receiver)
		}
		err := call(func(failed **C.spot_error) C.spot_status {
			return C.bridge_trainer_set_callback(trainer, C.uint32_t(events), C.uintptr_t(user), failed)
		})
		if err == nil {
			t.receiver = receiver
		} else if user != 0 {
			user.Delete()
		}
		return err
	})
}

// Step trains so many steps, whatever the keys epochs and steps say; it evaluates, saves and logs nothing. After
// [ErrCancelled], [ErrCallback] and [ErrDiverged] the metrics are there, too, and say how many steps were done.
func (t *Trainer) Step(ctx context.Context, count uint64) (metrics Metrics, err error) {
	err = t.cancellable(ctx, func(trainer *C.spot_trainer, cancel *C.spot_cancel, failed **C.spot_error) C.spot_status {
		out := C.spot_metrics{struct_size: C.sizeof_spot_metrics}
		status := C.spot_trainer_step(trainer, C.uint64_t(count), cancel, &out, failed)
		metrics = newMetrics(&out)
		return status
	})
	return metrics, err
}

// RequestCheckpoint asks a run to save at its next step boundary and to go on. [ErrOrder]: no run is at work. Any
// goroutine may call it at any time, as well as Info and Progress.
func (t *Trainer) RequestCheckpoint() error {
	return t.call(func(trainer *C.spot_trainer, failed **C.spot_error) C.spot_status {
		return C.spot_trainer_request_checkpoint(trainer, failed)
	})
}

// Info tells what the trainer trains, and where it stands.
func (t *Trainer) Info() (info TrainerInfo, err error) {
	err = t.call(func(trainer *C.spot_trainer, failed **C.spot_error) C.spot_status {
		out := C.spot_trainer_info{struct_size: C.sizeof_spot_trainer_info}
		status := C.spot_trainer_get_info(trainer, &out, failed)
		if status == C.SPOT_OK {
			info = TrainerInfo{
				Threads:           int(out.threads),
				Step:              uint64(out.step),
				Epoch:             uint64(out.epoch),
				EpochsDone:        uint64(out.epochs_done),
				StepsPerEpoch:     uint64(out.steps_per_epoch),
				TotalSteps:        uint64(out.total_steps),
				ParameterCount:    uint64(out.parameter_count),
				TensorCount:       uint64(out.tensor_count),
				StateSize:         uint64(out.state_size),
				TrainSamples:      uint64(out.train_samples),
				ValidationSamples: uint64(out.validation_samples),
				TestSamples:       uint64(out.test_samples),
				Classes:           int(out.classes),
				Rows:              int(out.rows),
				Columns:           int(out.columns),
				Channels:          int(out.channels),
				DatasetIsFallback: out.dataset_is_fallback != 0,
				Dataset:           C.GoString(out.dataset),
				RunID:             C.GoString(&out.run_id[0]),
				Device:            C.GoString(&out.device[0]),
			}
		}
		return status
	})
	return info, err
}

// Progress tells how far the run has come.
func (t *Trainer) Progress() (progress Progress, err error) {
	err = t.call(func(trainer *C.spot_trainer, failed **C.spot_error) C.spot_status {
		out := C.spot_progress{struct_size: C.sizeof_spot_progress}
		status := C.spot_trainer_get_progress(trainer, &out, failed)
		if status == C.SPOT_OK {
			progress = Progress{
				Running:          out.running != 0,
				Step:             uint64(out.step),
				Epoch:            uint64(out.epoch),
				TotalSteps:       uint64(out.total_steps),
				Seconds:          float64(out.seconds),
				SamplesPerSecond: float64(out.samples_per_second),
				SecondsToGo:      float64(out.seconds_to_go),
				Loss:             float64(out.loss),
				SavedStep:        uint64(out.saved_step),
				SecondsSinceSave: float64(out.seconds_since_save),
				SaveErr:          outcome(out.save_status, C.spot_status_name(out.save_status)),
			}
		}
		return status
	})
	return progress, err
}

// Evaluate measures loss and accuracy over a part of the dataset. [ErrOrder]: the dataset has no such part.
func (t *Trainer) Evaluate(ctx context.Context, split Split) (metrics Metrics, err error) {
	err = t.cancellable(ctx, func(trainer *C.spot_trainer, cancel *C.spot_cancel, failed **C.spot_error) C.spot_status {
		out := C.spot_metrics{struct_size: C.sizeof_spot_metrics}
		status := C.spot_trainer_evaluate(trainer, C.int32_t(split), cancel, &out, failed)
		metrics = newMetrics(&out)
		return status
	})
	return metrics, err
}

// Confusion counts how a part of the dataset is classified: confusion[label][prediction].
func (t *Trainer) Confusion(ctx context.Context, split Split) ([][]uint64, error) {
	info, err := t.Info()
	if err != nil {
		return nil, err
	}
	counts := make([]uint64, info.Classes*info.Classes)
	err = t.cancellable(ctx, func(trainer *C.spot_trainer, cancel *C.spot_cancel, failed **C.spot_error) C.spot_status {
		return C.spot_trainer_get_confusion(trainer, C.int32_t(split), cancel, (*C.uint64_t)(&elements(counts)[0]),
			C.size_t(len(counts)), failed)
	})
	if err != nil {
		return nil, err
	}
	confusion := make([][]uint64, info.Classes)
	for label := range confusion {
		confusion[label], counts = counts[:info.Classes:info.Classes], counts[info.Classes:]
	}
	return confusion, nil
}

// Checkpoint saves the present state on the volume and returns when it survives a power cut. It becomes the one that is
// resumed, whatever its step. [ErrCancelled]: nobody waits for the save any more, which becomes durable all the same if it
// had begun. [ErrConfig] (no volume), [ErrIO], [ErrNoSpace], [ErrFenced], [ErrTimeout], [ErrDiverged]: earlier
// checkpoints are as they were.
func (t *Trainer) Checkpoint(ctx context.Context) (report SaveReport, err error) {
	err = t.cancellable(ctx, func(trainer *C.spot_trainer, cancel *C.spot_cancel, failed **C.spot_error) C.spot_status {
		out := C.spot_save_report{struct_size: C.sizeof_spot_save_report}
		status := C.spot_trainer_checkpoint(trainer, cancel, &out, failed)
		if status == C.SPOT_OK {
			report = SaveReport{
				Step:        uint64(out.step),
				Generation:  uint64(out.generation),
				Bytes:       uint64(out.bytes),
				StallMS:     float64(out.stall_ms),
				EncodeMS:    float64(out.encode_ms),
				WriteMS:     float64(out.write_ms),
				FsyncMS:     float64(out.fsync_ms),
				DurableMS:   float64(out.durable_ms),
				Path:        C.GoString(out.path),
				NotPromised: C.GoString(&out.not_promised[0]),
			}
		}
		return status
	})
	return report, err
}

// Restore takes over the state of a checkpoint file or, when the path is empty, of the newest good one on the volume. The
// state is unchanged on failure. [ErrNotFound]: there is none; [ErrCorrupt]: it (or every one) is damaged; [ErrMismatch]:
// it belongs to another model, dataset or configuration; [ErrDiverged], [ErrConfig], [ErrFenced], [ErrTimeout].
func (t *Trainer) Restore(ctx context.Context, path string) error {
	cPath, err := optionalText(path)
	if err != nil {
		return err
	}
	return t.cancellable(ctx, func(trainer *C.spot_trainer, cancel *C.spot_cancel, failed **C.spot_error) C.spot_status {
		return C.spot_trainer_restore(trainer, cPath, cancel, failed)
	})
}

// RestoreFrom takes over the state of a checkpoint that is open, wherever it comes from.
func (t *Trainer) RestoreFrom(checkpoint *Checkpoint) error {
	pointer, err := checkpoint.acquire()
	if err != nil {
		return err
	}
	defer checkpoint.release()
	return t.callExclusively(func(trainer *C.spot_trainer, failed **C.spot_error) C.spot_status {
		return C.spot_trainer_restore_from(trainer, pointer, failed)
	})
}

// Serialize is the bytes of a checkpoint file of the present state, for a program that keeps them itself.
// [OpenCheckpointBytes] and RestoreFrom are the way back.
func (t *Trainer) Serialize() ([]byte, error) {
	var bytes *C.uint8_t
	var length C.size_t
	err := t.callExclusively(func(trainer *C.spot_trainer, failed **C.spot_error) C.spot_status {
		return C.spot_trainer_serialize(trainer, &bytes, &length, failed)
	})
	if err != nil {
		return nil, err
	}
	return takeBytes(bytes, length), nil
}

// Export writes the network as it is now to <prefix>.json (architecture) and <prefix>.safetensors (parameters and
// statistics), each atomically. [ErrCancelled]: files that were there are as they were.
func (t *Trainer) Export(ctx context.Context, prefix string) error {
	cPrefix, err := cText(prefix)
	if err != nil {
		return err
	}
	return t.cancellable(ctx, func(trainer *C.spot_trainer, cancel *C.spot_cancel, failed **C.spot_error) C.spot_status {
		return C.spot_trainer_export(trainer, cPrefix, cancel, failed)
	})
}

// StateHash is XXH3-128, in hex, of everything that determines the future of the run: every tensor, the steps done and
// the seed.
func (t *Trainer) StateHash() (string, error) {
	var out [33]C.char
	err := t.callExclusively(func(trainer *C.spot_trainer, failed **C.spot_error) C.spot_status {
		return C.spot_trainer_get_state_hash(trainer, &out[0], failed)
	})
	return C.GoString(&out[0]), err
}

// Tensors lists the tensors: parameters in layer order, statistics, accumulators.
func (t *Trainer) Tensors() (list []TensorInfo, err error) {
	info, err := t.Info()
	if err != nil {
		return nil, err
	}
	err = t.exclusively(func(trainer *C.spot_trainer) error {
		list, err = tensors(info.TensorCount, func(index C.uint64_t, out *C.spot_tensor_info, failed **C.spot_error) C.spot_status {
			return C.spot_trainer_get_tensor_info(trainer, index, out, failed)
		})
		return err
	})
	return list, err
}

// ReadTensor copies the tensor of this name, or all of them, as their offsets say, when the name is empty.
func (t *Trainer) ReadTensor(name string, values []float32) error {
	cName, err := optionalText(name)
	if err != nil {
		return err
	}
	return t.callExclusively(func(trainer *C.spot_trainer, failed **C.spot_error) C.spot_status {
		return C.spot_trainer_read_tensor(trainer, cName, (*C.float)(&elements(values)[0]), C.size_t(len(values)), failed)
	})
}

// WriteTensor sets what ReadTensor copies.
func (t *Trainer) WriteTensor(name string, values []float32) error {
	cName, err := optionalText(name)
	if err != nil {
		return err
	}
	return t.callExclusively(func(trainer *C.spot_trainer, failed **C.spot_error) C.spot_status {
		return C.spot_trainer_write_tensor(trainer, cName, (*C.float)(&elements(values)[0]), C.size_t(len(values)), failed)
	})
}

// Statistics tells of each parameter, as a JSON array of {"name", "size", "mean", "std", "min", "max", "gradient_norm"}.
func (t *Trainer) Statistics() (json.RawMessage, error) {
	var text *C.char
	return takeAnswer(t.callExclusively(func(trainer *C.spot_trainer, failed **C.spot_error) C.spot_status {
		return C.spot_trainer_describe_parameters(trainer, &text, failed)
	}), &text)
}
