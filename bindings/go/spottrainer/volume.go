package spottrainer

/*
#include "bridge.h"
*/
import "C"

import (
	"context"
	"encoding/json"
)

// VolumeCheck is what [CheckVolume] found.
type VolumeCheck struct {
	Failure error           // the [Code] that a run would end with; nil: nothing fails
	Checks  json.RawMessage // an array of {"check", "status": "ok|warn|fail", "detail"}
}

// CheckVolume does on the configured volume what a run does there before its first step, and leaves only its folders:
// rehearses a save and, unless the trainer is nil, compares the room that this trainer's run takes with what there is.
func CheckVolume(ctx context.Context, config *Config, trainer *Trainer) (VolumeCheck, error) {
	var text *C.char
	var outcome C.spot_status
	check := func(trainer *C.spot_trainer) error {
		return cancellable(ctx, nil, func(cancel *C.spot_cancel) error {
			return config.call(func(config *C.spot_config, failed **C.spot_error) C.spot_status {
				return C.spot_volume_check(config, trainer, cancel, &outcome, &text, failed)
			})
		})
	}
	var err error
	if trainer == nil {
		err = check(nil)
	} else {
		err = trainer.exclusively(check)
	}
	if err != nil {
		return VolumeCheck{}, err
	}
	found := VolumeCheck{Checks: takeJSON(text)}
	if outcome != C.SPOT_OK {
		found.Failure = Code(outcome)
	}
	return found, nil
}

// Benchmark measures training and test throughput of the configured model on the dataset (nil: of the key dataset), for
// about `seconds` each, and the processor's fp32 peak. The answer is the JSON of spot_benchmark().
func Benchmark(ctx context.Context, config *Config, dataset *Dataset, seconds float64) (json.RawMessage, error) {
	cDataset, err := dataset.optional().acquire()
	if err != nil {
		return nil, err
	}
	defer dataset.optional().release()
	var text *C.char
	return takeAnswer(cancellable(ctx, nil, func(cancel *C.spot_cancel) error {
		return config.call(func(config *C.spot_config, failed **C.spot_error) C.spot_status {
			return C.spot_benchmark(config, cDataset, C.double(seconds), cancel, &text, failed)
		})
	}), &text)
}

func takeAnswer(err error, text **C.char) (json.RawMessage, error) {
	if err != nil {
		return nil, err
	}
	return takeJSON(*text), nil
}
