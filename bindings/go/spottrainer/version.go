package spottrainer

/*
#include "bridge.h"
*/
import "C"

import (
	"encoding/json"
	"fmt"
	"sync"
)

var (
	abiOnce sync.Once
	abiErr  error
)

// CheckABI returns an [ErrUnsupported] when the library that was loaded does not serve a program that was built with
// this package's header: it must have the same major version and at least its minor one. Everything that creates a
// handle checks it, too.
func CheckABI() error {
	abiOnce.Do(func() {
		version := uint32(C.spot_abi_version())
		major, minor := version>>16, version&0xffff
		if major == C.SPOT_ABI_MAJOR && minor >= C.SPOT_ABI_MINOR {
			return
		}
		abiErr = &Error{
			Code: ErrUnsupported,
			Message: fmt.Sprintf("this program was built for ABI %d.%d of spot_trainer, but %s has ABI %d.%d: install a library"+
				" of major version %d and at least that minor one, or build the program anew", C.SPOT_ABI_MAJOR, C.SPOT_ABI_MINOR,
				C.GoString(C.bridge_library_path()), major, minor, C.SPOT_ABI_MAJOR),
			ByteOffset: -1,
		}
	})
	return abiErr
}

// create is call for a function that creates something, maybe the first of the process.
func create(function func(failed **C.spot_error) C.spot_status) error {
	if err := CheckABI(); err != nil {
		return err
	}
	return call(function)
}

// Version is the library's release, "0.1.0" say.
func Version() string { return C.GoString(C.spot_version()) }

// BuildInfo tells what the library was built with and what it can compute on, as spot_build_info() does.
func BuildInfo() json.RawMessage { return json.RawMessage(C.GoString(C.spot_build_info())) }
