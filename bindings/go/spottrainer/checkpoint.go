package spottrainer

/*
#include "bridge.h"
*/
import "C"

import (
	"context"
	"encoding/json"
	"runtime"
	"time"
)

// A Checkpoint is a checkpoint file, verified and in memory. It never changes.
type Checkpoint struct {
	handle[*C.spot_checkpoint]
}

// CheckpointInfo tells what a checkpoint holds.
type CheckpointInfo struct {
	SaveReason     SaveReason // 0: it was serialised for the program
	Step           uint64
	Epoch          uint64
	StepsPerEpoch  uint64
	Generation     uint64 // number of the save on its volume
	WriterEpoch    uint64 // number of the writer on its volume; each one that takes the volume over adds one
	Created        time.Time
	Bytes          uint64 // size of the file
	ParameterCount uint64 // trainable values
	TensorCount    uint64
	StateSize      uint64 // elements of all tensors together
	Path           string // of the file; empty: it was opened from memory
	RunID          string
	StateHash      string // see Trainer.StateHash
}

func newCheckpoint(pointer *C.spot_checkpoint) *Checkpoint {
	checkpoint := new(Checkpoint)
	checkpoint.own("checkpoint", pointer, func(pointer *C.spot_checkpoint) { C.spot_checkpoint_free(pointer) })
	runtime.SetFinalizer(checkpoint, func(c *Checkpoint) { c.closeLater() })
	return checkpoint
}

// OpenCheckpoint opens a file, or the newest good one of a folder (a volume or its checkpoints/), without changing
// anything. [ErrNotFound], [ErrCorrupt] (with the byte offset; of a folder: every one is), [ErrUnsupported] (a newer
// format).
func OpenCheckpoint(ctx context.Context, path string) (*Checkpoint, error) {
	cPath, err := cText(path)
	if err != nil {
		return nil, err
	}
	var pointer *C.spot_checkpoint
	err = cancellable(ctx, nil, func(cancel *C.spot_cancel) error {
		return create(func(failed **C.spot_error) C.spot_status {
			return C.spot_checkpoint_open(cPath, cancel, &pointer, failed)
		})
	})
	if err != nil {
		return nil, err
	}
	return newCheckpoint(pointer), nil
}

// OpenCheckpointBytes is OpenCheckpoint of the bytes of a file, [Trainer.Serialize]'s for instance.
func OpenCheckpointBytes(bytes []byte) (*Checkpoint, error) {
	var pointer *C.spot_checkpoint
	err := create(func(failed **C.spot_error) C.spot_status {
		return C.spot_checkpoint_open_memory((*C.uint8_t)(&elements(bytes)[0]), C.size_t(len(bytes)), nil, &pointer, failed)
	})
	if err != nil {
		return nil, err
	}
	return newCheckpoint(pointer), nil
}

// Info tells what the checkpoint holds.
func (c *Checkpoint) Info() (info CheckpointInfo, err error) {
	err = c.call(func(checkpoint *C.spot_checkpoint, failed **C.spot_error) C.spot_status {
		out := C.spot_checkpoint_info{struct_size: C.sizeof_spot_checkpoint_info}
		status := C.spot_checkpoint_get_info(checkpoint, &out, failed)
		if status == C.SPOT_OK {
			info = CheckpointInfo{
				SaveReason:     SaveReason(out.save_reason),
				Step:           uint64(out.step),
				Epoch:          uint64(out.epoch),
				StepsPerEpoch:  uint64(out.steps_per_epoch),
				Generation:     uint64(out.generation),
				WriterEpoch:    uint64(out.writer_epoch),
				Created:        time.Unix(0, int64(out.created_unix_ns)),
				Bytes:          uint64(out.bytes),
				ParameterCount: uint64(out.parameter_count),
				TensorCount:    uint64(out.tensor_count),
				StateSize:      uint64(out.state_size),
				Path:           C.GoString(out.path),
				RunID:          C.GoString(out.run_id),
				StateHash:      C.GoString(out.state_hash),
			}
		}
		return status
	})
	return info, err
}

// Describe tells all there is to show, as spot_checkpoint_describe() does.
func (c *Checkpoint) Describe() (json.RawMessage, error) {
	var text *C.char
	err := c.call(func(checkpoint *C.spot_checkpoint, failed **C.spot_error) C.spot_status {
		return C.spot_checkpoint_describe(checkpoint, &text, failed)
	})
	return takeJSON(text), err
}

// Config is the configuration of the checkpoint's run, without what whoever wrote the file must not choose for its
// reader: volume, metadata and the like, see spot_checkpoint_get_config().
func (c *Checkpoint) Config() (*Config, error) {
	var pointer *C.spot_config
	err := c.call(func(checkpoint *C.spot_checkpoint, failed **C.spot_error) C.spot_status {
		return C.spot_checkpoint_get_config(checkpoint, &pointer, failed)
	})
	if err != nil {
		return nil, err
	}
	return newConfig(pointer), nil
}

// Tensors lists the tensors: parameters in layer order, statistics, accumulators.
func (c *Checkpoint) Tensors() (list []TensorInfo, err error) {
	info, err := c.Info()
	if err != nil {
		return nil, err
	}
	checkpoint, err := c.acquire()
	if err != nil {
		return nil, err
	}
	defer c.release()
	return tensors(info.TensorCount, func(index C.uint64_t, out *C.spot_tensor_info, failed **C.spot_error) C.spot_status {
		return C.spot_checkpoint_get_tensor_info(checkpoint, index, out, failed)
	})
}

// ReadTensor copies the tensor of this name, or all of them, as their offsets say, when the name is empty.
func (c *Checkpoint) ReadTensor(name string, values []float32) error {
	cName, err := optionalText(name)
	if err != nil {
		return err
	}
	return c.call(func(checkpoint *C.spot_checkpoint, failed **C.spot_error) C.spot_status {
		return C.spot_checkpoint_read_tensor(checkpoint, cName, (*C.float)(&elements(values)[0]), C.size_t(len(values)), failed)
	})
}

// Export writes the network to <prefix>.json and <prefix>.safetensors, as [Trainer.Export] does.
func (c *Checkpoint) Export(ctx context.Context, prefix string) error {
	cPrefix, err := cText(prefix)
	if err != nil {
		return err
	}
	return cancellable(ctx, nil, func(cancel *C.spot_cancel) error {
		return c.call(func(checkpoint *C.spot_checkpoint, failed **C.spot_error) C.spot_status {
			return C.spot_checkpoint_export(checkpoint, cPrefix, cancel, failed)
		})
	})
}

// Verification is what [VerifyCheckpoints] found.
type Verification struct {
	Good  uint64          // whole checkpoints
	Bad   uint64          // others, those set aside included
	Files json.RawMessage // each file, as spot_checkpoint_verify() tells it
}

// VerifyCheckpoints verifies one file, or every file of a folder (a volume or its checkpoints/), changing nothing.
func VerifyCheckpoints(ctx context.Context, path string) (Verification, error) {
	cPath, err := cText(path)
	if err != nil {
		return Verification{}, err
	}
	var good, bad C.uint64_t
	var text *C.char
	err = cancellable(ctx, nil, func(cancel *C.spot_cancel) error {
		return create(func(failed **C.spot_error) C.spot_status {
			return C.spot_checkpoint_verify(cPath, cancel, &good, &bad, &text, failed)
		})
	})
	return Verification{uint64(good), uint64(bad), takeJSON(text)}, err
}
