package spottrainer_test

// The scenarios that the bindings of all languages pass, under the same names.

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spot-trainer/spot-trainer/bindings/go/spottrainer"
)

func TestTrain(t *testing.T) {
	one := run(t, newTrainer(t, t.TempDir(), spottrainer.Settings{"threads": 1}))
	equal(t, one.Reason, spottrainer.RunDone)
	equal(t, one.Step, 60)
	equal(t, one.Epoch, 3)
	equal(t, one.Durable, true)
	equal(t, one.Resumed, false)
	check(t, one.SaveErr)
	equal(t, math.IsNaN(one.TestAccuracy), false)
	equal(t, math.IsNaN(one.NoticeToDurableMS), true)
	if _, err := os.Stat(one.ModelPath); err != nil {
		t.Fatal(err)
	}
	equal(t, uninterrupted(t, spottrainer.Settings{"threads": 2}), one.StateHash)
}

func TestNotice(t *testing.T) {
	volume := t.TempDir()
	poller := newPoller(t)
	trainer := newTrainer(t, volume, nil)
	var told spottrainer.Event
	check(t, trainer.SetCallback(spottrainer.EventStep|spottrainer.EventNotice, func(event spottrainer.Event) error {
		if event.Kind == spottrainer.EventNotice {
			told = event
		} else if event.Step == 25 {
			_, err := poller.Notify(spottrainer.ActionTerminate, "test", "the machine goes", 120)
			return err
		}
		return nil
	}))
	result, err := trainer.Run(background, poller)
	check(t, err)
	equal(t, result.Reason, spottrainer.RunInterrupted)
	equal(t, result.Durable, true)
	if result.NoticeToDurableMS <= 0 || result.SecondsLeft <= 0 || result.SecondsLeft > 120 {
		t.Fatalf("durable after %v ms, %v s before the end", result.NoticeToDurableMS, result.SecondsLeft)
	}
	equal(t, told.Action, spottrainer.ActionTerminate)
	equal(t, told.Source+": "+told.Detail, "test: the machine goes")
	equal(t, told.EndsRun, true)
	check(t, trainer.Close())

	resumed := run(t, newTrainer(t, volume, nil))
	equal(t, resumed.Resumed, true)
	equal(t, resumed.Reason, spottrainer.RunDone)
	equal(t, resumed.StateHash, uninterrupted(t, nil))
}

func TestKill(t *testing.T) {
	volume := t.TempDir()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "SPOT_TEST_CHILD=train", "SPOT_TEST_HOLD=37", "SPOT_TEST_VOLUME="+volume)
	child.Stderr = os.Stderr
	output, err := child.StdoutPipe()
	check(t, err)
	_, err = child.StdinPipe() // which the child reads from at that step, and nobody writes to
	check(t, err)
	check(t, child.Start())
	for lines := bufio.NewScanner(output); lines.Scan() && lines.Text() != "step 37"; {
	}
	for deadline := soon(t); ; { // a checkpoint becomes durable, if it is not yet, while the child is held
		verification, err := spottrainer.VerifyCheckpoints(deadline, volume)
		if err == nil && verification.Good > 0 {
			break
		} else if err != nil && !errors.Is(err, spottrainer.ErrNotFound) {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	check(t, child.Process.Kill())
	if err := child.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Fatalf("the child ended otherwise: %v", err)
	}

	again := exec.Command(os.Args[0])
	again.Env = append(os.Environ(), "SPOT_TEST_CHILD=train", "SPOT_TEST_VOLUME="+volume)
	again.Stderr = os.Stderr
	text, err := again.Output()
	check(t, err)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	var result spottrainer.RunResult
	check(t, json.Unmarshal([]byte(lines[len(lines)-1]), &result))
	equal(t, result.Reason, spottrainer.RunDone)
	equal(t, result.Resumed, true)
	equal(t, result.StateHash, uninterrupted(t, nil))
}

