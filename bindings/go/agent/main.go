// Agent trains on a volume until it is done, interrupted or told to stop. Run it again and it goes on where it was.
//
//	agent VOLUME [KEY=VALUE ...]        e.g.  agent /mnt/data dataset=mnist epochs=3
//
// SIGTERM and SIGINT end it after the step in progress, with a checkpoint. Its last line on stdout is JSON: why it ended,
// at which step, whether that is durable, and the hash of the state. Exit code: 0 done, 75 stopped with a durable
// checkpoint, 76 without, 1 failed.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spot-trainer/spot-trainer/bindings/go/spottrainer"
)

// The volume's files must not get the numbers of streams that are closed: what is printed would land in them.
func init() {
	for {
		fd, err := syscall.Open(os.DevNull, syscall.O_RDWR, 0)
		if err != nil {
			return
		}
		if fd > 2 {
			syscall.Close(fd)
			return
		}
	}
}

func main() {
	result, err := train(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "agent:", err)
		os.Exit(1)
	}
	json.NewEncoder(os.Stdout).Encode(struct {
		Reason    string `json:"reason"`
		Step      uint64 `json:"step"`
		Durable   bool   `json:"durable"`
		StateHash string `json:"state_hash"`
	}{result.Reason.String(), result.Step, result.Durable, result.StateHash})
	switch {
	case result.Reason == spottrainer.RunDone:
		os.Exit(0)
	case result.Durable:
		os.Exit(75)
	default:
		os.Exit(76)
	}
}

func train(arguments []string) (result spottrainer.RunResult, err error) {
	config, err := configure(arguments)
	if err != nil {
		return result, err
	}
	defer config.Close()
	signal.Ignore(syscall.SIGPIPE) // a reader that goes away ends no run
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	poller, err := spottrainer.NewPoller(config)
	if err != nil {
		return result, err
	}
	defer poller.Close()
	trainer, err := spottrainer.NewTrainer(ctx, config, nil)
	if errors.Is(err, spottrainer.ErrCancelled) { // while it fetched the dataset: nothing is lost
		return spottrainer.RunResult{Reason: spottrainer.RunCancelled, Durable: true}, nil
	}
	if err != nil {
		return result, err
	}
	defer trainer.Close()
	if err := trainer.SetCallback(spottrainer.EventAll, show); err != nil {
		return result, err
	}
	return trainer.Run(ctx, poller)
}

func configure(arguments []string) (*spottrainer.Config, error) {
	if len(arguments) == 0 {
		return nil, fmt.Errorf("usage: agent VOLUME [KEY=VALUE ...]")
	}
	settings := spottrainer.Settings{"volume": arguments[0]}
	for _, argument := range arguments[1:] {
		key, value, isPair := strings.Cut(argument, "=")
		if !isPair {
			return nil, fmt.Errorf("'%s' is not KEY=VALUE", argument)
		}
		settings[key] = value
	}
	config, err := spottrainer.NewConfig(settings)
	if err != nil {
		return nil, err
	}
	return config, config.SetLog(spottrainer.LogWarning, func(level spottrainer.LogLevel, message string) {
		fmt.Fprintf(os.Stderr, "agent: %v: %s\n", level, message)
	})
}

func show(event spottrainer.Event) error {
	switch event.Kind {
	case spottrainer.EventStep:
		if event.Step%100 == 0 {
			fmt.Fprintf(os.Stderr, "step %d: loss %.4f, %.0f samples/s\n", event.Step, event.Loss, event.SamplesPerSecond)
		}
	case spottrainer.EventEpochEnd:
		fmt.Fprintf(os.Stderr, "epoch %d: test accuracy %.4f\n", event.Epoch, event.TestAccuracy)
	case spottrainer.EventCheckpoint:
		if event.Err == nil {
			fmt.Fprintf(os.Stderr, "checkpoint of step %d (%v) after %.1f ms\n", event.Step, event.SaveReason, event.DurableMS)
		} else {
			fmt.Fprintf(os.Stderr, "no checkpoint of step %d (%v): %v\n", event.Step, event.SaveReason, event.Err)
		}
	case spottrainer.EventNotice:
		fmt.Fprintf(os.Stderr, "notice of %s: %v, %.0f s left\n", event.Source, event.Action, event.SecondsLeft)
	}
	return nil
}
