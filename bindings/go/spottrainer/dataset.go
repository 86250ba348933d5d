package spottrainer

/*
#include <stdlib.h>
#include "bridge.h"
*/
import "C"

import (
	"context"
	"runtime"
	"runtime/cgo"
	"unsafe"
)

// Pixel is a type of the values of an image. The network sees a uint8 divided by 255, and a float32 as it is.
type Pixel interface{ uint8 | float32 }

// Label is a type of the number of a class.
type Label interface{ uint8 | int32 | int64 }

// Arrays are images and labels in memory. Images lie as [count][rows][columns][channels], labels as [count], from 0 to
// Classes - 1. There is a training image for each of TrainLabels, and a test image for each of TestLabels, which may be
// none.
type Arrays[P Pixel, L Label] struct {
	Name        string // that logs and checkpoints show; empty: "memory"
	Rows        int
	Columns     int
	Channels    int
	Classes     int // at most 256; 0: the largest label plus one
	TrainImages []P
	TrainLabels []L
	TestImages  []P
	TestLabels  []L
}

// DatasetInfo tells what a dataset is.
type DatasetInfo struct {
	Classes      int
	Rows         int
	Columns      int
	Channels     int
	Float32      bool // whether images are of float32; else of uint8
	IsFallback   bool // synthetic digits, because dataset=auto could have nothing better
	TrainSamples uint64
	TestSamples  uint64
	Name         string // "mnist", the path of a folder, ...
	Fingerprint  string // XXH3-128, in hex, of the content: a run resumes only with the dataset it began with
}

// A Dataset is labelled images to train and test on. It never changes, so any number of trainers may share one.
type Dataset struct {
	handle[*C.spot_dataset]
}

func (d *Dataset) optional() *handle[*C.spot_dataset] {
	if d == nil {
		return nil
	}
	return &d.handle
}

func newDataset(pointer *C.spot_dataset) *Dataset {
	dataset := new(Dataset)
	dataset.own("dataset", pointer, func(pointer *C.spot_dataset) { C.spot_dataset_free(pointer) })
	runtime.SetFinalizer(dataset, func(d *Dataset) { d.closeLater() })
	return dataset
}

// OpenDataset opens what the key dataset names, downloads it if need be, and keeps copies on the volume where one is set.
func OpenDataset(ctx context.Context, config *Config) (*Dataset, error) {
	var pointer *C.spot_dataset
	err := cancellable(ctx, nil, func(cancel *C.spot_cancel) error {
		return config.call(func(config *C.spot_config, failed **C.spot_error) C.spot_status {
			return C.spot_dataset_open(config, cancel, &pointer, failed)
		})
	})
	if err != nil {
		return nil, err
	}
	return newDataset(pointer), nil
}

// NewDataset makes a dataset of a copy of the arrays, which are the caller's again when it returns. [ErrData]: a label
// that is out of range, a value that is not finite; [ErrInvalidArgument]: a size that does not fit.
func NewDataset[P Pixel, L Label](arrays Arrays[P, L]) (*Dataset, error) {
	out, memory := describe(arrays)
	copies, err := copyArrays(memory)
	if err != nil {
		return nil, err
	}
	return createDataset(out, arrays.Name, arrayBytes(copies), copies)
}

// arrayBytes are the images and labels to train on, and those to test on.
type arrayBytes [4][]byte

// cArrays are the same in memory that is not Go's.
type cArrays arrayBytes

func copyArrays(arrays arrayBytes) (copies cArrays, err error) {
	for i, array := range arrays {
		if len(array) == 0 {
			continue
		}
		place := C.calloc(1, C.size_t(len(array))) // C.malloc would end the program when there is no memory
		if place == nil {
			copies.release()
			return copies, &Error{Code: ErrNoMemory, Message: "no memory for a copy of the arrays", ByteOffset: -1}
		}
		copies[i] = unsafe.Slice((*byte)(place), len(array))
		copy(copies[i], array)
	}
	return copies, nil
}

