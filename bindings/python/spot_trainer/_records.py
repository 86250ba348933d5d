"""What the library tells, as named tuples: the header's structs with their names, without sizes and padding.

A number that was not measured is NaN. Of what a later version of the library may add, numbers without a name stay
plain integers.
"""

from ctypes import Structure
from operator import attrgetter
from typing import Any, Callable, Dict, List, NamedTuple, Tuple, Type, TypeVar

from ._enums import Action, ElementType, EventKind, Role, RunReason, SaveReason, Status


class Notice(NamedTuple):
    """What a poller saw: the machine will be taken away, or, when `withdrawn`, it will not after all."""

    action: Action  #: what will be done to the machine
    id: int  #: of the event: its notice and its withdrawal have the same
    seconds_left: float  #: until the machine may be gone, from now; negative: overdue; NaN: no end is known
    seconds_since: float  #: since the poller saw it first
    stale: bool  #: its time had passed when it was first seen, or its file was there before
    withdrawn: bool  #: the event is over
    ends_run: bool  #: `Trainer.run()` saves and stops; False: it saves and goes on
    source: str  #: "aws-spot-action", "file", "host", ...
    detail: str  #: the source's own words, cut


class PollerHealth(NamedTuple):
    """How a poller's questions are answered."""

    disabled: bool  #: nothing to watch here
    polls: int  #: questions asked so far
    failures_in_a_row: int  #: answers that said neither yes nor no
    seconds_since_success: float  #: NaN: never yet
    source: str  #: what is watched; empty: nothing, or the cloud is not found yet
    last_error: str  #: empty after a success; when disabled: why


class DatasetInfo(NamedTuple):
    """What a dataset holds."""

    classes: int
    rows: int
    columns: int
    channels: int
    image_type: ElementType
    is_fallback: bool  #: synthetic digits, because dataset=auto could have nothing better
    train_samples: int
    test_samples: int
    name: str
    fingerprint: str  #: XXH3-128, in hex, of the content


class Event(NamedTuple):
    """What a callback is told. Every event has the first three fields; of the others those of its kind are set, the
    rest are 0, NaN or empty."""

    kind: EventKind
    step: int  #: steps done
    epoch: int  #: of the last step done; EPOCH_BEGIN: the one that begins
    loss: float  #: STEP: of the batch; EPOCH_END: of the epoch's training; EVALUATION: of the training set, if asked
    accuracy: float  #: likewise
    learning_rate: float  #: STEP: the one used; EPOCH_END: of its last step
    gradient_norm: float  #: STEP: Euclidean norm of all gradients
    samples_per_second: float  #: STEP: since the step before
    validation_loss: float  #: EVALUATION, EPOCH_END; NaN without a validation set
    validation_accuracy: float
    test_loss: float  #: EVALUATION, EPOCH_END; NaN without a test set
    test_accuracy: float
    stall_ms: float  #: CHECKPOINT: time that training stood still for it
    encode_ms: float  #: CHECKPOINT: copying and hashing
    write_ms: float  #: CHECKPOINT: handing the bytes to the file system
    fsync_ms: float  #: CHECKPOINT: fsync of the file, its renaming, fsync of the folder
    durable_ms: float  #: CHECKPOINT: from the decision to save to durable
    bytes: int  #: CHECKPOINT: size of the file
    notice_id: int  #: NOTICE: this and the next five as in `Notice`
    seconds_left: float
    action: Action
    stale: bool
    withdrawn: bool
    ends_run: bool
    resumed: bool  #: RUN_BEGIN: the run goes on from the volume's checkpoint
    save_reason: SaveReason  #: CHECKPOINT
    run_reason: RunReason  #: RUN_END
    status: Status  #: CHECKPOINT: OK, or why it did not become durable; RUN_END: of the run
    message: str  #: CHECKPOINT, RUN_END with an error: why
    path: str  #: CHECKPOINT: the file
    source: str  #: NOTICE: where it comes from
    detail: str  #: NOTICE: the source's own words, whole
    run_id: str  #: RUN_BEGIN, RUN_END
    state_hash: str  #: RUN_BEGIN, RUN_END
    not_promised: str  #: CHECKPOINT: see `SaveReport`


class TrainerInfo(NamedTuple):
    """What a trainer trains, and where it stands."""

    threads: int  #: worker threads in use
    step: int
    epoch: int
    epochs_done: int
    steps_per_epoch: int
    total_steps: int  #: after which the run is done
    parameter_count: int  #: trainable values
    tensor_count: int
    state_size: int  #: elements of all tensors together
    train_samples: int  #: without those of the validation set
    validation_samples: int
    test_samples: int
    classes: int
    rows: int
    columns: int
    channels: int
    dataset_is_fallback: bool
    dataset: str  #: its name
    run_id: str
    device: str


class Progress(NamedTuple):
    """How far a run has come."""

    running: bool  #: `Trainer.run()` is at work
    step: int
    epoch: int
    total_steps: int
    seconds: float  #: since the run began, or how long it took; NaN: never
    samples_per_second: float  #: of the last steps
    seconds_to_go: float  #: until the last step, at the mean rate of this call; NaN: not known yet
    loss: float  #: of the last step's batch
    saved_step: int  #: of the last checkpoint that became durable; 0: none
    seconds_since_save: float  #: since then; NaN: none
    save_status: Status  #: of the last save: OK, or why it failed


