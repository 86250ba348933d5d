use crate::border::{argument, array, call, fill, make, Owner};
use crate::cancel::Cancel;
use crate::checkpoint::Checkpoint;
use crate::config::Config;
use crate::dataset::Pixel;
use crate::error::Result;
use crate::tensor::{self, TensorInfo};
use crate::trainer::Trainer;
use spot_trainer_sys::*;
use std::mem::size_of_val;
use std::path::Path;
use std::ptr::null_mut;

/// What a model is.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelInfo {
    /// Number of classes.
    pub classes: u32,
    /// Of an image, as are the next two.
    pub rows: u32,
    /// Width.
    pub columns: u32,
    /// 1 is grey, 3 is RGB.
    pub channels: u32,
    /// Worker threads in use.
    pub threads: i32,
    /// After which it was saved; 0: not known.
    pub step: u64,
    /// Trainable values.
    pub parameter_count: u64,
    /// Parameters and statistics.
    pub tensor_count: u64,
    /// Elements of all tensors together.
    pub state_size: u64,
    /// Of the run that trained it; empty: not known.
    pub run_id: String,
    /// What computes.
    pub device: String,
}

/// A trained network, for prediction: it needs no dataset and no volume, and writes nothing. Any number of threads may use
/// it; one after the other computes.
///
/// Of a configuration the keys `device`, `threads`, `kernels`, `mode`, `precision`, `batch_size` and `shards` count;
/// `None`: all at their defaults.
#[derive(Debug)]
pub struct Model {
    handle: Owner<spot_model>,
    info: ModelInfo,
}

impl Model {
    /// `path` is a checkpoint file, a folder of them (a volume), or one of the two files of an exported model.
    pub fn open(path: impl AsRef<Path>, config: Option<&Config>, cancel: Option<&Cancel>) -> Result<Self> {
        let path = argument("the path", path.as_ref())?;
        let (config, cancel) = (pointer(config), Cancel::get(cancel));
        Model::with(make(|out, error| unsafe { spot_model_open(path.as_ptr(), config, cancel, out, error) })?)
    }

    /// Of a checkpoint that is open.
    pub fn open_checkpoint(checkpoint: &Checkpoint, config: Option<&Config>) -> Result<Self> {
        let (checkpoint, config) = (checkpoint.get(), pointer(config));
        Model::with(make(|out, error| unsafe { spot_model_open_checkpoint(checkpoint, config, out, error) })?)
    }

    /// Of the network that a trainer has now; later steps do not show in it.
    pub fn open_trainer(trainer: &mut Trainer, config: Option<&Config>) -> Result<Self> {
        let (trainer, config) = (trainer.get(), pointer(config));
        Model::with(make(|out, error| unsafe { spot_model_open_trainer(trainer, config, out, error) })?)
    }

    fn with(handle: Owner<spot_model>) -> Result<Self> {
        let info = fill(|out, error| unsafe { spot_model_get_info(handle.get(), out, error) })?;
        let info = ModelInfo {
            classes: info.classes,
            rows: info.rows,
            columns: info.columns,
            channels: info.channels,
            threads: info.threads,
            step: info.step,
            parameter_count: info.parameter_count,
            tensor_count: info.tensor_count,
            state_size: info.state_size,
            run_id: array(&info.run_id),
            device: array(&info.device),
        };
        Ok(Model { handle, info })
    }

    /// What it is.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// Class probabilities, `[count][classes]`, of images, `[count][rows][columns][channels]`.
    pub fn predict<P: Pixel>(&self, images: &[P], cancel: Option<&Cancel>) -> Result<Vec<f32>> {
        let image = self.info.rows as usize * self.info.columns as usize * self.info.channels as usize;
        let mut probabilities = vec![0.0; images.len() / image * self.info.classes as usize];
        self.predict_into(images, cancel, &mut probabilities)?;
        Ok(probabilities)
    }

    /// The same into memory of the caller's. When cancelled some of it is written.
    ///
    /// # Errors
    /// [`Status::InvalidArgument`](crate::Status::InvalidArgument): a size that does not fit;
    /// [`Status::Cancelled`](crate::Status::Cancelled).
    pub fn predict_into<P: Pixel>(
        &self,
        images: &[P],
        cancel: Option<&Cancel>,
        probabilities: &mut [f32],
    ) -> Result<()> {
        let (start, bytes, cancel) = (images.as_ptr().cast(), size_of_val(images), Cancel::get(cancel));
        let (out, length) = (probabilities.as_mut_ptr(), probabilities.len());
        call(|error| unsafe {
            spot_model_predict(self.handle.get(), start, P::TYPE, bytes, cancel, out, length, error)
        })
    }

    /// All tensors: parameters in layer order, statistics.
    pub fn tensors(&self) -> Result<Vec<TensorInfo>> {
        tensor::list(self.get(), spot_model_get_tensor_info, self.info.tensor_count)
    }

    /// Copies one tensor, or, with `None`, all of them one after the other as their offsets say.
    pub fn read_tensor(&self, name: Option<&str>, values: &mut [f32]) -> Result<()> {
        tensor::read(self.get(), spot_model_read_tensor, name, values)
    }

    fn get(&self) -> *const spot_model {
        self.handle.get()
    }
}

fn pointer(config: Option<&Config>) -> *const spot_config {
    config.map_or(null_mut(), |config| config.0.get())
}
