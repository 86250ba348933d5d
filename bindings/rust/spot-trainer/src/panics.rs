//! A panic ends at the border: what runs below a call of the library may not unwind through it. It is kept on the thread
//! that the closure ran on, and goes on when that thread's call of the library has returned.

use std::any::Any;
use std::cell::RefCell;
use std::os::raw::c_void;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};

thread_local!(static KEPT: RefCell<Option<Box<dyn Any + Send>>> = RefCell::new(None));

/// Runs a closure that the library called; `failed` is what the library gets when it panics.
pub(crate) fn catch<T>(failed: T, closure: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(closure)).unwrap_or_else(|panic| {
        // A thread of the library has no call to return from: its panic was told by the panic hook, and that is all.
        let _ = KEPT.try_with(|kept| {
            kept.borrow_mut().get_or_insert(panic);
        });
        failed
    })
}

/// Lets a panic go on that was kept during the call before.
pub(crate) fn resume() {
    let kept = KEPT.try_with(|kept| kept.borrow_mut().take());
    if let Ok(Some(panic)) = kept {
        if !std::thread::panicking() {
            resume_unwind(panic);
        }
    }
}

/// The library's way to drop a box that it was given as `user`.
pub(crate) unsafe extern "C" fn destroy<T>(user: *mut c_void) {
    catch((), || drop(Box::from_raw(user.cast::<T>())));
}
