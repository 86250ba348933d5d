use crate::border::{call, fill, Owner};
use crate::error::{Error, Result, Status};
use crate::report::{Progress, TrainerInfo};
use spot_trainer_sys::*;
use std::sync::{Arc, RwLock};

/// Asks a trainer what any thread may ask it at any time, during a run too: how far it has come, and for a checkpoint.
/// It does not keep the trainer alive.
#[derive(Clone, Debug)]
pub struct Monitor(Arc<RwLock<Option<Owner<spot_trainer>>>>);

impl Monitor {
    pub(crate) fn new(handle: Owner<spot_trainer>) -> Self {
        Monitor(Arc::new(RwLock::new(Some(handle))))
    }

    /// What the trainer is.
    pub fn info(&self) -> Result<TrainerInfo> {
        self.with(|trainer| {
            let info = fill(|out, error| unsafe { spot_trainer_get_info(trainer, out, error) })?;
            Ok(unsafe { TrainerInfo::read(&info) })
        })
    }

    /// How far a run has come.
    pub fn progress(&self) -> Result<Progress> {
        self.with(|trainer| {
            let progress = fill(|out, error| unsafe { spot_trainer_get_progress(trainer, out, error) })?;
            Ok(Progress::read(&progress))
        })
    }

    /// Asks a run to save at its next step boundary and to go on.
    ///
    /// # Errors
    /// [`Status::Order`]: no run is at work.
    pub fn request_checkpoint(&self) -> Result<()> {
        self.with(|trainer| call(|error| unsafe { spot_trainer_request_checkpoint(trainer, error) }))
    }

    /// Waits for the trainer's saves in progress; calls from now on find none.
    pub(crate) fn free(&self) {
        let handle = self.0.write().map(|mut handle| handle.take());
        drop(handle);
    }

    fn with<T>(&self, ask: impl FnOnce(*const spot_trainer) -> Result<T>) -> Result<T> {
        match self.0.read().as_deref() {
            Ok(Some(trainer)) => ask(trainer.get()),
            _ => Err(Error::new(Status::Order, "the trainer was dropped: ask as long as it lives")),
        }
    }
}