// trainAsChild runs to the end, and prints the steps and the result.
func trainAsChild(volume string) {
	config, err := spottrainer.NewConfig(settings(volume, spottrainer.Settings{"checkpoint_steps": 10}))
	fatal(err)
	dataset, err := spottrainer.NewDataset(arrays())
	fatal(err)
	trainer, err := spottrainer.NewTrainer(background, config, dataset)
	fatal(err)
	fatal(trainer.SetCallback(spottrainer.EventStep, func(event spottrainer.Event) error {
		fmt.Println("step", event.Step)
		if fmt.Sprint(event.Step) == os.Getenv("SPOT_TEST_HOLD") {
			os.Stdin.Read(make([]byte, 1)) // until it is killed
		}
		return nil
	}))
	result, err := trainer.Run(background, nil)
	fatal(err)
	printJSON(struct {
		Reason    spottrainer.RunReason
		Resumed   bool
		StateHash string
	}{result.Reason, result.Resumed, result.StateHash})
}

func TestResume(t *testing.T) {
	volume := t.TempDir()
	trainer := newTrainer(t, volume, nil)
	atStep(t, trainer, 33, func() error { return fmt.Errorf("enough: %w", spottrainer.Stop) })
	stopped := run(t, trainer)
	equal(t, stopped.Reason, spottrainer.RunStopped)
	equal(t, stopped.Step, 33)
	equal(t, stopped.Durable, true)
	check(t, trainer.Close())

	again := newTrainer(t, volume, nil)
	result := run(t, again)
	equal(t, result.Resumed, true)
	equal(t, result.StateHash, uninterrupted(t, nil))
	equal(t, hashOf(t, again), result.StateHash)
}

func TestFence(t *testing.T) {
	volume := t.TempDir()
	first := newTrainer(t, volume, spottrainer.Settings{"checkpoint_steps": 10})
	second := newTrainer(t, volume, spottrainer.Settings{"takeover": true})
	atStep(t, first, 15, func() error { return second.Restore(background, "") })
	_, err := first.Run(background, nil)
	fails(t, err, spottrainer.ErrFenced)
	equal(t, run(t, second).StateHash, uninterrupted(t, nil))
}

func TestCancel(t *testing.T) {
	volume := t.TempDir()
	first := newTrainer(t, volume, nil)
	ctx, cancel := context.WithCancel(background)
	atStep(t, first, 25, func() error { cancel(); return nil })
	result, err := first.Run(ctx, nil)
	check(t, err)
	equal(t, result.Reason, spottrainer.RunCancelled)
	equal(t, result.Durable, true)
	equal(t, result.Step, 25)

	// The first one still has the volume.
	second := newTrainer(t, volume, spottrainer.Settings{"lease_wait_seconds": 3600})
	waiting, stop := context.WithTimeout(background, 100*time.Millisecond)
	defer stop()
	_, err = second.Checkpoint(waiting)
	fails(t, err, spottrainer.ErrCancelled)
	equal(t, errors.Is(err, context.DeadlineExceeded), true)
	result, err = second.Run(waiting, nil)
	check(t, err)
	equal(t, result.Reason, spottrainer.RunCancelled)
	_, err = second.Step(waiting, 5)
	fails(t, err, spottrainer.ErrCancelled)

	check(t, first.Close())
	again := run(t, second)
	equal(t, again.Resumed, true)
	equal(t, again.StateHash, uninterrupted(t, nil))
}

