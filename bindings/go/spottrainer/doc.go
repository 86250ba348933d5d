// Package spottrainer trains neural networks on machines that can vanish, and loses nothing. It is spot_trainer.h for
// Go: a [Trainer] runs a training job on a volume, a folder that outlives the machine; a [Poller] hears that the machine
// is about to be taken away; the run makes a last checkpoint durable in time, and goes on from it on the next machine.
// The state after step n depends on the configuration, the data and the seed alone.
//
//	config, err := spottrainer.NewConfig(spottrainer.Settings{"volume": "/mnt/data", "dataset": "mnist"})
//	poller, err := spottrainer.NewPoller(config)
//	trainer, err := spottrainer.NewTrainer(ctx, config, nil)
//	result, err := trainer.Run(ctx, poller)
//
// Words, keys and limits are those of the header, which says more about each of them.
//
// # Goroutines
//
// A Trainer takes one call at a time: a second one answers [ErrBusy] and does nothing. [Trainer.Info],
// [Trainer.Progress], [Trainer.RequestCheckpoint] and Close are the exception. Everything else may be used from any number
// of goroutines at once, but for a [Waiter], which belongs to one. A call occupies a thread of the operating system until
// it returns. Callbacks arrive on the goroutine that called; the receiver of a log may be called from anywhere.
//
// # Contexts
//
// Each call that can take long takes a context. When that is done training stops at the next step boundary, and
// everything else within a second. [Trainer.Run] then saves, and returns a result, as a run that was cancelled has not
// failed; every other call returns an error that is both [ErrCancelled] and the context's.
//
// # Lifetime
//
// Close frees a handle; it may be called more than once, in any order, and while calls are using the handle: the last of
// them frees it. What was created from a handle keeps what it needs. A handle that is forgotten is freed by the garbage
// collector some time. Better close a trainer, which holds its volume until then, and for ever when its callback refers to
// it.
//
// # Errors
//
// A call of the library that fails returns an *[Error]. errors.Is compares it with the codes ([ErrData] and so on) and
// with the system's errors (fs.ErrNotExist, syscall.ENOSPC); it unwraps to what a callback returned, or to the context's
// error. A handle that is closed answers os.ErrClosed.
package spottrainer