class Metrics(NamedTuple):
    """Means over the samples of some steps, or of a part of the dataset."""

    step: int  #: steps done since the run began
    steps: int  #: done by this call; 0 for an evaluation
    samples: int  #: that the means are taken over
    loss: float
    accuracy: float
    learning_rate: float  #: of the last step; NaN for an evaluation
    gradient_norm: float  #: of the last step; NaN for an evaluation
    samples_per_second: float


class SaveReport(NamedTuple):
    """A save that is durable."""

    step: int
    generation: int  #: number of the save on this volume
    bytes: int  #: size of the file
    stall_ms: float  #: the training thread was held up
    encode_ms: float  #: copying and hashing
    write_ms: float  #: handing the bytes to the file system
    fsync_ms: float  #: fsync of the file, its renaming, fsync of the folder
    durable_ms: float  #: from the call to durable
    path: str  #: the file
    not_promised: str  #: with durability=weak what the file system cannot do; else empty


class RunResult(NamedTuple):
    """How a run ended."""

    reason: RunReason
    resumed: bool  #: it began from the volume's newest good checkpoint
    durable: bool  #: the state it stopped in is in a durable checkpoint, or it stopped before it began
    save_status: Status  #: of the save that ended the run: OK, or why it failed
    step: int
    epoch: int
    test_accuracy: float  #: last measured; NaN: never yet
    test_loss: float  #: likewise
    seconds: float  #: that the call took
    notice_to_durable_ms: float  #: from the poller's first sight of the notice; NaN: no notice, or nothing to save
    seconds_left: float  #: until the machine may be gone, at durable; NaN where no end is known
    save_message: str  #: why the save failed, else empty
    model_path: str  #: the final model's architecture, when the run is done, else empty
    state_hash: str  #: see `Trainer.state_hash()`


class TensorInfo(NamedTuple):
    """A tensor of a trainer, a model or a checkpoint. All are float32."""

    name: str  #: "conv1.weight"
    role: Role
    shape: Tuple[int, ...]  #: row-major
    size: int  #: elements
    offset: int  #: of its first element among all tensors', in elements


class CheckpointInfo(NamedTuple):
    """What a checkpoint says of itself."""

    save_reason: SaveReason  #: 0: it was serialised for the host
    step: int
    epoch: int
    steps_per_epoch: int
    generation: int  #: number of the save on its volume
    writer_epoch: int  #: number of the writer on its volume
    created_unix_ns: int
    bytes: int  #: size of the file
    parameter_count: int  #: trainable values
    tensor_count: int
    state_size: int  #: elements of all tensors together
    path: str  #: of the file; empty: it was opened from memory
    run_id: str
    state_hash: str


class ModelInfo(NamedTuple):
    """What a model takes and gives, and where it comes from."""

    classes: int
    rows: int
    columns: int
    channels: int
    threads: int  #: worker threads in use
    step: int  #: after which it was saved; 0: not known
    parameter_count: int  #: trainable values
    tensor_count: int
    state_size: int  #: elements of all tensors together
    run_id: str  #: of the run that trained it; empty: not known
    device: str


class Verification(NamedTuple):
    """What `verify()` found."""

    good: int  #: whole checkpoints
    bad: int  #: the others, those set aside included
    files: List[Dict[str, Any]]  #: {"path", "state", "resume", "valid", "step", ..., "error"}


class VolumeCheck(NamedTuple):
    """What `volume_check()` found."""

    outcome: Status  #: what a run would end with
    checks: List[Dict[str, Any]]  #: {"check", "status": "ok|warn|fail", "detail"}


Record = TypeVar("Record", bound=NamedTuple)


def text_of(raw: Any) -> str:
    """The library's texts are UTF-8; a path keeps the bytes that are not, so that it can be opened."""
    return str(raw, "utf-8", "surrogateescape") if raw else ""


def _named(kind: Any) -> Callable[[int], int]:
    """From a number to its constant."""
    members = {member.value: member for member in kind}
    return lambda value: members.get(value, value)


_CONVERTERS: Dict[Any, Callable[[Any], Any]] = {str: text_of, bool: bool}
_CONVERTERS.update(
    {kind: _named(kind) for kind in (Action, ElementType, EventKind, Role, RunReason, SaveReason, Status)}
)


class _Plan:
    """How a struct becomes a record: its fields, and those that are more than numbers."""

    def __init__(self, kind: Type[Any]) -> None:
        self.fields = attrgetter(*kind._fields)
        self.conversions = [
            (index, _CONVERTERS[field_type])
            for index, field_type in enumerate(kind.__annotations__[name] for name in kind._fields)
            if field_type in _CONVERTERS
        ]


_plans: Dict[Any, _Plan] = {}


def record(kind: Type[Record], struct: Structure) -> Record:
    """The record of a struct that the library has filled."""
    plan = _plans.get(kind)
    if plan is None:
        plan = _plans[kind] = _Plan(kind)
    values = list(plan.fields(struct))
    for index, convert in plan.conversions:
        values[index] = convert(values[index])
    return kind._make(values)