func TestBadInput(t *testing.T) {
	config := newConfig(t, nil)
	fails(t, config.Set("bach_size", 16), spottrainer.ErrConfig, "bach_size")
	fails(t, config.Set("batch_size", 0), spottrainer.ErrConfig, "batch_size", "65536")
	fails(t, config.Set("batch_size", uint64(math.MaxUint64)), spottrainer.ErrConfig, "batch_size")
	fails(t, config.Set("batch_size", "many"), spottrainer.ErrConfig, "batch_size")
	fails(t, config.Set("batch_size", []int{16}), spottrainer.ErrInvalidArgument, "batch_size", "[]int")
	fails(t, config.Set("volume", "a\x00b"), spottrainer.ErrInvalidArgument, "zero byte")
	_, err := spottrainer.NewConfig(spottrainer.Settings{"epochs": 1, "bach_size": 16})
	fails(t, err, spottrainer.ErrConfig, "bach_size")
	_, err = config.Int("volume")
	fails(t, err, spottrainer.ErrConfig, "volume")

	short := arrays()
	short.TrainImages = short.TrainImages[1:]
	_, err = spottrainer.NewDataset(short)
	fails(t, err, spottrainer.ErrInvalidArgument, "train_images")
	negative := arrays()
	negative.Rows = -28
	_, err = spottrainer.NewDataset(negative)
	fails(t, err, spottrainer.ErrInvalidArgument)
	label := arrays()
	label.TrainLabels[7] = 10
	_, err = spottrainer.NewDataset(label)
	fails(t, err, spottrainer.ErrData, "10")
	_, err = spottrainer.NewDataset(spottrainer.Arrays[uint8, uint8]{})
	fails(t, err, spottrainer.ErrInvalidArgument)

	volume := t.TempDir()
	trainer := newTrainer(t, volume, nil)
	report, err := trainer.Checkpoint(background)
	check(t, err)
	bytes, err := os.ReadFile(report.Path)
	check(t, err)
	bytes[len(bytes)/2] ^= 1
	damaged := filepath.Join(t.TempDir(), "damaged.spck")
	check(t, os.WriteFile(damaged, bytes, 0o600))
	_, err = spottrainer.OpenCheckpoint(background, damaged)
	fails(t, err, spottrainer.ErrCorrupt, damaged)
	fails(t, trainer.Restore(background, damaged), spottrainer.ErrCorrupt, damaged)
	_, err = spottrainer.OpenCheckpointBytes(bytes)
	fails(t, err, spottrainer.ErrCorrupt)
	var failed *spottrainer.Error
	equal(t, errors.As(err, &failed) && failed.ByteOffset >= 0, true)
	equal(t, errors.Is(err, spottrainer.ErrData), false)

	_, err = spottrainer.OpenCheckpoint(background, filepath.Join(volume, "nothing"))
	fails(t, err, spottrainer.ErrNotFound, "nothing")
	equal(t, errors.Is(err, fs.ErrNotExist), true)
	fails(t, trainer.ReadTensor("nothing", make([]float32, 3)), spottrainer.ErrNotFound, "nothing")
	fails(t, trainer.ReadTensor("", make([]float32, 3)), spottrainer.ErrInvalidArgument)
	_, err = newTrainer(t, "", nil).Run(background, nil)
	fails(t, err, spottrainer.ErrConfig, "volume")
}

func TestOwnData(t *testing.T) {
	images, labels := formula(0, 80, 12*10*3)
	colours := spottrainer.Arrays[uint8, int64]{Name: "colours", Rows: 12, Columns: 10, Channels: 3, TrainImages: images}
	floats := spottrainer.Arrays[float32, int32]{Rows: 12, Columns: 10, Channels: 3, Classes: 12}
	for _, label := range labels {
		colours.TrainLabels = append(colours.TrainLabels, int64(label))
		floats.TrainLabels = append(floats.TrainLabels, int32(label))
	}
	for _, value := range images {
		floats.TrainImages = append(floats.TrainImages, float32(value)/255)
	}
	hash := trainOn(t, colours, spottrainer.DatasetInfo{
		Name: "colours", Rows: 12, Columns: 10, Channels: 3, Classes: 10, TrainSamples: 80,
	})
	equal(t, hash != "", true)
	trainOn(t, floats, spottrainer.DatasetInfo{
		Name: "memory", Rows: 12, Columns: 10, Channels: 3, Classes: 12, TrainSamples: 80, Float32: true,
	})
	_, err := spottrainer.NewDatasetWith(spottrainer.Arrays[uint8, uint8]{Name: "a\x00b"}, func() {})
	fails(t, err, spottrainer.ErrInvalidArgument, "zero byte")
}

// trainOn trains on arrays without a test set, and sees that they are released once, when nobody uses them any more.
func trainOn[P spottrainer.Pixel, L spottrainer.Label](t *testing.T, arrays spottrainer.Arrays[P, L],
	want spottrainer.DatasetInfo) string {
	t.Helper()
	var released atomic.Int32
	dataset, err := spottrainer.NewDatasetWith(arrays, func() { released.Add(1) })
	check(t, err)
	info, err := dataset.Info()
	check(t, err)
	equal(t, len(info.Fingerprint), 32)
	info.Fingerprint = ""
	equal(t, info, want)

	config := newConfig(t, settings(t.TempDir(), nil))
	trainer, err := spottrainer.NewTrainer(background, config, dataset)
	check(t, err)
	check(t, dataset.Close())
	check(t, dataset.Close())
	result := run(t, trainer)
	equal(t, result.Reason, spottrainer.RunDone)
	equal(t, math.IsNaN(result.TestAccuracy), true)
	_, err = trainer.Evaluate(background, spottrainer.SplitTest)
	fails(t, err, spottrainer.ErrOrder)
	equal(t, released.Load(), 0)
	check(t, trainer.Close())
	equal(t, released.Load(), 1)
	return result.StateHash
}

