//! Trains neural networks on machines that can vanish, and loses nothing: the library spot-trainer for Rust.
//!
//! A [`Trainer`] runs a training job on a volume, a folder that outlives the machine. It saves checkpoints there, notices
//! through a [`Poller`] that the machine is about to be taken away, makes a last checkpoint durable in time, and goes on
//! from it on the next machine. The state after a step depends on the configuration, the data and the seed alone.
//!
//! ```
//! use spot_trainer::{Config, Poller, RunReason, Trainer};
//!
//! # let volume = std::env::temp_dir().join(format!("spot-trainer-{}", std::process::id()));
//! # std::fs::create_dir(&volume)?;
//! let config = Config::builder()
//!     .set("volume", &volume) // a folder that outlives the machine
//!     .set("dataset", "synthetic")
//!     .set("model", "lenet-5")
//!     .set("steps", 20)
//! #   .set("metadata", "none")
//!     .build()?;
//! let poller = Poller::new(&config)?;
//! let mut trainer = Trainer::new(&config, None, None)?;
//! let result = trainer.run(Some(&poller), None)?;
//! if result.reason != RunReason::Done {
//!     println!("{} at step {}: run me again", result.reason, result.step);
//! }
//! # std::fs::remove_dir_all(&volume)?;
//! # assert_eq!((result.reason, result.step), (RunReason::Done, 20));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Threads
//! Every handle is `Send` and `Sync`. A [`Trainer`] takes one call at a time, which `&mut self` sees to; a [`Monitor`] asks
//! it from other threads meanwhile. Closures for events run on the thread that called the trainer; one for logs may run on
//! threads of the library.
//!
//! # Panics
//! None crosses the border: a closure's panic ends the call that it was called from, and goes on when that has returned.
//!
//! # Errors
//! An [`Error`] has a [`Status`] to branch on, and displays as one line: what was wrong, with which file, key or value, and
//! what to do. A library of another major version or a smaller minor one is refused by the first call: see [`check_abi`].
//!
//! The words are those of `spot_trainer.h`, which says all about each of them: `Trainer::run` is `spot_trainer_run`.

#![warn(missing_docs, missing_debug_implementations)]

mod border;
mod cancel;
mod checkpoint;
mod config;
mod dataset;
mod error;
mod event;
mod log;
mod model;
mod monitor;
mod numbers;
mod panics;
mod poller;
mod report;
mod run;
mod tensor;
mod trainer;

pub use border::{check_abi, Bytes};
pub use cancel::Cancel;
pub use checkpoint::{Checkpoint, CheckpointInfo, Verification};
pub use config::{Config, ConfigBuilder, Value};
pub use dataset::{Arrays, Dataset, DatasetInfo, ImageType, Label, Pixel};
pub use error::{Error, Result, Status};
pub use event::{Event, EventKind, Events, Flow, RunReason, SaveReason};
pub use log::{LogLevel, LogQueue};
pub use model::{Model, ModelInfo};
pub use monitor::Monitor;
pub use poller::{Action, Notice, Poller, PollerHealth};
pub use report::{Metrics, Progress, RunResult, SaveReport, TrainerInfo};
pub use run::Run;
pub use tensor::{Role, TensorInfo};
pub use trainer::{benchmark, volume_check, Split, StepError, Trainer};

/// The release of the library, e.g. "0.1.0".
pub fn version() -> &'static str {
    unsafe { border::constant(spot_trainer_sys::spot_version()) }
}

/// The library's build and this machine: JSON, as `spot_build_info` in the header says.
pub fn build_info() -> Result<&'static str> {
    check_abi()?;
    Ok(unsafe { border::constant(spot_trainer_sys::spot_build_info()) })
}

/// Compiles what README.md shows; test.sh runs it.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
