use crate::border::{argument, call, fill, make, path as path_of, take_text, text, Owner};
use crate::cancel::Cancel;
use crate::config::Config;
use crate::error::Result;
use crate::event::SaveReason;
use crate::tensor::{self, TensorInfo};
use spot_trainer_sys::*;
use std::path::{Path, PathBuf};

/// What a checkpoint is.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointInfo {
    /// Why it was saved; `None`: it was serialised for the host.
    pub save_reason: Option<SaveReason>,
    /// Steps done since the run began.
    pub step: u64,
    /// Of the last step done.
    pub epoch: u64,
    /// Steps of an epoch.
    pub steps_per_epoch: u64,
    /// Number of the save on its volume.
    pub generation: u64,
    /// Number of the writer on its volume; each one that takes the volume over adds one.
    pub writer_epoch: u64,
    /// When it was saved.
    pub created_unix_ns: i64,
    /// Size of the file.
    pub bytes: u64,
    /// Trainable values.
    pub parameter_count: u64,
    /// Tensors of all roles.
    pub tensor_count: u64,
    /// Elements of all tensors together.
    pub state_size: u64,
    /// Of the file; `None`: it was opened from memory.
    pub path: Option<PathBuf>,
    /// Name of the run.
    pub run_id: String,
    /// See [`Trainer::state_hash`](crate::Trainer::state_hash).
    pub state_hash: String,
}

/// What [`Checkpoint::verify`] found.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// Whole checkpoints.
    pub good: u64,
    /// The others, those set aside included.
    pub bad: u64,
    /// All files: a JSON array, as `spot_checkpoint_verify` in the header says.
    pub json: String,
}

/// A checkpoint file, verified and in memory. Never changes.
#[derive(Debug)]
pub struct Checkpoint(Owner<spot_checkpoint>);

impl Checkpoint {
    /// Opens a file, or the newest good one of a folder (a volume or its `checkpoints/`), without changing anything.
    ///
    /// # Errors
    /// [`Status::NotFound`](crate::Status::NotFound), [`Status::Corrupt`](crate::Status::Corrupt) (with
    /// [`Error::byte_offset`](crate::Error::byte_offset)), [`Status::Unsupported`](crate::Status::Unsupported) (a newer
    /// format), [`Status::Cancelled`](crate::Status::Cancelled).
    pub fn open(path: impl AsRef<Path>, cancel: Option<&Cancel>) -> Result<Self> {
        let path = argument("the path", path.as_ref())?;
        let cancel = Cancel::get(cancel);
        make(|out, error| unsafe { spot_checkpoint_open(path.as_ptr(), cancel, out, error) }).map(Checkpoint)
    }

    /// The same from bytes in memory, which are not needed afterwards.
    pub fn open_memory(bytes: &[u8]) -> Result<Self> {
        let cancel = std::ptr::null_mut();
        make(|out, error| unsafe { spot_checkpoint_open_memory(bytes.as_ptr(), bytes.len(), cancel, out, error) })
            .map(Checkpoint)
    }

    /// Verifies one file, or every file of a folder (a volume or its `checkpoints/`), changing nothing.
    pub fn verify(path: impl AsRef<Path>, cancel: Option<&Cancel>) -> Result<Verification> {
        let path = argument("the path", path.as_ref())?;
        let (mut good, mut bad) = (0, 0);
        let json = take_text(|out, error| unsafe {
            spot_checkpoint_verify(path.as_ptr(), Cancel::get(cancel), &mut good, &mut bad, out, error)
        })?;
        Ok(Verification { good, bad, json })
    }

    /// What it is.
    pub fn info(&self) -> Result<CheckpointInfo> {
        let info = fill(|out, error| unsafe { spot_checkpoint_get_info(self.get(), out, error) })?;
        Ok(CheckpointInfo {
            save_reason: Some(info.save_reason).filter(|&reason| reason != 0).map(SaveReason::from_raw),
            step: info.step,
            epoch: info.epoch,
            steps_per_epoch: info.steps_per_epoch,
            generation: info.generation,
            writer_epoch: info.writer_epoch,
            created_unix_ns: info.created_unix_ns,
            bytes: info.bytes,
            parameter_count: info.parameter_count,
            tensor_count: info.tensor_count,
            state_size: info.state_size,
            path: Some(unsafe { path_of(info.path) }).filter(|path| !path.as_os_str().is_empty()),
            run_id: unsafe { text(info.run_id) },
            state_hash: unsafe { text(info.state_hash) },
        })
    }

    /// All there is to show: JSON, as `spot_checkpoint_describe` in the header says.
    pub fn describe(&self) -> Result<String> {
        take_text(|out, error| unsafe { spot_checkpoint_describe(self.get(), out, error) })
    }

    /// The configuration of its run, without the keys that whoever wrote the file must not choose for its reader: set
    /// `volume` and `dataset`, for instance, before use.
    pub fn config(&self) -> Result<Config> {
        make(|out, error| unsafe { spot_checkpoint_get_config(self.get(), out, error) }).map(Config)
    }

    /// All tensors: parameters in layer order, statistics, accumulators.
    pub fn tensors(&self) -> Result<Vec<TensorInfo>> {
        tensor::list(self.get(), spot_checkpoint_get_tensor_info, self.info()?.tensor_count)
    }

    /// Copies one tensor, or, with `None`, all of them one after the other as their offsets say.
    pub fn read_tensor(&self, name: Option<&str>, values: &mut [f32]) -> Result<()> {
        tensor::read(self.get(), spot_checkpoint_read_tensor, name, values)
    }

    /// Writes `<prefix>.json` and `<prefix>.safetensors` as [`Trainer::export`](crate::Trainer::export) does.
    pub fn export(&self, prefix: impl AsRef<Path>, cancel: Option<&Cancel>) -> Result<()> {
        let prefix = argument("the prefix", prefix.as_ref())?;
        let cancel = Cancel::get(cancel);
        call(|error| unsafe { spot_checkpoint_export(self.get(), prefix.as_ptr(), cancel, error) })
    }

    pub(crate) fn get(&self) -> *const spot_checkpoint {
        self.0.get()
    }
}
