"""Training runs."""

from __future__ import annotations

import json
from ctypes import byref, c_int32, c_size_t, c_uint64, c_void_p, create_string_buffer, string_at
from typing import TYPE_CHECKING, Any, Callable, Dict, Generator, List, Optional, TextIO, Union

from . import _abi, _bar
from ._arrays import Input, numpy
from ._calls import CANCEL, Callback, Cancel, created, run_call
from ._enums import ElementType, EventKind, Split, Status
from ._errors import SpotError
from ._library import Path, c_path, c_text, call, filled, library, owned_text, sized, take_text
from ._records import Event, Metrics, Progress, RunResult, SaveReport, TrainerInfo, VolumeCheck, record
from ._tensors import HasTensors
from ._trainer_call import RunCall, TrainerCall
from .config import Config
from .dataset import Dataset
from .poller import Poller

if TYPE_CHECKING:
    from .checkpoint import Checkpoint


class Trainer(HasTensors):
    """A training run: dataset, network, optimizer and position, on a volume. It takes one call at a time; `info()`,
    `progress()` and `request_checkpoint()` alone may be called on any thread at any time, during a run too.

    Every method with a parameter `cancel` can take long, and releases the interpreter's lock. An exception of a signal
    handler, Ctrl-C's KeyboardInterrupt say, ends it at the next step, and is raised when it has ended.
    """

    _kind = "trainer"

    def __init__(self, config: Config, dataset: Optional[Dataset] = None, cancel: Optional[Cancel] = None) -> None:
        """Takes the dataset, or what the key dataset names (which may have to be downloaded), and sets the state of
        step 0. Without the key volume it trains all the same, but has no `run()`."""
        self._callers: Dict[TrainerCall, None] = {}  # the first of them has the trainer
        self._callback: Optional[Callback] = None
        self._kinds = 0
        self._last_result: Optional[RunResult] = None
        self._handle = created(
            library.spot_trainer_free,
            library.spot_trainer_create,
            config._use,
            None if dataset is None else dataset._use,
            CANCEL,
            cancel=cancel,
            keeps=config._use.keeps + (() if dataset is None else dataset._use.keeps),
        )

    def set_callback(self, callback: Optional[Callable[[Event], Any]], events: int = EventKind.ALL) -> None:
        """Which events (EventKind, combined with |) to tell `callback` of, from the next call on. It is called on the
        thread that called the trainer, which trains no further meanwhile. It returns None to go on,
        `Answer.STOP` to end the run at the next step with its state saved, or `Answer.FAIL` to end it without that. An
        exception that it raises ends the call like Ctrl-C: the state is saved, and the exception raised."""
        self._callback = callback
        self._kinds = events if callback is not None else 0

    def _do(
        self,
        function: Callable[..., int],
        *arguments: Any,
        cancel: Optional[Cancel],
        read: Optional[Callable[[], Any]] = None,
    ) -> Any:
        made = TrainerCall(self, function, *arguments, cancel=cancel, read=read)
        made.run()
        return made.result

    def run(
        self,
        poller: Optional[Poller] = None,
        cancel: Optional[Cancel] = None,
        progress: Union[bool, TextIO] = False,
    ) -> RunResult:
        """The whole job: resumes from the volume's newest good checkpoint or starts, trains, evaluates, saves by the
        checkpoint_* keys, and stops when done, at a notice of the poller or when cancelled, after its state is
        durable. `progress` shows how far it is on stderr, or in the given file.

        Being interrupted, cancelled or stopped is no error: read `result.reason` and `result.durable`. After Ctrl-C,
        and every other exception of a signal handler or callback, the state is saved, the exception is raised, and
        `last_result` has the result. More Ctrl-C meanwhile changes nothing: the save is on its way.
        """
        made = self._run_call(poller, cancel)
        if not progress:
            made.run()
        else:
            bar = _bar.Bar(self.progress, None if progress is True else progress)
            made.observer, made.observer_kinds, made.ticker = bar.note, _bar.KINDS, bar.draw
            try:
                made.run()
            finally:
                bar.close()
        assert isinstance(made.result, RunResult)
        return made.result

    def events(
        self,
        poller: Optional[Poller] = None,
        cancel: Optional[Cancel] = None,
        events: int = EventKind.ALL,
    ) -> Generator[Event, None, None]:
        """`run()` as a loop over its events (EventKind, combined with |):

            for event in trainer.events(poller, events=EventKind.STEP | EventKind.RUN_END):
                print(event.step, event.loss)
            print(trainer.last_result)

        Training waits while the loop's body runs. Leaving the loop ends the run like Ctrl-C does: at the next step,
        with its state saved. The callback of `set_callback()` is not told of anything meanwhile."""
        made = self._run_call(poller, cancel)
        made.callback, made.callback_kinds = None, events
        return made.events()

    def _run_call(self, poller: Optional[Poller], cancel: Optional[Cancel]) -> RunCall:
        watching = None if poller is None else poller._use
        result = sized(_abi.RunResultStruct)
        return RunCall(
            self,
            library.spot_trainer_run,
            watching,
            CANCEL,
            byref(result),
            cancel=cancel,
            read=lambda: record(RunResult, result),
        )

    @property
    def last_result(self) -> Optional[RunResult]:
        """How the last `run()` or `events()` ended, whatever it raised; None: it failed, or there was none."""
        return self._last_result

    def step(self, count: int = 1, cancel: Optional[Cancel] = None) -> Metrics:
        """Trains `count` steps, whatever the keys epochs and steps say; evaluates, saves and logs nothing. Loss and
        accuracy are means over the steps' samples. The CancelledError, CallbackError or DivergedError that it may end
        with tells how far it came in its `metrics`."""
        metrics = sized(_abi.MetricsStruct)
        try:
            made = TrainerCall(self, library.spot_trainer_step, count, CANCEL, byref(metrics), cancel=cancel)
            made.run(direct=count <= 1 and made.callback is None)  # one step is over before a signal could stop it
        except SpotError as error:
            if metrics.steps:
                error.metrics = record(Metrics, metrics)
            raise
        return record(Metrics, metrics)

    def evaluate(self, split: int = Split.TEST, cancel: Optional[Cancel] = None) -> Metrics:
        """Loss and accuracy over a part of the dataset, without dropout. OrderError: the dataset has no such part."""
        metrics = sized(_abi.MetricsStruct)
        self._do(library.spot_trainer_evaluate, split, CANCEL, byref(metrics), cancel=cancel)
        return record(Metrics, metrics)

    def confusion(self, split: int = Split.TEST, cancel: Optional[Cancel] = None) -> Any:
        """How a part of the dataset is classified: counts[label, prediction], an array of NumPy or a list of lists."""
        classes = self.info().classes
        counts = (c_uint64 * (classes * classes))()
        self._do(library.spot_trainer_get_confusion, split, CANCEL, byref(counts), len(counts), cancel=cancel)
        if numpy() is not None:
            return numpy().array(counts, dtype="uint64").reshape(classes, classes)
        return [list(counts[row * classes : (row + 1) * classes]) for row in range(classes)]

    def checkpoint(self, cancel: Optional[Cancel] = None) -> SaveReport:
        """Saves the present state on the volume and returns when it survives a power cut. CancelledError: nobody waits
        for the save any more, which becomes durable all the same if it had begun."""
        report = sized(_abi.SaveReportStruct)
        saved: SaveReport = self._do(
            library.spot_trainer_checkpoint,
            CANCEL,
            byref(report),
            cancel=cancel,
            read=lambda: record(SaveReport, report),
        )
        return saved

    def restore(self, path: Optional[Path] = None, cancel: Optional[Cancel] = None) -> None:
        """Takes over the state of the checkpoint file at `path`, or, without one, of the newest good one on the volume.
        The state is unchanged on failure."""
        self._do(library.spot_trainer_restore, None if path is None else c_path(path), CANCEL, cancel=cancel)

    def restore_from(self, checkpoint: Checkpoint) -> None:
        """Takes over the state of a checkpoint that is open, wherever it comes from."""
        call(library.spot_trainer_restore_from, self._use, checkpoint._use)

    def serialize(self) -> bytes:
        """The bytes of a checkpoint file of the present state, for a host that keeps them itself: no volume is needed.
        `Checkpoint.open_memory()` and `restore_from()` are the way back."""
        data, length = c_void_p(), c_size_t()
        call(library.spot_trainer_serialize, self._use, byref(data), byref(length))
        try:
            return string_at(data, length.value)
        finally:
            library.spot_bytes_free(data)

    def export(self, prefix: Path, cancel: Optional[Cancel] = None) -> None:
        """Writes the network as it is now to <prefix>.json and <prefix>.safetensors, each atomically. CancelledError:
        files that were there are as they were."""
        self._do(library.spot_trainer_export, c_path(prefix), CANCEL, cancel=cancel)

    def state_hash(self) -> str:
        """XXH3-128, in hex, of everything that determines the future of the run: every tensor, the steps done and the
        seed."""
        digits = create_string_buffer(33)
        call(library.spot_trainer_get_state_hash, self._use, digits)
        return digits.value.decode()

    def request_checkpoint(self) -> None:
        """Asks a run to save at its next step boundary and to go on. OrderError: no run is at work."""
        call(library.spot_trainer_request_checkpoint, self._use)

    def info(self) -> TrainerInfo:
        """What it trains, and where it stands."""
        return record(TrainerInfo, filled(_abi.TrainerInfoStruct, library.spot_trainer_get_info, self._use))

    def progress(self) -> Progress:
        """How far its run has come."""
        return record(Progress, filled(_abi.ProgressStruct, library.spot_trainer_get_progress, self._use))

    def write_tensor(self, name: Optional[str], values: Any) -> None:
        """Sets the values of a tensor, or, with a `name` of None, of all of them, one after the other as their offsets
        say. `values` is an array of float32, or what NumPy can make one of."""
        if numpy() is not None:
            values = numpy().ascontiguousarray(values, dtype="float32")
        given = Input("values", values, (ElementType.FLOAT32,))
        call(
            library.spot_trainer_write_tensor,
            self._use,
            None if name is None else c_text("name", name),
            given.address,
            given.bytes // 4,
        )

    def statistics(self) -> List[Dict[str, Any]]:
        """For each parameter {"name", "size", "mean", "std", "min", "max", "gradient_norm"}; gradient norms are of the
        last step, None before the first."""
        statistics: List[Dict[str, Any]] = json.loads(take_text(library.spot_trainer_describe_parameters, self._use))
        return statistics


def volume_check(
    config: Config, trainer: Optional[Trainer] = None, cancel: Optional[Cancel] = None
) -> VolumeCheck:
    """Does on the configured volume what a run does there before its first step, and leaves only its folders. With a
    trainer it also compares the room that its run takes with what there is."""
    outcome, json_text = c_int32(), c_void_p()
    given = None if trainer is None else trainer._use
    run_call(
        library.spot_volume_check, config._use, given, CANCEL, byref(outcome), byref(json_text), cancel=cancel
    )
    return VolumeCheck(Status(outcome.value), json.loads(owned_text(json_text)))


def benchmark(
    config: Config, dataset: Optional[Dataset] = None, seconds: float = 1.0, cancel: Optional[Cancel] = None
) -> Dict[str, Any]:
    """Measures training and test throughput of the configured model on the dataset (None: of the key dataset), for
    about `seconds` each, and the processor's peak."""
    json_text = c_void_p()
    given = None if dataset is None else dataset._use
    run_call(library.spot_benchmark, config._use, given, seconds, CANCEL, byref(json_text), cancel=cancel)
    measured: Dict[str, Any] = json.loads(owned_text(json_text))
    return measured
