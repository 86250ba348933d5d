package spottrainer

//go:generate sh static/make.sh

/*
#cgo !spot_static pkg-config: spot_trainer
#cgo spot_static pkg-config: ${SRCDIR}/static/spot_trainer.pc
#cgo LDFLAGS: -ldl
#include "bridge.h"
*/
import "C"

import (
	"encoding/json"
	"os"
	"sync"
	"syscall"
	"unsafe"
)

// handle owns a handle of the library, of the pointer type P. Close may come while calls use it; the last one frees it.
type handle[P any] struct {
	mutex   sync.Mutex
	name    string // for messages
	pointer P
	free    func(P)
	users   int
	closed  bool
	closing chan struct{} // closed by Close, for those who wait
}

func (h *handle[P]) own(name string, pointer P, free func(P)) {
	h.name, h.pointer, h.free, h.closing = name, pointer, free, make(chan struct{})
}

// acquire keeps the handle from being freed until release. A nil one is NULL to the library.
func (h *handle[P]) acquire() (pointer P, err error) {
	if h == nil {
		return pointer, nil
	}
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.closed || h.free == nil {
		closed := &Error{Code: ErrInvalidArgument, Message: "the " + h.name + " is closed", ByteOffset: -1}
		closed.cause = os.ErrClosed
		return pointer, closed
	}
	h.users++
	return h.pointer, nil
}

func (h *handle[P]) release() {
	if h == nil {
		return
	}
	h.mutex.Lock()
	h.users--
	last := h.closed && h.users == 0
	h.mutex.Unlock()
	if last {
		h.free(h.pointer)
	}
}

// call calls a function of the library with the handle.
func (h *handle[P]) call(function func(pointer P, failed **C.spot_error) C.spot_status) error {
	pointer, err := h.acquire()
	if err != nil {
		return err
	}
	defer h.release()
	return call(func(failed **C.spot_error) C.spot_status { return function(pointer, failed) })
}

// Close frees the handle, when the last call that uses it has returned. It never fails.
func (h *handle[P]) Close() error {
	h.mutex.Lock()
	if h.closed || h.free == nil {
		h.mutex.Unlock()
		return nil
	}
	h.closed = true
	close(h.closing)
	last := h.users == 0
	h.mutex.Unlock()
	if last {
		h.free(h.pointer)
	}
	return nil
}

// closeLater is for finalizers, all of which wait for one another.
func (h *handle[P]) closeLater() { go h.Close() }

// cText is a text for the duration of a call.
func cText(text string) (*C.char, error) {
	bytes, err := syscall.BytePtrFromString(text)
	if err != nil {
		return nil, &Error{Code: ErrInvalidArgument, Message: "a text with a zero byte in it", ByteOffset: -1}
	}
	return (*C.char)(unsafe.Pointer(bytes)), nil
}

// optionalText is the same, NULL for an empty one.
func optionalText(text string) (*C.char, error) {
	if text == "" {
		return nil, nil
	}
	return cText(text)
}

// takeText copies a text that the library returned, and frees it.
func takeText(text *C.char) string {
	defer C.spot_text_free(text)
	return C.GoString(text)
}

func takeJSON(text *C.char) json.RawMessage { return json.RawMessage(takeText(text)) }

// elements is a slice whose first element a call can point to, which an empty slice has not. `&elements(slice)[0]` must
// stand in the call of C itself: cgo then looks for pointers of Go's in these elements alone, otherwise in all of the
// struct or array that they are a part of, and panics when it finds one.
func elements[E any](slice []E) []E {
	if len(slice) == 0 {
		return make([]E, 1)
	}
	return slice
}

// bytesOf is the memory of numbers.
func bytesOf[E Pixel | Label](slice []E) []byte {
	if len(slice) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&slice[0])), len(slice)*int(unsafe.Sizeof(slice[0])))
}
