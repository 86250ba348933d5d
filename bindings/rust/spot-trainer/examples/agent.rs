//! Trains on a volume until it is done, interrupted or told to stop. Run it again and it goes on where it was.
//!
//!     agent VOLUME [KEY=VALUE ...]        e.g.  agent /mnt/data dataset=mnist epochs=3
//!
//! SIGTERM and SIGINT end it after the step in progress, with a checkpoint. Its last line on stdout is JSON: why it ended,
//! at which step, whether that is durable, and the hash of the state. Exit code: 0 done, 75 stopped with a durable
//! checkpoint, 76 without, 1 failed.

use spot_trainer::{Cancel, Config, Event, EventKind, Events, LogLevel, Poller, RunReason, RunResult, Status, Trainer};
use std::error::Error;
use std::io::{stderr, stdout, Write};
use std::os::raw::c_int;
use std::process::exit;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

fn main() {
    match train() {
        Ok(Outcome { reason, step, durable, state_hash }) => {
            let _ = writeln!(
                stdout(),
                r#"{{"reason": "{reason}", "step": {step}, "durable": {durable}, "state_hash": "{state_hash}"}}"#
            );
            exit(match (reason, durable) {
                (RunReason::Done, _) => 0,
                (_, true) => 75,
                (_, false) => 76,
            });
        }
        Err(error) => {
            let _ = writeln!(stderr(), "agent: {error}");
            exit(1);
        }
    }
}

/// What the last line says.
struct Outcome {
    reason: RunReason,
    step: u64,
    durable: bool,
    state_hash: String,
}

fn train() -> Result<Outcome, Box<dyn Error>> {
    let config = configure()?;
    let cancel = cancel_at_signals()?;
    let poller = Poller::new(&config)?;
    let mut trainer = match Trainer::new(&config, None, Some(cancel)) {
        // While it fetched the dataset: nothing is lost.
        Err(error) if error.status() == Status::Cancelled => {
            return Ok(Outcome { reason: RunReason::Cancelled, step: 0, durable: true, state_hash: String::new() });
        }
        created => created?,
    };
    trainer.on_event(Events::ALL, show)?;
    let RunResult { reason, step, durable, state_hash, .. } = trainer.run(Some(&poller), Some(cancel))?;
    Ok(Outcome { reason, step, durable, state_hash })
}

fn configure() -> Result<Config, Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let volume = arguments.next().ok_or("usage: agent VOLUME [KEY=VALUE ...]")?;
    let mut config = Config::new()?;
    config.set_log(LogLevel::Warning, |_, message| drop(writeln!(stderr(), "agent: {message}")))?;
    config.set("volume", volume)?;
    for argument in arguments {
        let (key, value) = argument.split_once('=').ok_or_else(|| format!("'{argument}' is not KEY=VALUE"))?;
        config.set(key, value)?;
    }
    Ok(config)
}

/// A terminal or pipe that takes no more must not end the run.
fn show(event: &Event) {
    let step = event.step;
    let line = match &event.kind {
        EventKind::Step { loss, samples_per_second, .. } if step % 100 == 0 => {
            format!("step {step}: loss {loss:.4}, {samples_per_second:.0} samples/s")
        }
        EventKind::EpochEnd { test_accuracy: Some(accuracy), .. } => {
            format!("epoch {}: test accuracy {accuracy:.4}", event.epoch)
        }
        EventKind::Checkpoint { status: Status::Ok, reason, durable_ms, .. } => {
            format!("checkpoint of step {step} ({reason}) after {durable_ms:.1} ms")
        }
        EventKind::Checkpoint { reason, message, .. } => format!("no checkpoint of step {step} ({reason}): {message}"),
        EventKind::Notice(notice) => {
            let left = notice.seconds_left.map_or(String::new(), |seconds| format!(", {seconds:.0} s left"));
            let told = if notice.withdrawn { "notice withdrawn" } else { "notice" };
            format!("{told} by {}: {}{left}", notice.source, notice.action)
        }
        _ => return,
    };
    let _ = writeln!(stderr(), "{line}");
}

const SIGINT: c_int = 2;
const SIGTERM: c_int = 15;

static CANCEL: AtomicPtr<Cancel> = AtomicPtr::new(null_mut());

extern "C" {
    fn signal(number: c_int, handler: extern "C" fn(c_int)) -> usize;
}

extern "C" fn trigger(_number: c_int) {
    unsafe { (*CANCEL.load(Ordering::SeqCst)).trigger() }
}

/// A cancel that SIGTERM and SIGINT trigger, for as long as the process lives.
fn cancel_at_signals() -> spot_trainer::Result<&'static Cancel> {
    let cancel = Box::leak(Box::new(Cancel::new()?));
    CANCEL.store(cancel, Ordering::SeqCst);
    unsafe {
        signal(SIGTERM, trigger);
        signal(SIGINT, trigger);
    }
    Ok(cancel)
}
