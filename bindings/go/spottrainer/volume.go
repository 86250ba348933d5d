package spottrainer

/*
#include "bridge.h"
*/
import "C"

import (
	"context"
	"encoding/json"
)

// CheckVolume does on the configured volume what a run does there before its first step, and leaves nothing behind:
// rehearses a save and, unless the trainer is nil, compares the room that this trainer's run takes with what there is.
// The answer is a JSON array of {"check", "status": "ok|warn|fail", "detail", "code"}.
func CheckVolume(config *Config, trainer *Trainer) (json.RawMessage, error) {
	var text *C.char
	check := func(trainer *C.spot_trainer) error {
		return config.call(func(config *C.spot_config, failed **C.spot_error) C.spot_status {
			return C.spot_volume_check(config, trainer, &text, failed)
		})
	}
	if trainer == nil {
		return takeAnswer(check(nil), &text)
	}
	return takeAnswer(trainer.exclusively(check), &text)
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
