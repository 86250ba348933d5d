//! How the library is called: owners of its handles, its errors as `Result`, its texts as Rust's.

use crate::error::{Error, Result, Status};
use crate::panics;
use spot_trainer_sys::*;
use std::ffi::{CStr, CString, OsStr};
use std::fmt::{Debug, Formatter};
use std::mem::{size_of, zeroed};
use std::ops::Deref;
use std::os::raw::c_char;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::ptr::{null, null_mut, NonNull};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Checks whether the library that was loaded serves this binding: the same major version, and at least its minor one.
/// Every other call does this first, so a program needs it only to refuse early.
///
/// # Errors
/// [`Status::Unsupported`], with both versions and the library's file.
pub fn check_abi() -> Result<()> {
    static SERVES: AtomicBool = AtomicBool::new(false);
    if SERVES.load(Ordering::Relaxed) {
        return Ok(());
    }
    let mut error = null_mut();
    let status = unsafe { spot_abi_check(SPOT_ABI_VERSION, &mut error) };
    unsafe { Error::from_library(status, error) }?;
    SERVES.store(true, Ordering::Relaxed);
    Ok(())
}

fn status_of(function: impl FnOnce(*mut *mut spot_error) -> spot_status) -> Result<()> {
    check_abi()?;
    let mut error = null_mut();
    let status = function(&mut error);
    unsafe { Error::from_library(status, error) }
}

/// Calls a function of the library whose last parameter is the error.
pub(crate) fn call(function: impl FnOnce(*mut *mut spot_error) -> spot_status) -> Result<()> {
    let result = status_of(function);
    panics::resume();
    result
}

/// Calls a function that gives a handle.
pub(crate) fn make<T: Handle>(
    function: impl FnOnce(*mut *mut T, *mut *mut spot_error) -> spot_status,
) -> Result<Owner<T>> {
    let mut out = null_mut();
    let result = status_of(|error| function(&mut out, error));
    let result = result.map(|()| Owner(NonNull::new(out).expect("a call that succeeds gives a handle")));
    panics::resume();
    result
}

/// Calls a function that fills a struct.
pub(crate) fn fill<T: Struct>(function: impl FnOnce(*mut T, *mut *mut spot_error) -> spot_status) -> Result<T> {
    let mut out = sized();
    call(|error| function(&mut out, error))?;
    Ok(out)
}

/// Calls a function that gives a text to be freed.
pub(crate) fn take_text(
    function: impl FnOnce(*mut *mut c_char, *mut *mut spot_error) -> spot_status,
) -> Result<String> {
    let mut out = null_mut();
    call(|error| function(&mut out, error))?;
    let result = unsafe { text(out) };
    unsafe { spot_text_free(out) };
    Ok(result)
}

/// A C struct that begins with its size.
///
/// # Safety
/// All of its bytes may be zero, and its first field is `struct_size`.
pub(crate) unsafe trait Struct: Copy {}

macro_rules! structs { ($($name:ident)*) => { $(unsafe impl Struct for $name {})* }; }
structs! {
    spot_notice spot_poller_health spot_dataset_arrays spot_dataset_info spot_trainer_info spot_progress spot_metrics
    spot_save_report spot_run_result spot_tensor_info spot_checkpoint_info spot_model_info
}

pub(crate) fn sized<T: Struct>() -> T {
    unsafe {
        let mut result: T = zeroed();
        std::ptr::addr_of_mut!(result).cast::<u32>().write(size_of::<T>() as u32);
        result
    }
}

pub(crate) trait Handle {
    const FREE: unsafe extern "C" fn(*mut Self);
}

macro_rules! handles {
    ($($name:ident $free:ident)*) => { $(impl Handle for $name { const FREE: unsafe extern "C" fn(*mut Self) = $free; })* };
}
handles! {
    spot_log_queue spot_log_queue_free   spot_config spot_config_free      spot_cancel spot_cancel_free
    spot_poller spot_poller_free         spot_dataset spot_dataset_free    spot_trainer spot_trainer_free
    spot_checkpoint spot_checkpoint_free spot_model spot_model_free
}

/// Frees its handle.
pub(crate) struct Owner<T: Handle>(NonNull<T>);

// The header: a handle may move between threads, and any number of them may use it at once. A trainer alone takes one call
// at a time, for which Trainer has &mut self.
unsafe impl<T: Handle> Send for Owner<T> {}
unsafe impl<T: Handle> Sync for Owner<T> {}

impl<T: Handle> Owner<T> {
    /// Takes over a handle that is not null.
    pub(crate) unsafe fn new(handle: *mut T) -> Self {
        Owner(NonNull::new_unchecked(handle))
    }

    pub(crate) fn get(&self) -> *mut T {
        self.0.as_ptr()
    }
}

impl<T: Handle> Drop for Owner<T> {
    fn drop(&mut self) {
        unsafe { T::FREE(self.get()) };
        panics::resume();
    }
}

impl<T: Handle> Debug for Owner<T> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:p}", self.0)
    }
}

/// Bytes that the library allocated.
pub struct Bytes {
    start: NonNull<u8>,
    length: usize,
}

unsafe impl Send for Bytes {}
unsafe impl Sync for Bytes {}

impl Bytes {
    pub(crate) unsafe fn new(start: *mut u8, length: usize) -> Self {
        Bytes { start: NonNull::new_unchecked(start), length }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Debug for Bytes {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Bytes({})", self.length)
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        unsafe { spot_bytes_free(self.start.as_ptr()) };
    }
}

/// A text of the library, which says that it is UTF-8.
pub(crate) unsafe fn text(start: *const c_char) -> String {
    CStr::from_ptr(start).to_string_lossy().into_owned()
}

/// A text that lives for ever.
pub(crate) unsafe fn constant(start: *const c_char) -> &'static str {
    CStr::from_ptr(start).to_str().unwrap_or_default()
}

/// A path, whose bytes may be anything.
pub(crate) unsafe fn path(start: *const c_char) -> PathBuf {
    OsStr::from_bytes(CStr::from_ptr(start).to_bytes()).into()
}

/// A text in an array of a struct.
pub(crate) fn array(characters: &[c_char]) -> String {
    let bytes: Vec<u8> = characters.iter().map(|&byte| byte as u8).take_while(|&byte| byte != 0).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A text argument; `subject` names it in the error.
pub(crate) fn argument(subject: &str, text: impl AsRef<OsStr>) -> Result<CString> {
    let text = text.as_ref();
    CString::new(text.as_bytes()).map_err(|_| {
        let message = format!("{subject} {text:?} contains a zero byte: texts of the library end with one");
        Error::new(Status::InvalidArgument, message)
    })
}

pub(crate) fn optional(text: &Option<CString>) -> *const c_char {
    text.as_ref().map_or(null(), |text| text.as_ptr())
}

/// A number that was not measured is NaN in C.
pub(crate) fn measured(value: f64) -> Option<f64> {
    Some(value).filter(|value| !value.is_nan())
}

/// For at least this long; `None` is for ever.
pub(crate) fn milliseconds(timeout: Option<Duration>) -> i64 {
    timeout.map_or(-1, |time| ((time.as_nanos() + 999_999) / 1_000_000).try_into().unwrap_or(i64::MAX))
}
