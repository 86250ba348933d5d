package spottrainer_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spot-trainer/spot-trainer/bindings/go/spottrainer"
)

var background = context.Background()

// TestMain is also the program that some tests run as a child process.
func TestMain(m *testing.M) {
	switch os.Getenv("SPOT_TEST_CHILD") {
	case "train":
		trainAsChild(os.Getenv("SPOT_TEST_VOLUME"))
	case "panic":
		panicAsChild(os.Getenv("SPOT_TEST_CALLBACK"))
	case "version":
		useStubAsChild()
	default:
		os.Exit(m.Run())
	}
}

// formula is the data that the tests of all bindings use: `count` images from the one of this number on.
func formula(first, count, values int) (images, labels []uint8) {
	for image := first; image < first+count; image++ {
		label := image % 10
		labels = append(labels, uint8(label))
		for pixel := 0; pixel < values; pixel++ {
			images = append(images, uint8((image*31+pixel*7+label*53)%256))
		}
	}
	return images, labels
}

func arrays() spottrainer.Arrays[uint8, uint8] {
	out := spottrainer.Arrays[uint8, uint8]{Rows: 28, Columns: 28, Channels: 1, Classes: 10}
	out.TrainImages, out.TrainLabels = formula(0, 320, 28*28)
	out.TestImages, out.TestLabels = formula(320, 64, 28*28)
	return out
}

func ownDataset(t testing.TB) *spottrainer.Dataset {
	t.Helper()
	dataset, err := spottrainer.NewDataset(arrays())
	check(t, err)
	t.Cleanup(func() { dataset.Close() })
	return dataset
}

// settings are those of the smallest run: 20 steps an epoch, 60 in all.
func settings(volume string, more spottrainer.Settings) spottrainer.Settings {
	out := spottrainer.Settings{
		"model": "mlp", "batch_size": 16, "epochs": 3, "metadata": "none", "device": "cpu", "checkpoint_seconds": 0,
	}
	if volume != "" {
		out["volume"] = volume
	}
	for key, value := range more {
		out[key] = value
	}
	return out
}

func newConfig(t testing.TB, values spottrainer.Settings) *spottrainer.Config {
	t.Helper()
	config, err := spottrainer.NewConfig(values)
	check(t, err)
	t.Cleanup(func() { config.Close() })
	return config
}

// newTrainer is one for the smallest run; no volume: it may only be stepped.
func newTrainer(t testing.TB, volume string, more spottrainer.Settings) *spottrainer.Trainer {
	t.Helper()
	trainer, err := spottrainer.NewTrainer(background, newConfig(t, settings(volume, more)), ownDataset(t))
	check(t, err)
	t.Cleanup(func() { trainer.Close() })
	return trainer
}

func newPoller(t testing.TB) *spottrainer.Poller {
	t.Helper()
	poller, err := spottrainer.NewPoller(newConfig(t, spottrainer.Settings{"metadata": "none"}))
	check(t, err)
	t.Cleanup(func() { poller.Close() })
	return poller
}

func run(t testing.TB, trainer *spottrainer.Trainer) spottrainer.RunResult {
	t.Helper()
	result, err := trainer.Run(background, nil)
	check(t, err)
	return result
}

// uninterrupted is the state in which a run of these settings ends.
func uninterrupted(t testing.TB, more spottrainer.Settings) string {
	t.Helper()
	result := run(t, newTrainer(t, t.TempDir(), more))
	equal(t, result.Reason, spottrainer.RunDone)
	return result.StateHash
}

// atStep calls a function at the event of this step.
func atStep(t testing.TB, trainer *spottrainer.Trainer, step uint64, function func() error) {
	t.Helper()
	check(t, trainer.SetCallback(spottrainer.EventStep, func(event spottrainer.Event) error {
		if event.Step == step {
			return function()
		}
		return nil
	}))
}

func hashOf(t testing.TB, trainer *spottrainer.Trainer) string {
	t.Helper()
	hash, err := trainer.StateHash()
	check(t, err)
	return hash
}

func onlyFile(t testing.TB, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	check(t, err)
	if len(files) == 0 {
		t.Fatalf("no file %s", pattern)
	}
	return files[len(files)-1]
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t testing.TB, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("got %v, want %v", got, want)
	}
}

// fails asks for an *Error of this code, whose message has these words.
func fails(t testing.TB, err error, code spottrainer.Code, words ...string) {
	t.Helper()
	var failed *spottrainer.Error
	if !errors.Is(err, code) || !errors.As(err, &failed) {
		t.Fatalf("got the error %v, want %v", err, code)
	}
	for _, word := range words {
		if !strings.Contains(failed.Message, word) {
			t.Fatalf("'%s' does not tell of '%s'", failed.Message, word)
		}
	}
}

// soon gives a wait that should end an end.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(background, 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// fatal is check for a child process.
func fatal(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func printJSON(value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(text))
}
