//go:build go1.21

package spottrainer

import (
	"runtime"
	"unsafe"
)

// NewDatasetInPlace is [NewDataset] without a copy of the images: the arrays must stay unchanged until the dataset is
// closed and no trainer uses it any more. Then `release`, which may be nil, is called once, from any goroutine; it must
// not call this package. When the function fails, too. It takes Go 1.21, the first that can pin what a C library
// keeps. Arrays in a file that was mapped into memory take Go 1.22.
func NewDatasetInPlace[P Pixel, L Label](arrays Arrays[P, L], release func()) (*Dataset, error) {
	owner := &pinnedArrays{then: release}
	out := describe(arrays)
	out.train_images = pin(owner, arrays.TrainImages)
	out.train_labels = pin(owner, arrays.TrainLabels)
	out.test_images = pin(owner, arrays.TestImages)
	out.test_labels = pin(owner, arrays.TestLabels)
	return createDataset(&out, arrays.Name, owner)
}

// pinnedArrays are arrays of Go's that the garbage collector neither moves nor frees.
type pinnedArrays struct {
	pinner runtime.Pinner
	then   func()
}

func pin[E any](owner *pinnedArrays, array []E) unsafe.Pointer {
	if len(array) == 0 {
		return nil
	}
	owner.pinner.Pin(&array[0])
	return unsafe.Pointer(&array[0])
}

func (p *pinnedArrays) release() {
	p.pinner.Unpin()
	if p.then != nil {
		p.then()
	}
}
