package spottrainer_test

// What Go brings along: callbacks, errors, goroutines and the garbage collector.

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spot-trainer/spot-trainer/bindings/go/spottrainer"
)

func TestCallbackError(t *testing.T) {
	trainer := newTrainer(t, "", nil)
	own := errors.New("an error of the program's own")
	atStep(t, trainer, 3, func() error { return own })
	metrics, err := trainer.Step(background, 10)
	fails(t, err, spottrainer.ErrCallback)
	equal(t, errors.Is(err, own), true)
	equal(t, strings.Contains(err.Error(), own.Error()), true)
	equal(t, metrics.Steps, 3)

	atStep(t, trainer, 5, func() error { return spottrainer.Stop })
	metrics, err = trainer.Step(background, 10)
	fails(t, err, spottrainer.ErrCancelled)
	equal(t, metrics.Steps, 2)

	check(t, trainer.SetCallback(0, nil))
	_, err = trainer.Step(background, 10)
	check(t, err)
	fails(t, trainer.SetCallback(1<<30, func(spottrainer.Event) error { return nil }), spottrainer.ErrInvalidArgument)
}

func TestCallbackPanic(t *testing.T) {
	trainer := newTrainer(t, "", nil)
	atStep(t, trainer, 3, func() error { panic("a fault of the program") })
	func() {
		defer func() {
			panicked, isPanic := recover().(*spottrainer.CallbackPanic)
			equal(t, isPanic, true)
			equal(t, panicked.Value.(string), "a fault of the program")
			equal(t, strings.Contains(panicked.Error(), "TestCallbackPanic"), true)
		}()
		trainer.Step(background, 10)
		t.Error("it returned")
	}()
	metrics, err := trainer.Step(background, 1)
	check(t, err)
	equal(t, metrics.Step, 4)
}

// A panic that nobody waits for ends the program, and says whose it is.
func TestPanicEndsTheProgram(t *testing.T) {
	for callback, culprit := range map[string]string{
		"log": "the receiver of the log", "release": "the release of a dataset's arrays",
	} {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), "SPOT_TEST_CHILD=panic", "SPOT_TEST_CALLBACK="+callback)
		output, err := child.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 2 ||
			!strings.Contains(string(output), culprit+": a fault of the program") {
			t.Errorf("%s: %v: %s", callback, err, output)
		}
	}
}

func panicAsChild(callback string) {
	defer func() { fmt.Println("recovered:", recover()) }()
	config, err := spottrainer.NewConfig(settings("", nil))
	fatal(err)
	fatal(config.SetLog(spottrainer.LogDebug, func(spottrainer.LogLevel, string) {
		if callback == "log" {
			panic("a fault of the program")
		}
	}))
	dataset, err := spottrainer.NewDatasetWith(arrays(), func() { panic("a fault of the program") })
	fatal(err)
	trainer, err := spottrainer.NewTrainer(background, config, dataset)
	fatal(err)
	dataset.Close()
	trainer.Close()
}

func TestCallbackCallsTheTrainer(t *testing.T) {
	volume := t.TempDir()
	trainer := newTrainer(t, volume, nil)
	var saved []spottrainer.SaveReason
	check(t, trainer.SetCallback(spottrainer.EventStep|spottrainer.EventCheckpoint, func(event spottrainer.Event) error {
		if event.Kind == spottrainer.EventCheckpoint {
			check(t, event.Err)
			saved = append(saved, event.SaveReason)
			return nil
		}
		if event.Step != 5 {
			return nil
		}
		_, err := trainer.Step(background, 1)
		fails(t, err, spottrainer.ErrBusy)
		fails(t, trainer.SetCallback(0, nil), spottrainer.ErrBusy)
		progress, err := trainer.Progress()
		check(t, err)
		equal(t, progress.Running, true)
		equal(t, progress.TotalSteps, 60)
		info, err := trainer.Info()
		check(t, err)
		equal(t, info.StepsPerEpoch, 20)
		check(t, trainer.RequestCheckpoint())
		return trainer.Close() // in effect when the run has ended
	}))
	result := run(t, trainer)
	equal(t, result.Reason, spottrainer.RunDone)
	equal(t, fmt.Sprint(saved), "[request epoch epoch final]")
	_, err := trainer.Step(background, 1)
	equal(t, errors.Is(err, os.ErrClosed), true)
	fails(t, err, spottrainer.ErrInvalidArgument, "the trainer is closed")
}

