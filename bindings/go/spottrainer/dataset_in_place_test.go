//go:build go1.21

package spottrainer_test

import (
	"log/slog"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/spot-trainer/spot-trainer/bindings/go/spottrainer"
)

var _ spottrainer.Logger = (*slog.Logger)(nil)

func TestOwnDataInPlace(t *testing.T) {
	var released atomic.Int32
	place := new(struct {
		pointer *atomic.Int32 // which the library must not be shown
		images  [320 * 28 * 28]uint8
	})
	place.pointer = &released
	inPlace := arrays()
	copy(place.images[:], inPlace.TrainImages)
	inPlace.TrainImages = place.images[:]
	dataset, err := spottrainer.NewDatasetInPlace(inPlace, func() { released.Add(1) })
	check(t, err)
	trainer, err := spottrainer.NewTrainer(background, newConfig(t, settings(t.TempDir(), nil)), dataset)
	check(t, err)
	check(t, dataset.Close())
	check(t, trainer.SetCallback(spottrainer.EventEpochBegin, func(spottrainer.Event) error {
		runtime.GC()
		return nil
	}))
	equal(t, run(t, trainer).StateHash, uninterrupted(t, nil))
	equal(t, released.Load(), 0)
	check(t, trainer.Close())
	equal(t, released.Load(), 1)

	short := arrays()
	short.TrainImages = short.TrainImages[1:]
	_, err = spottrainer.NewDatasetInPlace(short, func() { released.Add(1) })
	fails(t, err, spottrainer.ErrInvalidArgument)
	equal(t, released.Load(), 2)
}
