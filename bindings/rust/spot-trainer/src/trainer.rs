use crate::border::array;
use crate::border::{argument, call, fill, make, optional, sized, take_text, Bytes};
use crate::cancel::Cancel;
use crate::checkpoint::Checkpoint;
use crate::config::Config;
use crate::dataset::Dataset;
use crate::error::{Error, Result, Status};
use crate::event::{Event, Events, Flow};
use crate::monitor::Monitor;
use crate::panics;
use crate::poller::Poller;
use crate::report::{Metrics, Progress, RunResult, SaveReport, TrainerInfo};
use crate::run::Run;
use crate::tensor::{self, TensorInfo};
use spot_trainer_sys::*;
use std::fmt;
use std::os::raw::{c_char, c_void};
use std::path::Path;
use std::ptr::null_mut;
use std::sync::Arc;

/// A part of a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Split {
    /// What is trained on.
    Train = SPOT_SPLIT_TRAIN,
    /// The samples that the key `validation_size` keeps out of training.
    Validation = SPOT_SPLIT_VALIDATION,
    /// The test set.
    Test = SPOT_SPLIT_TEST,
}

/// A training run: dataset, network, optimizer and position, on a volume. It takes one call at a time, hence `&mut self`;
/// what any thread may ask during a call is asked through a [`Monitor`].
#[derive(Debug)]
pub struct Trainer {
    handle: *mut spot_trainer,
    monitor: Monitor,
}

unsafe impl Send for Trainer {}
unsafe impl Sync for Trainer {}

impl Trainer {
    /// Takes the dataset, or opens the one that the key `dataset` names (it may have to be downloaded), builds the engine
    /// and sets the state of step 0. Without the key `volume` it trains all the same, but does not run, save or restore.
    pub fn new(config: &Config, dataset: Option<&Dataset>, cancel: Option<&Cancel>) -> Result<Self> {
        let dataset = dataset.map_or(null_mut(), |dataset| dataset.0.get());
        let (config, cancel) = (config.0.get(), Cancel::get(cancel));
        let owner = make(|out, error| unsafe { spot_trainer_create(config, dataset, cancel, out, error) })?;
        Ok(Trainer { handle: owner.get(), monitor: Monitor::new(owner) })
    }

    /// Tells `closure` of `events` from now on, in place of the closure before. It is called on the thread that calls the
    /// trainer, and says how to go on; one that returns nothing goes on. Its panic ends the call as [`Flow::Fail`] does,
    /// and goes on from there.
    pub fn on_event<F, R>(&mut self, events: Events, mut closure: F) -> Result<()>
    where
        F: FnMut(&Event) -> R + Send + 'static,
        R: Into<Flow>,
    {
        self.set_callback(events, move |event: &Event| closure(event).into())
    }

