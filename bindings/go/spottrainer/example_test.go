package spottrainer_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math"
	"os"
	"os/signal"
	"syscall"

	"github.com/spot-trainer/spot-trainer/bindings/go/spottrainer"
)

// quarters is a dataset of 8 x 8 pixels: one quarter of each image is bright, and its number is the class.
func quarters() spottrainer.Arrays[uint8, uint8] {
	arrays := spottrainer.Arrays[uint8, uint8]{Name: "quarters", Rows: 8, Columns: 8, Channels: 1}
	for image := 0; image < 320; image++ {
		arrays.TrainLabels = append(arrays.TrainLabels, uint8(image%4))
		for pixel := 0; pixel < 64; pixel++ {
			value := uint8(image * pixel % 50)
			if pixel/32*2+pixel%8/4 == image%4 {
				value += 150
			}
			arrays.TrainImages = append(arrays.TrainImages, value)
		}
	}
	arrays.TestImages, arrays.TestLabels = arrays.TrainImages[:40*64], arrays.TrainLabels[:40]
	return arrays
}

// A run that survives a notice, SIGTERM and Ctrl-C: start the program again, and it goes on.
func Example() {
	volume, err := os.MkdirTemp("", "volume") // a folder that outlives the machine
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(volume)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()

	config, err := spottrainer.NewConfig(spottrainer.Settings{
		"volume": volume, "model": "mlp", "batch_size": 16, "epochs": 3, "metadata": "none",
	})
	if err != nil {
		log.Fatal(err)
	}
	dataset, err := spottrainer.NewDataset(quarters())
	if err != nil {
		log.Fatal(err)
	}
	poller, err := spottrainer.NewPoller(config)
	if err != nil {
		log.Fatal(err)
	}
	trainer, err := spottrainer.NewTrainer(ctx, config, dataset)
	if err != nil {
		log.Fatal(err)
	}
	defer trainer.Close()
	result, err := trainer.Run(ctx, poller)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Reason, "at step", result.Step, "durable:", result.Durable)
	// Output: done at step 60 durable: true
}

func ExampleTrainer_Start() {
	config, err := spottrainer.NewConfig(spottrainer.Settings{"model": "mlp", "batch_size": 16, "epochs": 2})
	if err != nil {
		log.Fatal(err)
	}
	volume, err := os.MkdirTemp("", "volume")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(volume)
	config.Set("volume", volume)
	dataset, err := spottrainer.NewDataset(quarters())
	if err != nil {
		log.Fatal(err)
	}
	trainer, err := spottrainer.NewTrainer(context.Background(), config, dataset)
	if err != nil {
		log.Fatal(err)
	}
	defer trainer.Close()
	run := trainer.Start(context.Background(), nil, spottrainer.EventEpochEnd|spottrainer.EventRunEnd)
	for event, more := run.Next(); more; event, more = run.Next() { // Go 1.23: for event := range run.Events()
		if event.Kind == spottrainer.EventEpochEnd {
			fmt.Printf("epoch %d ended at step %d\n", event.Epoch, event.Step)
		} else {
			fmt.Println(event.RunReason)
		}
	}
	_, err = run.Wait()
	fmt.Println(err)
	// Output:
	// epoch 1 ended at step 20
	// epoch 2 ended at step 40
	// done
	// <nil>
}

func ExampleModel_PredictUint8() {
	config, err := spottrainer.NewConfig(spottrainer.Settings{"model": "mlp", "batch_size": 16})
	if err != nil {
		log.Fatal(err)
	}
	arrays := quarters()
	dataset, err := spottrainer.NewDataset(arrays)
	if err != nil {
		log.Fatal(err)
	}
	trainer, err := spottrainer.NewTrainer(context.Background(), config, dataset)
	if err != nil {
		log.Fatal(err)
	}
	defer trainer.Close()
	if _, err := trainer.Step(context.Background(), 100); err != nil {
		log.Fatal(err)
	}
	model, err := trainer.OpenModel(nil) // spottrainer.OpenModel opens one of a volume or file
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	probabilities, err := model.PredictUint8(context.Background(), arrays.TestImages[:3*64])
	if err != nil {
		log.Fatal(err)
	}
	classes := model.Info().Classes
	for image := 0; image < 3; image++ {
		best := 0
		for class, probability := range probabilities[image*classes : (image+1)*classes] {
			if probability > probabilities[image*classes+best] {
				best = class
			}
		}
		fmt.Println(best)
	}
	// Output:
	// 0
	// 1
	// 2
}

func ExamplePoller() {
	config, err := spottrainer.NewConfig(spottrainer.Settings{"metadata": "none"}) // auto, aws, file:PATH
	if err != nil {
		log.Fatal(err)
	}
	poller, err := spottrainer.NewPoller(config)
	if err != nil {
		log.Fatal(err)
	}
	defer poller.Close()
	poller.Notify(spottrainer.ActionRequest, "", "closing time", math.NaN())
	notice, err := poller.NewWaiter().Wait(context.Background())
	fmt.Println(notice.Action, notice.Source, notice.Detail, err)
	// Output: request host closing time <nil>
}

func ExampleError() {
	_, err := spottrainer.NewConfig(spottrainer.Settings{"optimizer": "newton"})
	fmt.Println(errors.Is(err, spottrainer.ErrConfig))
	var failed *spottrainer.Error
	if errors.As(err, &failed) {
		fmt.Println(failed.Code)
	}
	// Output:
	// true
	// SPOT_E_CONFIG
}