func TestStart(t *testing.T) {
	trainer := newTrainer(t, t.TempDir(), nil)
	run := trainer.Start(background, nil, spottrainer.EventAll)
	counts := map[spottrainer.EventKind]int{}
	run.Events()(func(event spottrainer.Event) bool { // range run.Events() since Go 1.23
		counts[event.Kind]++
		if event.Kind == spottrainer.EventStep {
			equal(t, event.Loss > 0 && event.LearningRate > 0, true)
		}
		return event.Kind != spottrainer.EventStep || event.Step < 50
	})
	result, err := run.Wait()
	check(t, err)
	equal(t, result.Reason, spottrainer.RunDone)
	for event, more := run.Next(); more; event, more = run.Next() {
		counts[event.Kind]++
	}
	equal(t, counts[spottrainer.EventStep], 60)
	equal(t, counts[spottrainer.EventEpochEnd], 3)
	equal(t, counts[spottrainer.EventRunEnd], 1)
	equal(t, run.Dropped(), 0)

	closed := newTrainer(t, "", nil)
	check(t, closed.Close())
	_, err = closed.Start(background, nil, spottrainer.EventAll).Wait()
	equal(t, errors.Is(err, os.ErrClosed), true)
}

func TestNobodyReadsTheSteps(t *testing.T) {
	defer spottrainer.KeepEvents(spottrainer.KeepEvents(40))
	run := newTrainer(t, t.TempDir(), nil).Start(background, nil, spottrainer.EventStep|spottrainer.EventRunEnd)
	_, err := run.Wait()
	check(t, err)
	equal(t, run.Dropped(), 20)
	var last spottrainer.Event
	kept := 0
	for event, more := run.Next(); more; event, more = run.Next() {
		last = event
		kept++
	}
	equal(t, kept, 41)
	equal(t, last.Kind, spottrainer.EventRunEnd)
	equal(t, last.RunReason, spottrainer.RunDone)
}

func TestManyGoroutines(t *testing.T) {
	trainer := newTrainer(t, "", nil)
	var waiting sync.WaitGroup
	for i := 0; i < 8; i++ {
		waiting.Add(1)
		go func() {
			defer waiting.Done()
			for steps := 0; steps < 5; {
				_, err := trainer.Step(background, 1)
				if err == nil {
					steps++
				} else if !errors.Is(err, spottrainer.ErrBusy) {
					t.Error(err)
					return
				}
				if _, err := trainer.Info(); err != nil {
					t.Error(err)
				}
				runtime.Gosched()
			}
		}()
	}
	waiting.Wait()
	other := newTrainer(t, "", nil)
	_, err := other.Step(background, 40)
	check(t, err)
	equal(t, hashOf(t, trainer), hashOf(t, other))
}

func TestCloseWhileInUse(t *testing.T) {
	trainer := newTrainer(t, "", nil)
	entered, closed := make(chan bool), make(chan bool)
	atStep(t, trainer, 1, func() error { close(entered); <-closed; return nil })
	go func() {
		<-entered
		trainer.Close()
		close(closed)
	}()
	metrics, err := trainer.Step(background, 3)
	check(t, err)
	equal(t, metrics.Step, 3)
}

