use crate::border::text;
use crate::numbers::numbers;
use spot_trainer_sys::*;
use std::fmt;

numbers! {
    /// What kind of failure it was: the header's `SPOT_E_...`.
    Status, spot_status_name {
        /// No failure: only [`RunResult::save_status`](crate::RunResult::save_status) and its like say so.
        Ok = SPOT_OK,
        /// A wrong size, index, flag or text.
        InvalidArgument = SPOT_E_INVALID_ARGUMENT,
        /// Unknown key, value out of bounds, keys that contradict each other, key not set.
        Config = SPOT_E_CONFIG,
        /// A dataset or an image is damaged, or not what it claims to be.
        Data = SPOT_E_DATA,
        /// A model that cannot be: unknown layer, impossible shape.
        Model = SPOT_E_MODEL,
        /// The operating system failed to read or write.
        Io = SPOT_E_IO,
        /// The volume is full, or a quota is used up.
        NoSpace = SPOT_E_NO_SPACE,
        /// A checkpoint is damaged; from restore: every one on the volume is.
        Corrupt = SPOT_E_CORRUPT,
        /// No such file, folder, tensor or checkpoint.
        NotFound = SPOT_E_NOT_FOUND,
        /// A checkpoint of another model, dataset or configuration.
        Mismatch = SPOT_E_MISMATCH,
        /// No server gave what was asked for.
        Network = SPOT_E_NETWORK,
        /// The handle is in use by another call. Safe code meets it never: one call at a time has the `&mut Trainer`.
        Busy = SPOT_E_BUSY,
        /// A call that makes no sense now.
        Order = SPOT_E_ORDER,
        /// The [`Cancel`](crate::Cancel) was triggered; a trainer's state is that of a whole step.
        Cancelled = SPOT_E_CANCELLED,
        /// A closure answered [`Flow::Fail`](crate::Flow::Fail).
        Callback = SPOT_E_CALLBACK,
        /// The handle belongs to the parent process.
        Forked = SPOT_E_FORKED,
        /// Another writer has taken over the volume: this one may not go on.
        Fenced = SPOT_E_FENCED,
        /// Nothing happened within the time given; the volume is in use.
        Timeout = SPOT_E_TIMEOUT,
        /// This build, machine or version cannot do it.
        Unsupported = SPOT_E_UNSUPPORTED,
        /// Out of memory.
        NoMemory = SPOT_E_NO_MEMORY,
        /// A fault of the library: please report it.
        Internal = SPOT_E_INTERNAL,
        /// Training has failed: a loss, gradient norm or tensor is not finite.
        Diverged = SPOT_E_DIVERGED,
    }
}

/// A call of the library that failed. It displays as the library's message: one line that says what was wrong, with
/// which file, key or value, and what to do.
#[derive(Clone, Debug)]
pub struct Error {
    status: Status,
    message: String,
    os_errno: i32,
    http_status: i32,
    byte_offset: i64,
}

/// What every call that can fail gives.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn new(status: Status, message: impl Into<String>) -> Self {
        Error { status, message: message.into(), os_errno: 0, http_status: 0, byte_offset: -1 }
    }

    /// Frees `error`, which is null when the call succeeded.
    pub(crate) unsafe fn from_library(status: spot_status, error: *mut spot_error) -> Result<()> {
        if status == SPOT_OK {
            return Ok(());
        }
        let copy = Error {
            status: Status::from_raw(status),
            message: text(spot_error_message(error)),
            os_errno: spot_error_os_errno(error),
            http_status: spot_error_http_status(error),
            byte_offset: spot_error_byte_offset(error),
        };
        spot_error_free(error);
        Err(copy)
    }

    /// What kind of failure it was.
    pub fn status(&self) -> Status {
        self.status
    }

    /// One line: what was wrong, with which file, key or value, and what to do.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// `errno` of the failed system call.
    pub fn os_errno(&self) -> Option<i32> {
        Some(self.os_errno).filter(|&number| number != 0)
    }

    /// Status of the HTTP answer.
    pub fn http_status(&self) -> Option<i32> {
        Some(self.http_status).filter(|&number| number != 0)
    }

    /// Where in the file, in bytes from its start.
    pub fn byte_offset(&self) -> Option<u64> {
        self.byte_offset.try_into().ok()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
