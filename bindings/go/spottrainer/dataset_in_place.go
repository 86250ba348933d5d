//go:build go1.21

package spottrainer

import "runtime"

// NewDatasetInPlace is [NewDataset] without a copy of the images: the arrays must stay unchanged until the dataset is
// closed and no trainer uses it any more. Then `release`, which may be nil, is called once, from any goroutine; it must
// not call this package, and when it panics the program ends, as for [Config.SetLog]. When the function fails, too. It
// takes Go 1.21, the first that can pin what a C library keeps. Arrays in a file that was mapped into memory take Go 1.22.
func NewDatasetInPlace[P Pixel, L Label](arrays Arrays[P, L], release func()) (*Dataset, error) {
	out, memory := describe(arrays)
	owner := &pinnedArrays{then: release}
	for _, array := range memory {
		if len(array) != 0 {
			owner.pinner.Pin(&array[0])
		}
	}
	return createDataset(out, arrays.Name, memory, owner)
}

// pinnedArrays are arrays of Go's that the garbage collector neither moves nor frees.
type pinnedArrays struct {
	pinner runtime.Pinner
	then   func()
}

func (p *pinnedArrays) release() {
	p.pinner.Unpin()
	if p.then != nil {
		p.then()
	}
}