    fn set_callback<F: FnMut(&Event) -> Flow + Send + 'static>(&mut self, events: Events, closure: F) -> Result<()> {
        let user = Box::into_raw(Box::new(closure)).cast();
        let (callback, destroy): (spot_event_fn, spot_destroy_fn) = (Some(tell::<F>), Some(panics::destroy::<F>));
        let result =
            call(|error| unsafe { spot_trainer_set_callback(self.handle, events.0, callback, user, destroy, error) });
        if result.is_err() {
            drop(unsafe { Box::from_raw(user.cast::<F>()) });
        }
        result
    }

    /// Tells nobody any more.
    pub fn clear_on_event(&mut self) -> Result<()> {
        call(|error| unsafe { spot_trainer_set_callback(self.handle, 0, None, null_mut(), None, error) })
    }

    /// The whole job: resumes from the volume's newest good checkpoint or starts, trains, evaluates, saves by the
    /// `checkpoint_*` keys, and stops when done, at a notice of the poller or when cancelled, after its state is durable.
    /// Being interrupted, cancelled or stopped is no error: see [`RunResult::reason`] and [`RunResult::durable`].
    pub fn run(&mut self, poller: Option<&Poller>, cancel: Option<&Cancel>) -> Result<RunResult> {
        let (poller, cancel) = (poller.map_or(null_mut(), Poller::get), Cancel::get(cancel));
        let result = fill(|out, error| unsafe { spot_trainer_run(self.handle, poller, cancel, out, error) })?;
        Ok(unsafe { RunResult::read(&result) })
    }

    /// The same on a thread of its own, as an iterator over its events. It takes the place of [`Trainer::on_event`].
    /// Dropping the iterator cancels the run and waits until its state is durable.
    pub fn start(self, events: Events, poller: Option<Arc<Poller>>) -> Result<Run> {
        Run::start(self, events, poller)
    }

    /// Trains `count` steps, whatever the keys `epochs` and `steps` say; evaluates, saves and logs nothing. Loss and
    /// accuracy are means over the steps' samples.
    ///
    /// # Errors
    /// [`Status::Cancelled`], [`Status::Callback`], [`Status::Diverged`]: after a whole step, maybe before the last;
    /// [`StepError::metrics`] says how many were done.
    pub fn step(&mut self, count: u64, cancel: Option<&Cancel>) -> Result<Metrics, StepError> {
        let mut out = sized();
        let result =
            call(|error| unsafe { spot_trainer_step(self.handle, count, Cancel::get(cancel), &mut out, error) });
        match result {
            Ok(()) => Ok(Metrics::read(&out)),
            Err(error) => {
                let written = matches!(error.status(), Status::Cancelled | Status::Callback | Status::Diverged);
                Err(StepError { error, metrics: written.then(|| Box::new(Metrics::read(&out))) })
            }
        }
    }

    /// Loss and accuracy over a part of the dataset, without dropout.
    ///
    /// # Errors
    /// [`Status::Order`]: the dataset has no such part.
    pub fn evaluate(&mut self, split: Split, cancel: Option<&Cancel>) -> Result<Metrics> {
        let cancel = Cancel::get(cancel);
        let metrics =
            fill(|out, error| unsafe { spot_trainer_evaluate(self.handle, split as i32, cancel, out, error) })?;
        Ok(Metrics::read(&metrics))
    }

    /// How a part of the dataset is classified: `counts[label * classes + prediction]`.
    pub fn confusion(&mut self, split: Split, cancel: Option<&Cancel>) -> Result<Vec<u64>> {
        let classes = self.info()?.classes as usize;
        let mut counts = vec![0; classes * classes];
        let (start, length) = (counts.as_mut_ptr(), counts.len());
        call(|error| unsafe {
            spot_trainer_get_confusion(self.handle, split as i32, Cancel::get(cancel), start, length, error)
        })?;
        Ok(counts)
    }

    /// Saves the present state on the volume and returns when it survives a power cut.
    pub fn checkpoint(&mut self, cancel: Option<&Cancel>) -> Result<SaveReport> {
        let cancel = Cancel::get(cancel);
        let report = fill(|out, error| unsafe { spot_trainer_checkpoint(self.handle, cancel, out, error) })?;
        Ok(unsafe { SaveReport::read(&report) })
    }

    /// Takes over the state of a checkpoint file, or, with `None`, of the newest good one on the volume. The state is
    /// unchanged on failure.
    pub fn restore(&mut self, path: Option<&Path>, cancel: Option<&Cancel>) -> Result<()> {
        let path = path.map(|path| argument("the path", path)).transpose()?;
        let cancel = Cancel::get(cancel);
        call(|error| unsafe { spot_trainer_restore(self.handle, optional(&path), cancel, error) })
    }

    /// Takes over the state of a checkpoint that is open, wherever it comes from.
    pub fn restore_from(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        call(|error| unsafe { spot_trainer_restore_from(self.handle, checkpoint.get(), error) })
    }

    /// The bytes of a checkpoint file of the present state, for a host that keeps them itself: no volume is needed.
    /// [`Checkpoint::open_memory`] and [`Trainer::restore_from`] are the way back.
    pub fn serialize(&mut self) -> Result<Bytes> {
        let (mut bytes, mut length) = (null_mut(), 0);
        call(|error| unsafe { spot_trainer_serialize(self.handle, &mut bytes, &mut length, error) })?;
        Ok(unsafe { Bytes::new(bytes, length) })
    }

    /// Writes the network as it is now to `<prefix>.json` and `<prefix>.safetensors`.
    pub fn export(&mut self, prefix: impl AsRef<Path>, cancel: Option<&Cancel>) -> Result<()> {
        let prefix = argument("the prefix", prefix.as_ref())?;
        let cancel = Cancel::get(cancel);
        call(|error| unsafe { spot_trainer_export(self.handle, prefix.as_ptr(), cancel, error) })
    }

    /// XXH3-128, in hex, of everything that determines the future of the run: every tensor, the steps done and the seed.
    pub fn state_hash(&mut self) -> Result<String> {
        let mut out: [c_char; 33] = [0; 33];
        call(|error| unsafe { spot_trainer_get_state_hash(self.handle, out.as_mut_ptr(), error) })?;
        Ok(array(&out))
    }

    /// All tensors: parameters in layer order, statistics, accumulators.
    pub fn tensors(&mut self) -> Result<Vec<TensorInfo>> {
        let count = self.info()?.tensor_count;
        tensor::list(self.handle as *const spot_trainer, spot_trainer_get_tensor_info, count)
    }

    /// Copies one tensor out, or, with `None`, all of them one after the other as their offsets say.
    pub fn read_tensor(&mut self, name: Option<&str>, values: &mut [f32]) -> Result<()> {
        tensor::read(self.handle, spot_trainer_read_tensor, name, values)
    }

    /// Copies one tensor in, or, with `None`, all of them.
    pub fn write_tensor(&mut self, name: Option<&str>, values: &[f32]) -> Result<()> {
        let name = name.map(|name| argument("the tensor's name", name)).transpose()?;
        let (start, length) = (values.as_ptr(), values.len());
        call(|error| unsafe { spot_trainer_write_tensor(self.handle, optional(&name), start, length, error) })
    }

    /// Mean, deviation, extremes and gradient norm of each parameter: a JSON array, as `spot_trainer_describe_parameters` in
    /// the header says.
    pub fn statistics(&mut self) -> Result<String> {
        take_text(|out, error| unsafe { spot_trainer_describe_parameters(self.handle, out, error) })
    }

    /// What it is.
    pub fn info(&self) -> Result<TrainerInfo> {
        self.monitor.info()
    }

    /// How far the last run came.
    pub fn progress(&self) -> Result<Progress> {
        self.monitor.progress()
    }

    /// For other threads, to ask during a run.
    pub fn monitor(&self) -> Monitor {
        self.monitor.clone()
    }

    pub(crate) fn get(&mut self) -> *mut spot_trainer {
        self.handle
    }
}

