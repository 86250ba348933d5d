use crate::border::{make, milliseconds, take_text, Owner};
use crate::cancel::Cancel;
use crate::error::{Result, Status};
use spot_trainer_sys::*;
use std::time::Duration;

/// How grave a message is; the gravest is the least.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i32)]
pub enum LogLevel {
    /// Something failed.
    Error = SPOT_LOG_ERROR,
    /// Something is not as it should be.
    Warning = SPOT_LOG_WARNING,
    /// What is being done.
    Info = SPOT_LOG_INFO,
    /// Details for whoever looks for a fault.
    Debug = SPOT_LOG_DEBUG,
}

impl LogLevel {
    pub(crate) fn from_raw(number: i32) -> Self {
        match number {
            SPOT_LOG_ERROR => LogLevel::Error,
            SPOT_LOG_WARNING => LogLevel::Warning,
            SPOT_LOG_INFO => LogLevel::Info,
            _ => LogLevel::Debug,
        }
    }
}

/// Messages that wait to be fetched, for whoever wants them on a thread of his own:
/// [`Config::set_log_queue`](crate::Config::set_log_queue).
#[derive(Debug)]
pub struct LogQueue(pub(crate) Owner<spot_log_queue>);

impl LogQueue {
    /// Keeps messages of `level` and graver ones, at most `capacity` (1 to 2^20); when more wait, the oldest are dropped.
    pub fn new(level: LogLevel, capacity: usize) -> Result<Self> {
        make(|out, error| unsafe { spot_log_queue_create(level as i32, capacity, out, error) }).map(LogQueue)
    }

    /// Waits for the next message; `None`: none came within the time. A `timeout` of `None` waits for ever.
    ///
    /// # Errors
    /// [`Status::Cancelled`].
    pub fn next(&self, timeout: Option<Duration>, cancel: Option<&Cancel>) -> Result<Option<(LogLevel, String)>> {
        let mut level = 0;
        let message = take_text(|out, error| unsafe {
            spot_log_queue_next(self.0.get(), milliseconds(timeout), Cancel::get(cancel), &mut level, out, error)
        });
        match message {
            Ok(message) => Ok(Some((LogLevel::from_raw(level), message))),
            Err(error) if error.status() == Status::Timeout => Ok(None),
            Err(error) => Err(error),
        }
    }
}
