use crate::border::{make, Owner};
use crate::error::Result;
use spot_trainer_sys::*;
use std::ptr::null_mut;

/// A request to stop, for the calls that can take long. Clones are the same request: give one to another thread or to a
/// signal handler, and trigger it there.
#[derive(Debug)]
pub struct Cancel(Owner<spot_cancel>);

impl Cancel {
    /// One that is not triggered.
    pub fn new() -> Result<Self> {
        make(|out, error| unsafe { spot_cancel_create(out, error) }).map(Cancel)
    }

    /// Asks every call that was given it to stop: training at the next step boundary, everything else within a second.
    /// One lock-free store, safe in a signal handler.
    pub fn trigger(&self) {
        unsafe { spot_cancel_trigger(self.0.get()) }
    }

    /// Whether it was triggered.
    pub fn is_triggered(&self) -> bool {
        unsafe { spot_cancel_is_triggered(self.0.get()) != 0 }
    }

    /// Makes it usable again.
    pub fn reset(&self) {
        unsafe { spot_cancel_reset(self.0.get()) }
    }

    /// No cancel is one that is never triggered.
    pub(crate) fn get(cancel: Option<&Cancel>) -> *mut spot_cancel {
        cancel.map_or(null_mut(), |cancel| cancel.0.get())
    }
}

impl Clone for Cancel {
    fn clone(&self) -> Self {
        unsafe {
            spot_cancel_retain(self.0.get());
            Cancel(Owner::new(self.0.get()))
        }
    }
}
