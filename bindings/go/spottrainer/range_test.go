//go:build go1.23

package spottrainer_test

import (
	"testing"

	"github.com/spot-trainer/spot-trainer/bindings/go/spottrainer"
)

func TestRangeOverEvents(t *testing.T) {
	run := newTrainer(t, t.TempDir(), nil).Start(background, nil, spottrainer.EventStep)
	steps := 0
	for event := range run.Events() {
		if steps++; event.Step == 30 {
			break
		}
	}
	equal(t, steps, 30)
	result, err := run.Wait() // the run goes on without its reader
	check(t, err)
	equal(t, result.Step, 60)
}