func (c cArrays) release() {
	for _, array := range c {
		if len(array) != 0 {
			C.free(unsafe.Pointer(&array[0]))
		}
	}
}

// describe is everything but the name, and where the arrays lie.
func describe[P Pixel, L Label](arrays Arrays[P, L]) (C.spot_dataset_arrays, arrayBytes) {
	memory := arrayBytes{
		bytesOf(arrays.TrainImages), bytesOf(arrays.TrainLabels), bytesOf(arrays.TestImages), bytesOf(arrays.TestLabels),
	}
	var pixel P
	var label L
	out := C.spot_dataset_arrays{
		struct_size:       C.sizeof_spot_dataset_arrays,
		image_type:        C.SPOT_TYPE_UINT8,
		rows:              count32(arrays.Rows),
		columns:           count32(arrays.Columns),
		channels:          count32(arrays.Channels),
		classes:           count32(arrays.Classes),
		train_samples:     C.uint64_t(len(arrays.TrainLabels)),
		train_image_bytes: C.uint64_t(len(memory[0])),
		train_label_bytes: C.uint64_t(len(memory[1])),
		test_samples:      C.uint64_t(len(arrays.TestLabels)),
		test_image_bytes:  C.uint64_t(len(memory[2])),
		test_label_bytes:  C.uint64_t(len(memory[3])),
	}
	if unsafe.Sizeof(pixel) == 4 {
		out.image_type = C.SPOT_TYPE_FLOAT32
	}
	switch unsafe.Sizeof(label) {
	case 1:
		out.label_type = C.SPOT_TYPE_UINT8
	case 4:
		out.label_type = C.SPOT_TYPE_INT32
	default:
		out.label_type = C.SPOT_TYPE_INT64
	}
	return out, memory
}

// count32 is a number for the library, which refuses those that it makes of numbers out of range.
func count32(number int) C.uint32_t {
	if number < 0 || number > 1<<32-1 {
		return 1<<32 - 1
	}
	return C.uint32_t(number)
}

// createDataset hands the arrays over, which lie in `memory`; `owner` lets go of them.
func createDataset(arrays C.spot_dataset_arrays, name string, memory arrayBytes, owner releaser) (*Dataset, error) {
	user := cgo.NewHandle(owner)
	var pointer *C.spot_dataset
	err := func() error {
		if _, err := cText(name); err != nil {
			return err
		}
		if name != "" {
			arrays.name = C.CString(name)
			defer C.free(unsafe.Pointer(arrays.name))
		}
		return create(func(failed **C.spot_error) C.spot_status {
			return C.bridge_dataset_create(&arrays, unsafe.Pointer(&elements(memory[0])[0]),
				unsafe.Pointer(&elements(memory[1])[0]), unsafe.Pointer(&elements(memory[2])[0]),
				unsafe.Pointer(&elements(memory[3])[0]), C.uintptr_t(user), &pointer, failed)
		})
	}()
	if err != nil {
		user.Delete()
		owner.release()
		return nil, err
	}
	return newDataset(pointer), nil
}

// Info tells what the dataset is.
func (d *Dataset) Info() (info DatasetInfo, err error) {
	err = d.call(func(dataset *C.spot_dataset, failed **C.spot_error) C.spot_status {
		out := C.spot_dataset_info{struct_size: C.sizeof_spot_dataset_info}
		status := C.spot_dataset_get_info(dataset, &out, failed)
		if status == C.SPOT_OK {
			info = DatasetInfo{
				Classes:      int(out.classes),
				Rows:         int(out.rows),
				Columns:      int(out.columns),
				Channels:     int(out.channels),
				Float32:      out.image_type == C.SPOT_TYPE_FLOAT32,
				IsFallback:   out.is_fallback != 0,
				TrainSamples: uint64(out.train_samples),
				TestSamples:  uint64(out.test_samples),
				Name:         C.GoString(out.name),
				Fingerprint:  C.GoString(&out.fingerprint[0]),
			}
		}
		return status
	})
	return info, err
}