impl Drop for Trainer {
    fn drop(&mut self) {
        self.monitor.free();
    }
}

unsafe extern "C" fn tell<F: FnMut(&Event) -> Flow>(user: *mut c_void, event: *const spot_event) -> i32 {
    panics::catch(SPOT_ANSWER_FAIL, || (*user.cast::<F>())(&Event::read(&*event)).raw())
}

/// [`Trainer::step`] ended before its last step.
#[derive(Clone, Debug)]
pub struct StepError {
    /// Why.
    pub error: Error,
    /// What was done before, when the steps had begun.
    pub metrics: Option<Box<Metrics>>,
}

impl fmt::Display for StepError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(formatter)
    }
}

impl std::error::Error for StepError {}

impl From<StepError> for Error {
    fn from(error: StepError) -> Self {
        error.error
    }
}

/// What [`volume_check`] found.
#[derive(Clone, Debug)]
pub struct VolumeCheck {
    /// What a run would end with; `None`: nothing fails.
    pub failure: Option<Status>,
    /// A JSON array of `{"check", "status": "ok|warn|fail", "detail"}`.
    pub json: String,
}

/// Does on the configured volume what a run does there before its first step, and leaves only its folders; with a trainer
/// it also compares the room that its run takes with what there is.
pub fn volume_check(config: &Config, trainer: Option<&mut Trainer>, cancel: Option<&Cancel>) -> Result<VolumeCheck> {
    let trainer = trainer.map_or(null_mut(), Trainer::get);
    let (cancel, mut outcome) = (Cancel::get(cancel), SPOT_OK);
    let json = take_text(|out, error| unsafe {
        spot_volume_check(config.0.get(), trainer, cancel, &mut outcome, out, error)
    })?;
    let failure = Some(outcome).filter(|&outcome| outcome != SPOT_OK).map(Status::from_raw);
    Ok(VolumeCheck { failure, json })
}

/// Measures training and test throughput of the configured model on the dataset (`None`: of the key `dataset`), for about
/// `seconds` each. JSON, as `spot_benchmark` in the header says.
pub fn benchmark(config: &Config, dataset: Option<&Dataset>, seconds: f64, cancel: Option<&Cancel>) -> Result<String> {
    let dataset = dataset.map_or(null_mut(), |dataset| dataset.0.get());
    let cancel = Cancel::get(cancel);
    take_text(|out, error| unsafe { spot_benchmark(config.0.get(), dataset, seconds, cancel, out, error) })
}
