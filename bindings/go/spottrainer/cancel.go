package spottrainer

/*
#include "bridge.h"
*/
import "C"

import (
	"context"
	"os"
)

// cancellable makes a call that ends early when ctx is done or `closing` is closed. The error then says which.
func cancellable(ctx context.Context, closing <-chan struct{}, function func(cancel *C.spot_cancel) error) error {
	if ctx.Done() == nil && closing == nil {
		return function(nil)
	}
	var cancel *C.spot_cancel
	if err := create(func(failed **C.spot_error) C.spot_status { return C.spot_cancel_create(&cancel, failed) }); err != nil {
		return err
	}
	defer C.spot_cancel_free(cancel)
	if ctx.Err() != nil {
		C.spot_cancel_trigger(cancel) // at once, rather than when the goroutine gets to it
	}
	finished := make(chan struct{})
	defer close(finished)
	C.spot_cancel_retain(cancel)
	go func() {
		defer C.spot_cancel_free(cancel)
		select {
		case <-ctx.Done():
			C.spot_cancel_trigger(cancel)
		case <-closing:
			C.spot_cancel_trigger(cancel)
		case <-finished:
		}
	}()
	err := function(cancel)
	if cause := ctx.Err(); cause != nil {
		return because(err, ErrCancelled, cause)
	}
	select {
	case <-closing:
		return because(err, ErrCancelled, os.ErrClosed)
	default:
		return err
	}
}
