use crate::border::{argument, call, check_abi, constant, make, take_text, Owner};
use crate::error::Result;
use crate::log::{LogLevel, LogQueue};
use crate::panics;
use spot_trainer_sys::*;
use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::os::raw::{c_char, c_void};
use std::path::PathBuf;
use std::ptr::null_mut;

/// Values for the keys that [`Config::describe`] lists. Whatever is created from it copies it.
///
/// ```
/// # fn main() -> spot_trainer::Result<()> {
/// let config = spot_trainer::Config::builder().set("volume", "/mnt/data").set("dataset", "mnist").build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Config(pub(crate) Owner<spot_config>);

impl Config {
    /// A configuration with every key at its default. The keys `volume`, `dataset` and `code_version` have none.
    pub fn new() -> Result<Self> {
        make(|out, error| unsafe { spot_config_create(out, error) }).map(Config)
    }

    /// Sets keys one after the other, and tells of the first failure at the end.
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder(Config::new())
    }

    /// The same values and the same log.
    pub fn try_clone(&self) -> Result<Self> {
        make(|out, error| unsafe { spot_config_clone(self.0.get(), out, error) }).map(Config)
    }

    /// Sets one key. Text is taken for a key of any type.
    ///
    /// # Errors
    /// [`Status::Config`](crate::Status::Config): no such key, wrong type, or out of bounds; the message says what is
    /// allowed.
    pub fn set<'a>(&mut self, key: &str, value: impl Into<Value<'a>>) -> Result<()> {
        let name = argument("the key", key)?;
        let (handle, name) = (self.0.get(), name.as_ptr());
        match value.into() {
            Value::Integer(value) => call(|error| unsafe { spot_config_set_i64(handle, name, value, error) }),
            Value::Number(value) => call(|error| unsafe { spot_config_set_f64(handle, name, value, error) }),
            Value::Text(value) => {
                let value = argument(key, value)?;
                call(|error| unsafe { spot_config_set_str(handle, name, value.as_ptr(), error) })
            }
        }
    }

    /// Gives a key its default again.
    pub fn unset(&mut self, key: &str) -> Result<()> {
        let key = argument("the key", key)?;
        call(|error| unsafe { spot_config_unset(self.0.get(), key.as_ptr(), error) })
    }

    /// The value of any key, as text that [`Config::set`] takes.
    pub fn get(&self, key: &str) -> Result<String> {
        let key = argument("the key", key)?;
        take_text(|out, error| unsafe { spot_config_get_str(self.0.get(), key.as_ptr(), out, error) })
    }

    /// The value of a key that is an integer or a boolean (0 and 1).
    pub fn get_i64(&self, key: &str) -> Result<i64> {
        let key = argument("the key", key)?;
        let mut value = 0;
        call(|error| unsafe { spot_config_get_i64(self.0.get(), key.as_ptr(), &mut value, error) })?;
        Ok(value)
    }

    /// The value of a key that is a number.
    pub fn get_f64(&self, key: &str) -> Result<f64> {
        let key = argument("the key", key)?;
        let mut value = 0.0;
        call(|error| unsafe { spot_config_get_f64(self.0.get(), key.as_ptr(), &mut value, error) })?;
        Ok(value)
    }

    /// Where whatever is created from this configuration reports messages of `level` and graver ones. The closure may be
    /// called by several threads at once, also by those of the library, and must not call the library. Its panic goes on
    /// in the call that it happened in, or, on a thread of the library, ends there.
    pub fn set_log<F>(&mut self, level: LogLevel, receiver: F) -> Result<()>
    where
        F: Fn(LogLevel, &str) + Send + Sync + 'static,
    {
        let user = Box::into_raw(Box::new(receiver)).cast();
        let (receive, destroy): (spot_log_fn, spot_destroy_fn) = (Some(receive::<F>), Some(panics::destroy::<F>));
        let handle = self.0.get();
        let result = call(|error| unsafe { spot_config_set_log(handle, level as i32, receive, user, destroy, error) });
        if result.is_err() {
            drop(unsafe { Box::from_raw(user.cast::<F>()) });
        }
        result
    }

    /// The same into a queue.
    pub fn set_log_queue(&mut self, queue: &LogQueue) -> Result<()> {
        call(|error| unsafe { spot_config_set_log_queue(self.0.get(), queue.0.get(), error) })
    }

    /// Reports nowhere, as it is at first.
    pub fn clear_log(&mut self) -> Result<()> {
        let level = LogLevel::Error as i32;
        call(|error| unsafe { spot_config_set_log(self.0.get(), level, None, null_mut(), None, error) })
    }

    /// All keys with type, default, bounds and help: a JSON array, as `spot_config_describe` in the header says.
    pub fn describe() -> Result<&'static str> {
        check_abi()?;
        Ok(unsafe { constant(spot_config_describe()) })
    }
}

unsafe extern "C" fn receive<F: Fn(LogLevel, &str)>(
    user: *mut c_void,
    level: i32,
    message: *const c_char,
    length: usize,
) {
    panics::catch((), || {
        let message = String::from_utf8_lossy(std::slice::from_raw_parts(message.cast(), length));
        (*user.cast::<F>())(LogLevel::from_raw(level), &message);
    });
}

/// Makes a [`Config`].
#[derive(Debug)]
pub struct ConfigBuilder(Result<Config>);

impl ConfigBuilder {
    /// As [`Config::set`].
    pub fn set<'a>(self, key: &str, value: impl Into<Value<'a>>) -> Self {
        self.then(|config| config.set(key, value))
    }

    /// As [`Config::set_log`].
    pub fn log(self, level: LogLevel, receiver: impl Fn(LogLevel, &str) + Send + Sync + 'static) -> Self {
        self.then(|config| config.set_log(level, receiver))
    }

    /// As [`Config::set_log_queue`].
    pub fn log_queue(self, queue: &LogQueue) -> Self {
        self.then(|config| config.set_log_queue(queue))
    }

    /// The configuration, or the first failure on the way.
    pub fn build(self) -> Result<Config> {
        self.0
    }

    fn then(self, change: impl FnOnce(&mut Config) -> Result<()>) -> Self {
        ConfigBuilder(self.0.and_then(|mut config| change(&mut config).map(|()| config)))
    }
}

/// What a key may be set to. Everything that is usual becomes one of these by itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// For integers, numbers and booleans (0 and 1).
    Integer(i64),
    /// For numbers.
    Number(f64),
    /// For keys of any type.
    Text(Cow<'a, OsStr>),
}

macro_rules! values {
    ($($type:ty: $value:ident => $result:expr;)+) => { $(
        impl From<$type> for Value<'_> {
            fn from($value: $type) -> Self {
                $result
            }
        }
    )+ };
}

/// Exactly, where i64 is too small for it.
fn digits(value: impl ToString) -> Value<'static> {
    Value::Text(Cow::Owned(value.to_string().into()))
}

values! {
    i32: value => Value::Integer(value.into());
    u32: value => Value::Integer(value.into());
    i64: value => Value::Integer(value);
    u64: value => digits(value);
    usize: value => digits(value);
    bool: value => Value::Integer(value.into());
    f32: value => digits(value); // 0.05, and not the double beside it
    f64: value => Value::Number(value);
    String: value => Value::Text(Cow::Owned(value.into()));
    OsString: value => Value::Text(Cow::Owned(value));
    PathBuf: value => Value::Text(Cow::Owned(value.into()));
}

impl<'a, T: AsRef<OsStr> + ?Sized> From<&'a T> for Value<'a> {
    fn from(text: &'a T) -> Self {
        Value::Text(Cow::Borrowed(text.as_ref()))
    }
}