func TestPredict(t *testing.T) {
	volume := t.TempDir()
	trainer := newTrainer(t, volume, nil)
	run(t, trainer)
	// One for all: with another batch size oneDNN may round sums otherwise.
	config := newConfig(t, spottrainer.Settings{"threads": 1, "batch_size": 16})
	images, _ := formula(0, 40, 28*28)

	live, err := trainer.OpenModel(config)
	check(t, err)
	want, err := live.PredictUint8(background, images)
	check(t, err)
	equal(t, len(want), 40*10)
	sum := float32(0)
	for _, probability := range want[:10] {
		sum += probability
	}
	equal(t, math.Abs(float64(sum)-1) < 1e-4, true)

	prefix := filepath.Join(t.TempDir(), "model")
	check(t, trainer.Export(background, prefix))
	checkpoint, err := spottrainer.OpenCheckpoint(background, volume)
	check(t, err)
	fromCheckpoint, err := checkpoint.OpenModel(config)
	check(t, err)
	check(t, checkpoint.Close())
	fromVolume, err := spottrainer.OpenModel(background, volume, config)
	check(t, err)
	exported, err := spottrainer.OpenModel(background, prefix+".safetensors", config)
	check(t, err)
	equal(t, fromVolume.Info().Step, 60)
	equal(t, exported.Info().Classes, 10)
	floats := make([]float32, len(images))
	for i, value := range images {
		floats[i] = float32(value) / 255
	}
	for name, model := range map[string]*spottrainer.Model{
		"checkpoint": fromCheckpoint, "volume": fromVolume, "exported": exported, "trainer": live,
	} {
		var waiting sync.WaitGroup
		for i := 0; i < 8; i++ {
			waiting.Add(1)
			go func(name string, model *spottrainer.Model) {
				defer waiting.Done()
				got, err := model.PredictUint8(background, images)
				if err != nil || !same(got, want) {
					t.Errorf("%s: other numbers, %v", name, err)
				}
			}(name, model)
		}
		waiting.Wait()
		got, err := model.PredictFloat32(background, floats)
		check(t, err)
		equal(t, len(got), len(want))
	}
	_, err = live.PredictUint8(background, images[1:])
	fails(t, err, spottrainer.ErrInvalidArgument)
	cancelled, cancel := context.WithCancel(background)
	cancel()
	_, err = live.PredictUint8(cancelled, images)
	fails(t, err, spottrainer.ErrCancelled)
	tensors, err := exported.Tensors()
	check(t, err)
	check(t, exported.ReadTensor(tensors[0].Name, make([]float32, tensors[0].Size)))
}

func same(got, want []float32) bool {
	for i := range want {
		if len(got) != len(want) || got[i] != want[i] {
			return false
		}
	}
	return true
}

func TestPoller(t *testing.T) {
	poller := newPoller(t)
	health, err := poller.Health()
	check(t, err)
	equal(t, health.Disabled, true)
	early := poller.NewWaiter()
	_, found, err := early.Look()
	check(t, err)
	equal(t, found, false)

	hears := make(chan spottrainer.Notice, 4)
	go func() {
		for waiter := poller.NewWaiter(); ; {
			notice, err := waiter.Wait(background)
			if err != nil {
				close(hears) // the poller is closed
				return
			}
			hears <- notice
		}
	}()
	id, err := poller.Notify(spottrainer.ActionRebalance, "", "better leave", math.NaN())
	check(t, err)
	check(t, poller.Withdraw(id))
	fails(t, poller.Withdraw(id), spottrainer.ErrNotFound)
	for _, next := range []func() spottrainer.Notice{
		func() spottrainer.Notice { return <-hears },
		func() spottrainer.Notice { notice, err := early.Wait(soon(t)); check(t, err); return notice },
	} {
		first, second := next(), next()
		equal(t, first.Action, spottrainer.ActionRebalance)
		equal(t, first.Source+": "+first.Detail, "host: better leave")
		equal(t, math.IsNaN(first.SecondsLeft), true)
		equal(t, first.Withdrawn, false)
		equal(t, second.Withdrawn, true)
		equal(t, first.ID, id)
		equal(t, second.ID, id)
	}

	brief, cancel := context.WithTimeout(background, 20*time.Millisecond)
	defer cancel()
	_, err = early.Wait(brief)
	fails(t, err, spottrainer.ErrCancelled)
	equal(t, errors.Is(err, context.DeadlineExceeded), true)
	check(t, poller.Close())
	if _, open := <-hears; open {
		t.Fatal("a notice out of nothing")
	}
	_, err = early.Wait(background)
	equal(t, errors.Is(err, os.ErrClosed), true)
}

