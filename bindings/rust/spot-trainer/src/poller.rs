use crate::border::{argument, array, call, fill, make, measured, milliseconds, optional, Owner};
use crate::cancel::Cancel;
use crate::config::Config;
use crate::error::{Result, Status};
use crate::numbers::numbers;
use spot_trainer_sys::*;
use std::time::Duration;

numbers! {
    /// What will be done to the machine.
    Action, spot_action_name {
        /// It is terminated.
        Terminate = SPOT_ACTION_TERMINATE,
        /// It is stopped.
        Stop = SPOT_ACTION_STOP,
        /// It is hibernated.
        Hibernate = SPOT_ACTION_HIBERNATE,
        /// It may soon be taken away: save early and go on.
        Rebalance = SPOT_ACTION_REBALANCE,
        /// The host, or the watched file, asks to stop.
        Request = SPOT_ACTION_REQUEST,
    }
}

/// That the machine will be taken away, or, when it is withdrawn, that it will not.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// What will be done to the machine.
    pub action: Action,
    /// Of the event: its notice and its withdrawal have the same.
    pub id: u64,
    /// Until the machine may be gone, from when it was told; negative: overdue; `None`: no end is known.
    pub seconds_left: Option<f64>,
    /// Its time had passed when it was first seen, or it was there before the poller began: see the header.
    pub stale: bool,
    /// The event is over.
    pub withdrawn: bool,
    /// A run saves and stops for it; else it saves and goes on.
    pub ends_run: bool,
    /// `aws-spot-action`, `file`, `host`, ...
    pub source: String,
    /// The source's own words.
    pub detail: String,
}

/// How the watching goes.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct PollerHealth {
    /// There is nothing to watch here.
    pub disabled: bool,
    /// Questions asked so far.
    pub polls: u64,
    /// Answers that said neither yes nor no.
    pub failures_in_a_row: u64,
    /// `None`: never yet.
    pub seconds_since_success: Option<f64>,
    /// What is watched, as the key `metadata` names it; empty: nothing, or no cloud is found yet.
    pub source: String,
    /// Empty after a success; when disabled: why.
    pub last_error: String,
}

/// Watches for interruption notices on a thread of the library, from the sources that the keys `metadata`,
/// `metadata_endpoint`, `metadata_v1`, `gcp_notice_seconds` and `poll_seconds` name. It needs no trainer. A notice is
/// state: every run and every waiter sees each one.
#[derive(Debug)]
pub struct Poller(Owner<spot_poller>);

impl Poller {
    /// Starts watching. Dropping it stops within 100 ms; a run that uses it goes on with it to its end.
    pub fn new(config: &Config) -> Result<Self> {
        make(|out, error| unsafe { spot_poller_create(config.0.get(), out, error) }).map(Poller)
    }

    /// Waits for the next notice or withdrawal; `None`: none came within the time. A `timeout` of `None` waits for ever.
    /// `position` is the waiter's place, 0 at first; each notice moves it on.
    ///
    /// # Errors
    /// [`Status::Cancelled`].
    pub fn wait(
        &self,
        position: &mut u64,
        timeout: Option<Duration>,
        cancel: Option<&Cancel>,
    ) -> Result<Option<Notice>> {
        let (time, cancel) = (milliseconds(timeout), Cancel::get(cancel));
        match fill(|out, error| unsafe { spot_poller_wait(self.0.get(), position, time, cancel, out, error) }) {
            Ok(notice) => Ok(Some(Notice::read(&notice))),
            Err(error) if error.status() == Status::Timeout => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Files a notice of the host's own, and gives its id. `source` is "host" where it is `None`; `seconds_left` is the
    /// time until the end. Takes a lock: not for a signal handler.
    pub fn notify(
        &self,
        action: Action,
        source: Option<&str>,
        detail: Option<&str>,
        seconds_left: Option<f64>,
    ) -> Result<u64> {
        let source = source.map(|text| argument("the source", text)).transpose()?;
        let detail = detail.map(|text| argument("the detail", text)).transpose()?;
        let (source, detail, seconds_left) = (optional(&source), optional(&detail), seconds_left.unwrap_or(f64::NAN));
        let mut id = 0;
        call(|error| unsafe {
            spot_poller_notify(self.0.get(), action.raw(), source, detail, seconds_left, &mut id, error)
        })?;
        Ok(id)
    }

    /// Tells that a notice is over: a run that has not stopped for it goes on.
    ///
    /// # Errors
    /// [`Status::NotFound`]: there is none of that id, or it is over already.
    pub fn withdraw(&self, id: u64) -> Result<()> {
        call(|error| unsafe { spot_poller_withdraw(self.0.get(), id, error) })
    }

    /// How the watching goes.
    pub fn health(&self) -> Result<PollerHealth> {
        let health = fill(|out, error| unsafe { spot_poller_get_health(self.0.get(), out, error) })?;
        Ok(PollerHealth {
            disabled: health.disabled != 0,
            polls: health.polls,
            failures_in_a_row: health.failures_in_a_row,
            seconds_since_success: measured(health.seconds_since_success),
            source: array(&health.source),
            last_error: array(&health.last_error),
        })
    }

    pub(crate) fn get(&self) -> *mut spot_poller {
        self.0.get()
    }
}

impl Notice {
    fn read(notice: &spot_notice) -> Self {
        Notice {
            action: Action::from_raw(notice.action),
            id: notice.id,
            seconds_left: measured(notice.seconds_left),
            stale: notice.stale != 0,
            withdrawn: notice.withdrawn != 0,
            ends_run: notice.ends_run != 0,
            source: array(&notice.source),
            detail: array(&notice.detail),
        }
    }
}
