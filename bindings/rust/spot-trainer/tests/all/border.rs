//! What Rust promises at the border: panics stay on this side, and threads may do what the types say.

use crate::support::*;
use spot_trainer::*;
use std::panic::{catch_unwind, AssertUnwindSafe};

fn is_send_and_sync<T: Send + Sync>() {}
fn is_send<T: Send>() {}

#[test]
fn handles_are_send_and_sync() {
    is_send_and_sync::<(Config, ConfigBuilder, Cancel, LogQueue, Poller, Dataset, Arrays<u8, i64>)>();
    is_send_and_sync::<(Trainer, Monitor, Checkpoint, Model, Bytes, Error, Event)>();
    is_send::<Run>();
}

fn message(panicking: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(panicking)).unwrap_err();
    panic.downcast_ref::<&str>().map(|text| text.to_string()).unwrap()
}

#[test]
fn a_panic_in_an_event_goes_on_after_the_call() {
    let folder = Folder::new("panic");
    let mut trainer = trainer(settings(&folder.volume("volume")));
    trainer
        .on_event(Events::STEP, |event| {
            if event.step == 3 {
                panic!("at step 3");
            }
        })
        .unwrap();
    assert_eq!(message(|| drop(trainer.step(10, None))), "at step 3");
    trainer.on_event(Events::STEP, |_| Flow::Fail).unwrap();
    assert_eq!(trainer.step(1, None).unwrap_err().error.status(), Status::Callback);
    trainer.clear_on_event().unwrap();
    trainer.step(1, None).unwrap();
}

#[test]
fn a_panic_in_a_run_of_its_own_thread_comes_out_of_finish() {
    let folder = Folder::new("panic-run");
    let settings = settings(&folder.volume("volume")).log(LogLevel::Info, |_, _| panic!("in the log"));
    let caught = message(|| {
        let (_, result) = trainer(settings).start(Events::STEP, None).unwrap().finish();
        result.unwrap();
    });
    assert_eq!(caught, "in the log");
}

#[test]
fn a_panic_in_a_destructor_of_data_ends_there() {
    struct Bomb(Vec<u8>);
    impl AsRef<[u8]> for Bomb {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let pixels = Bomb(images(TRAIN, SIDE * SIDE));
    let dataset = Dataset::new(Arrays::new([28, 28, 1], pixels, labels(TRAIN))).unwrap();
    assert_eq!(message(|| drop(dataset)), "dropped");
}