func TestMemory(t *testing.T) {
	trainer := newTrainer(t, "", nil)
	metrics, err := trainer.Step(background, 7)
	check(t, err)
	equal(t, metrics.Steps, 7)
	equal(t, metrics.Samples, 7*16)
	hash := hashOf(t, trainer)
	bytes, err := trainer.Serialize()
	check(t, err)
	checkpoint, err := spottrainer.OpenCheckpointBytes(bytes)
	check(t, err)
	info, err := checkpoint.Info()
	check(t, err)
	equal(t, info.StateHash, hash)
	equal(t, info.Step, 7)
	equal(t, info.Path, "")
	equal(t, info.Bytes, uint64(len(bytes)))

	other := newTrainer(t, "", nil)
	check(t, other.RestoreFrom(checkpoint))
	equal(t, hashOf(t, other), hash)
	check(t, checkpoint.Close())
	fails(t, other.RestoreFrom(checkpoint), spottrainer.ErrInvalidArgument, "checkpoint is closed")
}

func TestLog(t *testing.T) {
	type message struct {
		level spottrainer.LogLevel
		text  string
	}
	volume := t.TempDir()
	config := newConfig(t, settings(volume, nil))
	var mutex sync.Mutex
	var received []message
	check(t, config.SetLog(spottrainer.LogDebug, func(level spottrainer.LogLevel, text string) {
		mutex.Lock()
		defer mutex.Unlock()
		received = append(received, message{level, text})
	}))
	trainer, err := spottrainer.NewTrainer(background, config, ownDataset(t))
	check(t, err)
	run(t, trainer)
	check(t, trainer.Close())
	mutex.Lock()
	count := len(received)
	if count == 0 || received[0].text == "" || strings.Contains(received[0].text, "\n") {
		t.Fatalf("received %v", received)
	}
	mutex.Unlock()

	// A run on a volume without a good checkpoint has something to say at every level but the gravest.
	queue, err := spottrainer.NewLogQueue(spottrainer.LogInfo, 100)
	check(t, err)
	check(t, config.SetLogQueue(queue))
	again, err := spottrainer.NewTrainer(background, config, ownDataset(t))
	check(t, err)
	run(t, again)
	check(t, again.Close())
	mutex.Lock()
	equal(t, len(received), count)
	mutex.Unlock()
	level, text, err := queue.Next(soon(t))
	check(t, err)
	equal(t, level <= spottrainer.LogInfo && text != "", true)
	for found := true; found; {
		level, _, found, err = queue.Look()
		check(t, err)
		equal(t, level <= spottrainer.LogInfo, true)
	}
	brief, cancel := context.WithTimeout(background, 20*time.Millisecond)
	defer cancel()
	_, _, err = queue.Next(brief)
	fails(t, err, spottrainer.ErrCancelled)
	go queue.Close() // before it waits, or then
	_, _, err = queue.Next(background)
	equal(t, errors.Is(err, os.ErrClosed), true)
	_, err = spottrainer.NewLogQueue(spottrainer.LogInfo, -1)
	fails(t, err, spottrainer.ErrInvalidArgument)
	check(t, config.SetLog(spottrainer.LogError, nil))
}

func useStubAsChild() {
	_, err := spottrainer.NewConfig(nil)
	fmt.Println(errors.Is(err, spottrainer.ErrUnsupported), err)
}
