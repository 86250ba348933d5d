// Bench measures what a step callback costs: it prints the seconds that a run of so many steps takes, with a callback
// for each of them. tests/bench/callback_cost.py compares the languages.
//
//	bench VOLUME STEPS MODEL
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/spot-trainer/spot-trainer/bindings/go/spottrainer"
)

func main() {
	seconds, err := measure(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	fmt.Println(seconds)
}

func measure(arguments []string) (float64, error) {
	if len(arguments) != 3 {
		return 0, fmt.Errorf("usage: bench VOLUME STEPS MODEL")
	}
	steps, err := strconv.ParseUint(arguments[1], 10, 64)
	if err != nil {
		return 0, err
	}
	config, err := spottrainer.NewConfig(spottrainer.Settings{
		"volume": arguments[0], "model": arguments[2], "batch_size": 16, "steps": steps, "epochs": 1000000,
		"metadata": "none", "checkpoint_seconds": 0, "checkpoint_epochs": 0,
	})
	if err != nil {
		return 0, err
	}
	dataset, err := spottrainer.NewDataset(formula())
	if err != nil {
		return 0, err
	}
	trainer, err := spottrainer.NewTrainer(context.Background(), config, dataset)
	if err != nil {
		return 0, err
	}
	defer trainer.Close()
	told := uint64(0)
	if err := trainer.SetCallback(spottrainer.EventStep, func(spottrainer.Event) error { told++; return nil }); err != nil {
		return 0, err
	}
	result, err := trainer.Run(context.Background(), nil)
	if err == nil && told != steps {
		err = fmt.Errorf("the callback was told of %d steps of %d: give it a volume without checkpoints", told, steps)
	}
	return result.Seconds, err
}

// formula is the data that the bindings of all languages use.
func formula() spottrainer.Arrays[uint8, uint8] {
	const count, side, classes = 320, 28, 10
	arrays := spottrainer.Arrays[uint8, uint8]{Rows: side, Columns: side, Channels: 1, Classes: classes}
	for image := 0; image < count; image++ {
		label := image % classes
		arrays.TrainLabels = append(arrays.TrainLabels, uint8(label))
		for pixel := 0; pixel < side*side; pixel++ {
			arrays.TrainImages = append(arrays.TrainImages, uint8((image*31+pixel*7+label*53)%256))
		}
	}
	return arrays
}
