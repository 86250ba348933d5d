package spottrainer

/*
#include "bridge.h"
*/
import "C"

import (
	"context"
	"runtime"
	"unsafe"
)

// A Model is a trained network, for prediction: it needs no dataset and no volume, and writes nothing. Any number of
// goroutines may use it; one after the other computes.
type Model struct {
	handle[*C.spot_model]
	info ModelInfo
}

// ModelInfo tells what a model is.
type ModelInfo struct {
	Classes        int
	Rows           int // of an image, as are the next two
	Columns        int
	Channels       int
	Threads        int    // worker threads in use
	Step           uint64 // after which it was saved; 0: not known
	ParameterCount uint64 // trainable values
	TensorCount    uint64
	StateSize      uint64 // elements of all tensors together; there are no accumulators
	RunID          string // of the run that trained it; empty: not known
	Device         string
}

// newModel opens a model with a function that is given the configuration, which may be nil.
func newModel(config *Config, open func(*C.spot_config, **C.spot_model, **C.spot_error) C.spot_status) (*Model, error) {
	cConfig, err := config.optional().acquire()
	if err != nil {
		return nil, err
	}
	defer config.optional().release()
	var pointer *C.spot_model
	err = create(func(failed **C.spot_error) C.spot_status { return open(cConfig, &pointer, failed) })
	if err != nil {
		return nil, err
	}
	model := new(Model)
	model.own("model", pointer, func(pointer *C.spot_model) { C.spot_model_free(pointer) })
	runtime.SetFinalizer(model, func(m *Model) { m.closeLater() })
	return model, model.readInfo()
}

// OpenModel builds a network and copies its parameters from a checkpoint file, a folder of them (a volume), or one of
// the two files of an exported model. Of the configuration the keys device, threads, kernels, mode, precision, batch_size
// and shards count; nil: all at their defaults. [ErrNotFound], [ErrCorrupt], [ErrModel], [ErrMismatch], [ErrUnsupported].
func OpenModel(ctx context.Context, path string, config *Config) (model *Model, err error) {
	cPath, err := cText(path)
	if err != nil {
		return nil, err
	}
	err = cancellable(ctx, nil, func(cancel *C.spot_cancel) error {
		model, err = newModel(config, func(config *C.spot_config, out **C.spot_model, failed **C.spot_error) C.spot_status {
			return C.spot_model_open(cPath, config, cancel, out, failed)
		})
		return err
	})
	return model, err
}

// OpenModel is [OpenModel] of a checkpoint, which may be closed afterwards.
func (c *Checkpoint) OpenModel(config *Config) (*Model, error) {
	checkpoint, err := c.acquire()
	if err != nil {
		return nil, err
	}
	defer c.release()
	return newModel(config, func(config *C.spot_config, out **C.spot_model, failed **C.spot_error) C.spot_status {
		return C.spot_model_open_checkpoint(checkpoint, config, out, failed)
	})
}

// OpenModel is [OpenModel] of the network that the trainer has now; later steps do not show in it.
func (t *Trainer) OpenModel(config *Config) (model *Model, err error) {
	err = t.exclusively(func(trainer *C.spot_trainer) error {
		model, err = newModel(config, func(config *C.spot_config, out **C.spot_model, failed **C.spot_error) C.spot_status {
			return C.spot_model_open_trainer(trainer, config, out, failed)
		})
		return err
	})
	return model, err
}

// Info tells what the model is.
func (m *Model) Info() ModelInfo { return m.info }

func (m *Model) readInfo() error {
	out := C.spot_model_info{struct_size: C.sizeof_spot_model_info}
	err := m.call(func(model *C.spot_model, failed **C.spot_error) C.spot_status {
		return C.spot_model_get_info(model, &out, failed)
	})
	m.info = ModelInfo{
		Classes:        int(out.classes),
		Rows:           int(out.rows),
		Columns:        int(out.columns),
		Channels:       int(out.channels),
		Threads:        int(out.threads),
		Step:           uint64(out.step),
		ParameterCount: uint64(out.parameter_count),
		TensorCount:    uint64(out.tensor_count),
		StateSize:      uint64(out.state_size),
		RunID:          C.GoString(&out.run_id[0]),
		Device:         C.GoString(&out.device[0]),
	}
	return err
}

// Tensors lists the tensors: parameters in layer order, statistics.
func (m *Model) Tensors() ([]TensorInfo, error) {
	model, err := m.acquire()
	if err != nil {
		return nil, err
	}
	defer m.release()
	return tensors(m.info.TensorCount, func(index C.uint64_t, out *C.spot_tensor_info, failed **C.spot_error) C.spot_status {
		return C.spot_model_get_tensor_info(model, index, out, failed)
	})
}

// ReadTensor copies the tensor of this name, or all of them, as their offsets say, when the name is empty.
func (m *Model) ReadTensor(name string, values []float32) error {
	cName, err := optionalText(name)
	if err != nil {
		return err
	}
	return m.call(func(model *C.spot_model, failed **C.spot_error) C.spot_status {
		return C.spot_model_read_tensor(model, cName, (*C.float)(&elements(values)[0]), C.size_t(len(values)), failed)
	})
}

// PredictUint8 gives the class probabilities, [count][classes], of images, [count][rows][columns][channels].
func (m *Model) PredictUint8(ctx context.Context, images []uint8) ([]float32, error) {
	return m.predict(ctx, images, C.SPOT_TYPE_UINT8, len(images))
}

// PredictFloat32 gives the class probabilities, [count][classes], of images, [count][rows][columns][channels].
func (m *Model) PredictFloat32(ctx context.Context, images []float32) ([]float32, error) {
	return m.predict(ctx, bytesOf(images), C.SPOT_TYPE_FLOAT32, len(images))
}

func (m *Model) predict(ctx context.Context, images []byte, kind C.int32_t, values int) ([]float32, error) {
	probabilities := make([]float32, values/(m.info.Rows*m.info.Columns*m.info.Channels)*m.info.Classes)
	err := cancellable(ctx, nil, func(cancel *C.spot_cancel) error {
		return m.call(func(model *C.spot_model, failed **C.spot_error) C.spot_status {
			return C.spot_model_predict(model, unsafe.Pointer(&elements(images)[0]), kind, C.size_t(len(images)), cancel,
				(*C.float)(&elements(probabilities)[0]), C.size_t(len(probabilities)), failed)
		})
	})
	if err != nil {
		return nil, err
	}
	return probabilities, nil
}
