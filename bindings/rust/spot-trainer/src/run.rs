use crate::cancel::Cancel;
use crate::error::Result;
use crate::event::{Event, Events};
use crate::monitor::Monitor;
use crate::poller::Poller;
use crate::report::RunResult;
use crate::trainer::Trainer;
use std::panic::resume_unwind;
use std::sync::mpsc::{channel, Receiver};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

/// A run on a thread of its own, and an iterator over its events, which ends with the run: see [`Trainer::start`]. Events
/// that nobody takes are kept, and never hold up the run. Dropping it cancels the run and waits until its state is durable.
#[derive(Debug)]
pub struct Run {
    events: Receiver<Event>,
    cancel: Cancel,
    monitor: Monitor,
    thread: Option<JoinHandle<(Trainer, Result<RunResult>)>>,
}

impl Run {
    pub(crate) fn start(mut trainer: Trainer, events: Events, poller: Option<Arc<Poller>>) -> Result<Self> {
        let cancel = Cancel::new()?;
        let (sender, receiver) = channel();
        trainer.on_event(events, move |event| {
            let _ = sender.send(event.clone()); // whoever dropped the receiver has cancelled the run
        })?;
        let monitor = trainer.monitor();
        let stop = cancel.clone();
        let thread = thread::spawn(move || {
            let result = trainer.run(poller.as_deref(), Some(&stop));
            let cleared = trainer.clear_on_event(); // the iterator ends
            (trainer, result.and_then(|result| cleared.map(|()| result)))
        });
        Ok(Run { events: receiver, cancel, monitor, thread: Some(thread) })
    }

    /// Triggered, it stops the run at the next step boundary, durably.
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// How far the run has come.
    pub fn monitor(&self) -> &Monitor {
        &self.monitor
    }

    /// Waits for the run's end, and gives the trainer back.
    pub fn finish(mut self) -> (Trainer, Result<RunResult>) {
        let thread = self.thread.take().expect("only finish and drop take it");
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    }
}

impl Iterator for Run {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.events.recv().ok()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.cancel.trigger();
            let _ = thread.join(); // nobody asks for its result any more
        }
    }
}
