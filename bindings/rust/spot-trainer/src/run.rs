use crate::cancel::Cancel;
use crate::error::Result;
use crate::event::{Event, EventKind, Events};
use crate::monitor::Monitor;
use crate::poller::Poller;
use crate::report::RunResult;
use crate::trainer::Trainer;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{channel, Receiver};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

/// How many events wait to be taken before further steps are left out.
const MOST_WAITING: usize = 4096;

/// A run on a thread of its own, and an iterator over its events, which ends with the run: see [`Trainer::start`]. Training
/// never waits for whoever takes them: when 4,096 events wait, further steps are left out, see [`Run::dropped`]. Dropping
/// it cancels the run and waits until its state is durable.
#[derive(Debug)]
pub struct Run {
    events: Receiver<Event>,
    counts: Arc<Counts>,
    cancel: Cancel,
    monitor: Monitor,
    thread: Option<JoinHandle<(Trainer, Result<RunResult>)>>,
}

#[derive(Debug, Default)]
struct Counts {
    waiting: AtomicUsize, // at least as many as the channel holds
    dropped: AtomicU64,
}

impl Run {
    pub(crate) fn start(mut trainer: Trainer, events: Events, poller: Option<Arc<Poller>>) -> Result<Self> {
        let cancel = Cancel::new()?;
        let (sender, receiver) = channel();
        let counts = Arc::new(Counts::default());
        let told = Arc::clone(&counts);
        trainer.on_event(events, move |event| {
            if matches!(event.kind, EventKind::Step { .. }) && told.waiting.load(Ordering::Relaxed) >= MOST_WAITING {
                told.dropped.fetch_add(1, Ordering::Relaxed);
                return;
            }
            told.waiting.fetch_add(1, Ordering::Relaxed);
            let _ = sender.send(event.clone()); // whoever dropped the receiver has cancelled the run
        })?;
        let monitor = trainer.monitor();
        let stop = cancel.clone();
        let thread = thread::spawn(move || {
            let result = trainer.run(poller.as_deref(), Some(&stop));
            let cleared = trainer.clear_on_event(); // the iterator ends
            (trainer, result.and_then(|result| cleared.map(|()| result)))
        });
        Ok(Run { events: receiver, counts, cancel, monitor, thread: Some(thread) })
    }

    /// Triggered, it stops the run at the next step boundary, durably.
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// How far the run has come.
    pub fn monitor(&self) -> &Monitor {
        &self.monitor
    }

    /// How many steps were left out because nobody took the events.
    pub fn dropped(&self) -> u64 {
        self.counts.dropped.load(Ordering::Relaxed)
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
        let event = self.events.recv().ok()?;
        self.counts.waiting.fetch_sub(1, Ordering::Relaxed);
        Some(event)
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
