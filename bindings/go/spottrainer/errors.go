package spottrainer

/*
#include "bridge.h"
*/
import "C"

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// Code says what kind of error an [Error] is: errors.Is(err, spottrainer.ErrData).
type Code int32

// The codes of the header, without its SPOT_E_.
const (
	ErrInvalidArgument Code = C.SPOT_E_INVALID_ARGUMENT // a wrong size, index or flag, or a handle that is closed
	ErrConfig          Code = C.SPOT_E_CONFIG           // unknown key, value out of bounds, contradiction, key not set
	ErrData            Code = C.SPOT_E_DATA             // a dataset or an image is damaged, or not what it claims to be
	ErrModel           Code = C.SPOT_E_MODEL            // a model that cannot be: unknown layer, impossible shape
	ErrIO              Code = C.SPOT_E_IO               // the operating system failed to read or write
	ErrNoSpace         Code = C.SPOT_E_NO_SPACE         // the volume is full, or a quota is used up
	ErrCorrupt         Code = C.SPOT_E_CORRUPT          // a checkpoint is damaged; from Restore: every one on the volume is
	ErrNotFound        Code = C.SPOT_E_NOT_FOUND        // no such file, folder, tensor or checkpoint
	ErrMismatch        Code = C.SPOT_E_MISMATCH         // a checkpoint of another model, dataset or configuration
	ErrNetwork         Code = C.SPOT_E_NETWORK          // no server gave what was asked for
	ErrBusy            Code = C.SPOT_E_BUSY             // the trainer is in use by another call, or by a callback's caller
	ErrOrder           Code = C.SPOT_E_ORDER            // a call that makes no sense now
	ErrCancelled       Code = C.SPOT_E_CANCELLED        // the context is done, or a callback returned Stop
	ErrCallback        Code = C.SPOT_E_CALLBACK         // a callback failed; Unwrap gives its error
	ErrForked          Code = C.SPOT_E_FORKED           // the handle belongs to the parent process
	ErrFenced          Code = C.SPOT_E_FENCED           // another writer has taken over the volume: this one may not go on
	ErrTimeout         Code = C.SPOT_E_TIMEOUT          // the volume is in use
	ErrUnsupported     Code = C.SPOT_E_UNSUPPORTED      // this build, machine or version cannot do it
	ErrNoMemory        Code = C.SPOT_E_NO_MEMORY        // out of memory
	ErrInternal        Code = C.SPOT_E_INTERNAL         // a fault of the library: please report it
	ErrDiverged        Code = C.SPOT_E_DIVERGED         // training has failed: a loss, gradient norm or tensor is not finite
)

// Error is the code's name in the header, "SPOT_E_DATA" say.
func (c Code) Error() string { return C.GoString(C.spot_status_name(C.spot_status(c))) }

// An Error is what a call of the library returns when it fails.
type Error struct {
	Code       Code
	Message    string        // one line: what was wrong, with which file, key or value, and what to do
	OSErrno    syscall.Errno // of the failed system call; 0: none
	HTTPStatus int           // of the HTTP answer; 0: none
	ByteOffset int64         // where in the file; -1: unknown
	cause      error         // the callback's or the context's
}

func (e *Error) Error() string {
	if e.cause == nil || e.cause == os.ErrClosed { // the message says it better
		return e.Message
	}
	return e.Message + ": " + e.cause.Error()
}

// Is compares with a Code, and with errors of the system; [ErrNotFound] is also fs.ErrNotExist.
func (e *Error) Is(target error) bool {
	if code, isCode := target.(Code); isCode {
		return code == e.Code
	}
	return e.OSErrno != 0 && errors.Is(e.OSErrno, target) || e.Code == ErrNotFound && target == fs.ErrNotExist
}

// Unwrap is the error that a callback returned, or the context's, or nil.
func (e *Error) Unwrap() error { return e.cause }

// call calls a function of the library, whose last parameter is the error.
func call(function func(failed **C.spot_error) C.spot_status) error {
	var failed *C.spot_error
	if status := function(&failed); status != C.SPOT_OK {
		defer C.spot_error_free(failed)
		return &Error{
			Code:       Code(status),
			Message:    C.GoString(C.spot_error_message(failed)),
			OSErrno:    syscall.Errno(C.spot_error_os_errno(failed)),
			HTTPStatus: int(C.spot_error_http_status(failed)),
			ByteOffset: int64(C.spot_error_byte_offset(failed)),
		}
	}
	return nil
}

// outcome is the error of a status and message that a struct holds.
func outcome(status C.spot_status, message *C.char) error {
	if status == C.SPOT_OK {
		return nil
	}
	return &Error{Code: Code(status), Message: C.GoString(message), ByteOffset: -1}
}

// because gives an error of this code its cause.
func because(err error, code Code, cause error) error {
	var failed *Error
	if cause != nil && errors.As(err, &failed) && failed.Code == code {
		failed.cause = cause
	}
	return err
}