func TestForgottenHandlesAreFreed(t *testing.T) {
	released := make(chan bool)
	func() {
		dataset, err := spottrainer.NewDatasetWith(arrays(), func() { close(released) })
		check(t, err)
		config, err := spottrainer.NewConfig(settings("", nil))
		check(t, err)
		trainer, err := spottrainer.NewTrainer(background, config, dataset)
		check(t, err)
		_, err = trainer.Step(background, 1)
		check(t, err)
	}()
	deadline := time.After(20 * time.Second)
	for {
		runtime.GC()
		select {
		case <-released:
			return
		case <-deadline:
			t.Fatal("the arrays are still in use")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestConfig(t *testing.T) {
	config := newConfig(t, spottrainer.Settings{"learning_rate": float32(0.5), "seed": uint8(7), "nesterov": true})
	rate, err := config.Float("learning_rate")
	check(t, err)
	equal(t, rate, 0.5)
	epochs, err := config.Float("epochs")
	check(t, err)
	equal(t, epochs, 12)
	_, err = config.Float("nesterov")
	fails(t, err, spottrainer.ErrConfig, "nesterov")
	flag, err := config.Int("nesterov")
	check(t, err)
	equal(t, flag, 1)
	check(t, config.Set("seed", "11"))
	clone, err := config.Clone()
	check(t, err)
	defer clone.Close()
	check(t, config.Unset("seed"))
	seed, err := config.Text("seed")
	check(t, err)
	equal(t, seed, "1")
	seed, err = clone.Text("seed")
	check(t, err)
	equal(t, seed, "11")
	var keys []struct{ Name string }
	check(t, json.Unmarshal(spottrainer.DescribeConfig(), &keys))
	equal(t, len(keys) > 40, true)
}

func TestTensors(t *testing.T) {
	trainer := newTrainer(t, "", nil)
	_, err := trainer.Step(background, 3)
	check(t, err)
	info, err := trainer.Info()
	check(t, err)
	tensors, err := trainer.Tensors()
	check(t, err)
	equal(t, uint64(len(tensors)), info.TensorCount)
	state := make([]float32, info.StateSize)
	check(t, trainer.ReadTensor("", state))
	hash := hashOf(t, trainer)
	for _, tensor := range tensors {
		values := make([]float32, tensor.Size)
		check(t, trainer.ReadTensor(tensor.Name, values))
		equal(t, same(values, state[tensor.Offset:tensor.Offset+tensor.Size]), true)
		size := int64(1)
		for _, length := range tensor.Shape {
			size *= length
		}
		equal(t, size, int64(tensor.Size))
	}
	equal(t, tensors[0].Role, spottrainer.RoleParameter)
	check(t, trainer.WriteTensor(tensors[0].Name, make([]float32, tensors[0].Size)))
	equal(t, hashOf(t, trainer) == hash, false)
	check(t, trainer.WriteTensor("", state))
	equal(t, hashOf(t, trainer), hash)
	var statistics []struct{ Name string }
	answer, err := trainer.Statistics()
	check(t, err)
	check(t, json.Unmarshal(answer, &statistics))
	equal(t, statistics[0].Name, tensors[0].Name)
}

// What a slice is cut out of may hold pointers of Go's: they stay on this side of the border.
func TestSlicesBesidePointers(t *testing.T) {
	type beside struct {
		pointer *beside
		bytes   [9 << 20]uint8
		floats  [2 << 20]float32
		labels  [320]int64
	}
	place := new(beside)
	place.pointer = place

	trainer := newTrainer(t, "", nil)
	info, err := trainer.Info()
	check(t, err)
	state := place.floats[:info.StateSize]
	check(t, trainer.ReadTensor("", state))
	check(t, trainer.WriteTensor("", state))
	file, err := trainer.Serialize()
	check(t, err)
	checkpoint, err := spottrainer.OpenCheckpointBytes(place.bytes[:copy(place.bytes[:], file)])
	check(t, err)
	check(t, checkpoint.ReadTensor("", state))
	model, err := checkpoint.OpenModel(nil)
	check(t, err)
	check(t, model.ReadTensor("", state[:model.Info().StateSize]))

	images, labels := formula(0, 320, 28*28)
	want, err := model.PredictUint8(background, images)
	check(t, err)
	got, err := model.PredictUint8(background, place.bytes[:copy(place.bytes[:], images)])
	check(t, err)
	equal(t, same(got, want), true)
	for i, value := range images {
		place.floats[i] = float32(value) / 255
	}
	want, err = model.PredictFloat32(background, append([]float32(nil), place.floats[:len(images)]...))
	check(t, err)
	got, err = model.PredictFloat32(background, place.floats[:len(images)])
	check(t, err)
	equal(t, same(got, want), true)
	for i, label := range labels {
		place.labels[i] = int64(label)
	}
	dataset, err := spottrainer.NewDataset(spottrainer.Arrays[float32, int64]{
		Rows: 28, Columns: 28, Channels: 1, TrainImages: place.floats[:len(images)], TrainLabels: place.labels[:],
	})
	check(t, err)
	check(t, dataset.Close())
}

func TestEmptySlices(t *testing.T) {
	trainer := newTrainer(t, "", nil)
	fails(t, trainer.ReadTensor("", nil), spottrainer.ErrInvalidArgument)
	fails(t, trainer.WriteTensor("", nil), spottrainer.ErrInvalidArgument)
	_, err := spottrainer.OpenCheckpointBytes(nil)
	fails(t, err, spottrainer.ErrCorrupt)
	model, err := trainer.OpenModel(nil)
	check(t, err)
	probabilities, err := model.PredictUint8(background, nil)
	check(t, err)
	equal(t, len(probabilities), 0)
}

func TestEvaluation(t *testing.T) {
	trainer := newTrainer(t, "", spottrainer.Settings{"validation_size": 20})
	for split, samples := range map[spottrainer.Split]uint64{
		spottrainer.SplitTrain: 300, spottrainer.SplitValidation: 20, spottrainer.SplitTest: 64,
	} {
		metrics, err := trainer.Evaluate(background, split)
		check(t, err)
		equal(t, metrics.Samples, samples)
		equal(t, math.IsNaN(metrics.LearningRate), true)
		confusion, err := trainer.Confusion(background, split)
		check(t, err)
		right, all := uint64(0), uint64(0)
		for label, predictions := range confusion {
			right += predictions[label]
			for _, count := range predictions {
				all += count
			}
		}
		equal(t, all, samples)
		equal(t, math.Abs(float64(right)/float64(all)-metrics.Accuracy) < 1e-9, true)
	}
}

func TestCheckpoints(t *testing.T) {
	volume := t.TempDir()
	trainer := newTrainer(t, volume, nil)
	_, err := trainer.Step(background, 2)
	check(t, err)
	report, err := trainer.Checkpoint(background)
	check(t, err)
	equal(t, report.Step, 2)
	equal(t, report.DurableMS > 0, true)
	checkpoint, err := spottrainer.OpenCheckpoint(background, report.Path)
	check(t, err)
	info, err := checkpoint.Info()
	check(t, err)
	equal(t, info.SaveReason, spottrainer.SaveRequest)
	equal(t, info.Path, report.Path)
	equal(t, time.Since(info.Created) < time.Minute, true)
	tensors, err := checkpoint.Tensors()
	check(t, err)
	check(t, checkpoint.ReadTensor(tensors[0].Name, make([]float32, tensors[0].Size)))
	check(t, checkpoint.Export(background, filepath.Join(t.TempDir(), "model")))
	config, err := checkpoint.Config()
	check(t, err)
	size, err := config.Int("batch_size")
	check(t, err)
	equal(t, size, 16)
	var shown struct{ Step int }
	answer, err := checkpoint.Describe()
	check(t, err)
	check(t, json.Unmarshal(answer, &shown))
	equal(t, shown.Step, 2)

	verification, err := spottrainer.VerifyCheckpoints(background, volume)
	check(t, err)
	equal(t, verification.Good, 1)
	equal(t, verification.Bad, 0)
	equal(t, json.Valid(verification.Files), true)
	found, err := spottrainer.CheckVolume(background, newConfig(t, settings(volume, nil)), trainer)
	check(t, err)
	check(t, found.Failure)
	equal(t, strings.Contains(string(found.Checks), `"room"`), true)
}

func TestBenchmark(t *testing.T) {
	config := newConfig(t, settings("", nil))
	answer, err := spottrainer.Benchmark(background, config, ownDataset(t), 0.05)
	check(t, err)
	equal(t, strings.Contains(string(answer), "train_samples_per_second"), true)
	_, err = spottrainer.Benchmark(background, config, nil, 0)
	fails(t, err, spottrainer.ErrInvalidArgument)
}

func TestBuildInfo(t *testing.T) {
	equal(t, buildInfo(t).Version, spottrainer.Version())
}

func buildInfo(t *testing.T) (info struct{ Version, Library string }) {
	t.Helper()
	check(t, json.Unmarshal(spottrainer.BuildInfo(), &info))
	return info
}

// The program in the README is what it says.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	check(t, err)
	_, program, found := strings.Cut(string(text), "```go\n")
	program, _, closed := strings.Cut(program, "```\n")
	equal(t, found && closed, true)
	source := filepath.Join(t.TempDir(), "main.go")
	check(t, os.WriteFile(source, []byte(program), 0o600))
	formatted, err := exec.Command("gofmt", "-l", source).CombinedOutput()
	check(t, err)
	equal(t, string(formatted), "")
	output, err := exec.Command("go", "run", source, t.TempDir()).CombinedOutput()
	if err != nil || !strings.HasPrefix(string(output), "done at step 40") {
		t.Fatalf("%v: %s", err, output)
	}
}
