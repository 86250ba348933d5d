//! The scenarios that every binding shows, under the names that they have in every language.

use crate::support::*;
use spot_trainer::*;
use std::io::{BufRead, BufReader, ErrorKind};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fs, thread};

#[test]
fn train() {
    let folder = Folder::new("train");
    let run = |threads: i32| {
        let mut trainer = trainer(settings(&folder.volume(&format!("threads-{threads}"))).set("threads", threads));
        let steps = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&steps);
        trainer.on_event(Events::STEP, move |event| told.lock().unwrap().push(event.step)).unwrap();
        let result = trainer.run(None, None).unwrap();
        assert_eq!(result.reason, RunReason::Done);
        assert_eq!((result.step, result.epoch, result.resumed, result.durable), (STEPS, 3, false, true));
        assert_eq!(*steps.lock().unwrap(), (1..=STEPS).collect::<Vec<_>>());
        assert!(result.model_path.unwrap().exists());
        assert_eq!(trainer.state_hash().unwrap(), result.state_hash);
        result.state_hash
    };
    assert_eq!(run(1), run(2));
}

#[test]
fn events_come_by_an_iterator_too() {
    let folder = Folder::new("iterator");
    let mut run = trainer(settings(&folder.volume("volume"))).start(Events::ALL, None).unwrap();
    let monitor = run.monitor().clone();
    let kinds: Vec<_> = run.by_ref().map(|event| event.kind).collect();
    assert!(matches!(kinds.first(), Some(EventKind::RunBegin { resumed: false, .. })));
    assert!(matches!(kinds.last(), Some(EventKind::RunEnd { reason: RunReason::Done, .. })));
    assert_eq!(kinds.iter().filter(|kind| matches!(kind, EventKind::Step { .. })).count() as u64, STEPS);
    assert_eq!(kinds.iter().filter(|kind| matches!(kind, EventKind::EpochBegin)).count(), 3);
    let saved =
        |kind: &&EventKind| matches!(kind, EventKind::Checkpoint { status: Status::Ok, path, .. } if path.exists());
    assert!(kinds.iter().filter(saved).count() > 0);
    let (trainer, result) = run.finish();
    assert_eq!(result.unwrap().state_hash, uninterrupted_hash(&folder));
    assert_eq!(monitor.progress().unwrap().saved_step, STEPS);
    drop(trainer);
    assert_eq!(monitor.progress().unwrap_err().status(), Status::Order);
}

#[test]
fn steps_that_nobody_takes_are_left_out() {
    const MANY: u64 = 5000;
    let folder = Folder::new("left-out");
    let settings = settings(&folder.volume("volume")).set("batch_size", 1).set("epochs", MANY).set("steps", MANY);
    let smallest = r#"{"layers": [{"type": "flatten"}, {"type": "dense", "units": 10}]}"#;
    let config = settings.set("checkpoint_epochs", 0).set("model", smallest).build().unwrap();
    let pixels = vec![7u8; 100 * 4 * 4];
    let dataset = Dataset::new(Arrays::new([4, 4, 1], pixels, labels(100))).unwrap();
    let mut run = Trainer::new(&config, Some(&dataset), None).unwrap().start(Events::ALL, None).unwrap();
    let has_ended = |progress: Progress| progress.seconds.is_some() && !progress.running;
    while !has_ended(run.monitor().progress().unwrap()) {
        thread::sleep(Duration::from_millis(5)); // nobody takes events meanwhile
    }
    let events: Vec<_> = run.by_ref().collect();
    let first: Vec<_> = events[..4096].iter().filter(|event| matches!(event.kind, EventKind::Step { .. })).collect();
    assert!(first.iter().map(|event| event.step).eq(1..=first.len() as u64));
    assert_eq!(run.dropped(), MANY - first.len() as u64);
    let rest = &events[4096..];
    assert!(rest.iter().all(|event| !matches!(event.kind, EventKind::Step { .. })));
    assert!(matches!(rest.last().unwrap().kind, EventKind::RunEnd { reason: RunReason::Done, .. }));
    assert_eq!(events.iter().filter(|event| event.kind == EventKind::EpochBegin).count(), 50);
}

#[test]
fn notice() {
    let folder = Folder::new("notice");
    let volume = folder.volume("volume");
    let poller = Arc::new(Poller::new(&settings(&volume).build().unwrap()).unwrap());
    let mut interrupted = trainer(settings(&volume));
    let source = Arc::clone(&poller);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    interrupted
        .on_event(Events::STEP | Events::NOTICE, move |event| match &event.kind {
            EventKind::Notice(notice) => told.lock().unwrap().push(notice.clone()),
            _ if event.step == 10 => {
                source.notify(Action::Terminate, None, Some("a test"), Some(3600.0)).unwrap();
            }
            _ => {}
        })
        .unwrap();
    let result = interrupted.run(Some(&poller), None).unwrap();
    assert_eq!((result.reason, result.durable), (RunReason::Interrupted, true));
    assert!(result.step >= 10 && result.step < STEPS);
    assert!(result.notice_to_durable_ms.unwrap() > 0.0);
    assert!((1.0..3600.0).contains(&result.seconds_left.unwrap()));
    let seen = seen.lock().unwrap();
    assert_eq!((seen.len(), seen[0].action, seen[0].ends_run), (1, Action::Terminate, true));
    assert_eq!((seen[0].source.as_str(), seen[0].detail.as_str()), ("host", "a test"));
    drop(interrupted);
    let resumed = run_to_the_end(settings(&volume));
    assert!(resumed.resumed);
    assert_eq!(resumed.state_hash, uninterrupted_hash(&folder));
}

#[test]
fn kill() {
    let folder = Folder::new("kill");
    let data = folder.volume("data");
    write_idx(&data);
    let agent_on = |volume: &Path, steps: u64| {
        let mut command = agent();
        command.arg(volume).arg(format!("dataset={}", data.display())).arg(format!("steps={steps}"));
        command.args(["model=mlp", "batch_size=16", "threads=1", "metadata=none"]);
        command.args(["epochs=1000000", "checkpoint_steps=20", "checkpoint_epochs=0"]);
        command
    };
    let last_line = |mut command: Command| {
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().last().unwrap().to_string()
    };

    // With no end of its own, it is killed before that.
    let volume = folder.volume("volume");
    let mut child = agent_on(&volume, 0).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().starts_with("checkpoint of step")));
    child.kill().unwrap(); // SIGKILL
    assert_eq!(child.wait().unwrap().code(), None);
    let step = Checkpoint::open(&volume, None).unwrap().info().unwrap().step;
    assert!(step > 0);

    let steps = step + 30;
    let resumed = last_line(agent_on(&volume, steps));
    let expected = format!(r#"{{"reason": "done", "step": {steps}, "durable": true, "state_hash": ""#);
    assert!(resumed.starts_with(&expected), "{resumed}");
    assert_eq!(resumed, last_line(agent_on(&folder.volume("uninterrupted"), steps)));
}

#[test]
fn resume() {
    let folder = Folder::new("resume");
    let volume = folder.volume("volume");
    let mut stopped = trainer(settings(&volume));
    let at_25 = |event: &Event| if event.step == 25 { Flow::Stop } else { Flow::Continue };
    stopped.on_event(Events::STEP, at_25).unwrap();
    let result = stopped.run(None, None).unwrap();
    assert_eq!((result.reason, result.step, result.durable), (RunReason::Stopped, 25, true));
    drop(stopped);
    let resumed = run_to_the_end(settings(&volume));
    assert!(resumed.resumed);
    assert_eq!(resumed.state_hash, uninterrupted_hash(&folder));
}

#[test]
fn fence() {
    let folder = Folder::new("fence");
    let volume = folder.volume("volume");
    let mut first = trainer(settings(&volume));
    first.step(3, None).unwrap();
    assert_eq!(first.checkpoint(None).unwrap().step, 3);
    let mut second = trainer(settings(&volume).set("takeover", true));
    second.restore(None, None).unwrap();
    assert_eq!(second.info().unwrap().step, 3);
    second.step(1, None).unwrap();
    second.checkpoint(None).unwrap();
    first.step(5, None).unwrap();
    assert_eq!(first.checkpoint(None).unwrap_err().status(), Status::Fenced);
    assert_eq!(first.run(None, None).unwrap_err().status(), Status::Fenced);
    assert_eq!(Checkpoint::open(&volume, None).unwrap().info().unwrap().step, 4);
}

#[test]
fn cancel() {
    let folder = Folder::new("cancel");
    let volume = folder.volume("volume");
    let cancel = Cancel::new().unwrap();

    let mut first = trainer(settings(&volume));
    let clone = cancel.clone();
    first
        .on_event(Events::STEP, move |event| {
            if event.step == 10 {
                clone.trigger();
            }
        })
        .unwrap();
    let result = first.run(None, Some(&cancel)).unwrap();
    assert_eq!((result.reason, result.durable), (RunReason::Cancelled, true));
    assert!(result.step >= 10 && result.step < STEPS);
    let error = first.step(5, Some(&cancel)).unwrap_err();
    assert_eq!(error.error.status(), Status::Cancelled);
    assert_eq!(error.metrics.unwrap().steps, 0);

    cancel.reset();
    assert!(!cancel.is_triggered());
    let queue = LogQueue::new(LogLevel::Warning, 100).unwrap();
    let mut second = trainer(settings(&volume).set("lease_wait_seconds", 600).log_queue(&queue));
    thread::scope(|scope| {
        scope.spawn(|| {
            let (_, message) = queue.next(Some(Duration::from_secs(500)), None).unwrap().unwrap();
            assert!(message.starts_with("waiting for"), "{message}");
            cancel.trigger();
        });
        assert_eq!(second.checkpoint(Some(&cancel)).unwrap_err().status(), Status::Cancelled);
    });
    drop((first, second));
    assert_eq!(run_to_the_end(settings(&volume)).state_hash, uninterrupted_hash(&folder));
}

#[test]
fn an_agent_that_is_stopped_before_its_run_has_lost_nothing() {
    let folder = Folder::new("stopped-early");
    let mirror = TcpListener::bind("127.0.0.1:0").unwrap(); // which never answers
    mirror.set_nonblocking(true).unwrap();
    let mut command = agent();
    command.arg(folder.path()).args(["dataset=kmnist", "metadata=none"]);
    command.arg(format!("dataset_mirrors=http://{}/", mirror.local_addr().unwrap()));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let connection = loop {
        match mirror.accept() {
            Err(error) if error.kind() == ErrorKind::WouldBlock && child.try_wait().unwrap().is_none() => {
                thread::sleep(Duration::from_millis(5));
            }
            other => break other,
        }
    };
    terminate(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(75), "{connection:?}: {}", String::from_utf8_lossy(&output.stderr));
    let expected = "{\"reason\": \"cancelled\", \"step\": 0, \"durable\": true, \"state_hash\": \"\"}\n";
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}

#[test]
fn a_run_that_is_dropped_is_cancelled_and_durable() {
    let folder = Folder::new("drop");
    let volume = folder.volume("volume");
    let endless = settings(&volume).set("epochs", 1_000_000).set("checkpoint_epochs", 0).set("checkpoint_seconds", 0);
    let mut run = trainer(endless).start(Events::STEP, None).unwrap();
    let step = run.find(|event| event.step >= 30).unwrap().step;
    drop(run);
    assert!(Checkpoint::open(&volume, None).unwrap().info().unwrap().step >= step);
}

#[test]
fn bad_input() {
    let folder = Folder::new("bad_input");
    let volume = folder.volume("volume");
    let refused = |error: Error, status: Status, words: &[&str]| {
        assert_eq!(error.status(), status, "{error}");
        for word in words {
            assert!(error.message().contains(word), "'{error}' does not name {word}");
        }
    };
    let mut config = settings(&volume).build().unwrap();
    refused(config.set("batch_sise", 16).unwrap_err(), Status::Config, &["batch_sise", "batch_size"]);
    refused(config.set("batch_size", 0).unwrap_err(), Status::Config, &["batch_size", "0", "65536"]);
    refused(config.set("batch_size", "many").unwrap_err(), Status::Config, &["batch_size", "many"]);
    refused(config.set("volume", "a\0b").unwrap_err(), Status::InvalidArgument, &["volume", "zero byte"]);
    refused(settings(&volume).set("seed", -1).build().unwrap_err(), Status::Config, &["seed", "-1"]);
    assert_eq!(config.get("batch_size").unwrap(), "16");
    config.set("learning_rate", 0.05_f32).unwrap();
    assert_eq!(config.get("learning_rate").unwrap(), "0.05");
    assert_eq!((config.get_f64("learning_rate").unwrap(), config.get_i64("batch_size").unwrap()), (0.05, 16));
    config.unset("learning_rate").unwrap();
    assert_eq!(config.try_clone().unwrap().get_f64("learning_rate").unwrap(), 0.0);

    let short = Arrays::<u8, u8>::new([28, 28, 1], images(TRAIN, SIDE * SIDE - 1), labels(TRAIN));
    refused(Dataset::new(short).unwrap_err(), Status::InvalidArgument, &["train_images", "250560"]);
    let out_of_range = Arrays::<u8, u8>::new([28, 28, 1], images(TRAIN, SIDE * SIDE), labels(TRAIN)).classes(9);
    refused(Dataset::new(out_of_range).unwrap_err(), Status::Data, &["9"]);

    let mut trainer = trainer(settings(&volume));
    trainer.step(2, None).unwrap();
    let path = trainer.checkpoint(None).unwrap().path;
    refused(trainer.read_tensor(Some("no.such"), &mut [0.0]).unwrap_err(), Status::NotFound, &["no.such"]);
    let name = trainer.tensors().unwrap()[0].name.clone();
    refused(trainer.read_tensor(Some(&name), &mut [0.0]).unwrap_err(), Status::InvalidArgument, &["values", "401408"]);
    let model = Model::open_trainer(&mut trainer, None).unwrap();
    refused(model.predict(&[0u8; 783], None).unwrap_err(), Status::InvalidArgument, &["783"]);
    refused(trainer.evaluate(Split::Validation, None).unwrap_err(), Status::Order, &["validation"]);

    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let damaged = folder.path().join("damaged.spck");
    fs::write(&damaged, &bytes).unwrap();
    let error = Checkpoint::open(&damaged, None).unwrap_err();
    assert!(error.byte_offset().is_some());
    refused(error, Status::Corrupt, &["damaged.spck"]);
    refused(trainer.restore(Some(&damaged), None).unwrap_err(), Status::Corrupt, &["damaged.spck"]);
    let missing = folder.path().join("missing.spck");
    refused(trainer.restore(Some(&missing), None).unwrap_err(), Status::NotFound, &["missing.spck"]);
    assert_eq!(trainer.info().unwrap().step, 2);
}

/// Counts how often it is dropped.
struct Counted<T>(Vec<T>, Arc<AtomicUsize>);

impl<T> AsRef<[T]> for Counted<T> {
    fn as_ref(&self) -> &[T] {
        &self.0
    }
}

impl<T> Drop for Counted<T> {
    fn drop(&mut self) {
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn own_data() {
    let folder = Folder::new("own_data");
    let values = SIDE * SIDE * 3;
    let rgb = images(TRAIN, values);
    let drops = Arc::new(AtomicUsize::new(0));
    let counted = Counted(rgb.clone(), Arc::clone(&drops));
    let dataset = Dataset::new(Arrays::new([28, 28, 3], counted, labels(TRAIN)).name("rgb")).unwrap();
    let info = dataset.info().unwrap();
    assert_eq!((info.name.as_str(), info.classes, info.channels), ("rgb", 10, 3));
    assert_eq!((info.train_samples, info.test_samples, info.image_type), (TRAIN as u64, 0, ImageType::Uint8));

    let config = settings(&folder.volume("rgb")).build().unwrap();
    let mut trainer = Trainer::new(&config, Some(&dataset), None).unwrap();
    drop(dataset);
    let result = trainer.run(None, None).unwrap();
    assert_eq!((result.reason, result.test_accuracy), (RunReason::Done, None));
    assert_eq!(trainer.evaluate(Split::Test, None).unwrap_err().status(), Status::Order);
    let counts = trainer.confusion(Split::Train, None).unwrap();
    assert_eq!((counts.len(), counts.iter().sum::<u64>()), (100, TRAIN as u64));
    assert_eq!(drops.load(Ordering::SeqCst), 0);
    drop(trainer);
    assert_eq!(drops.load(Ordering::SeqCst), 1);

    let refused = Arrays::new([28, 28, 2], Counted(rgb.clone(), Arc::clone(&drops)), labels(TRAIN));
    assert!(Dataset::new(refused).is_err());
    assert_eq!(drops.load(Ordering::SeqCst), 2);

    // The same images as floats, with labels of another type: the same training, but for rounding.
    let floats: Arc<[f32]> = rgb.iter().map(|&value| f32::from(value) / 255.0).collect();
    let wide: Vec<i64> = labels(TRAIN).into_iter().map(i64::from).collect();
    let dataset = Dataset::new(Arrays::new([28, 28, 3], floats, wide)).unwrap();
    assert_eq!(dataset.info().unwrap().image_type, ImageType::Float32);
    let config = settings(&folder.volume("floats")).build().unwrap();
    let metrics = Trainer::new(&config, Some(&dataset), None).unwrap().step(20, None).unwrap();
    assert_eq!((metrics.steps, metrics.samples), (20, TRAIN as u64));
    assert!(metrics.loss.is_finite());
}

#[test]
fn predict() {
    let folder = Folder::new("predict");
    let volume = folder.volume("volume");
    let mut trainer = trainer(settings(&volume));
    let result = trainer.run(None, None).unwrap();
    let prefix = folder.path().join("exported");
    trainer.export(&prefix, None).unwrap();

    let pixels = images(TEST, SIDE * SIDE);
    let model = Model::open_trainer(&mut trainer, None).unwrap();
    let expected = model.predict(&pixels, None).unwrap();
    assert_eq!((expected.len(), model.info().classes), (TEST * 10, 10));
    for row in expected.chunks(10) {
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    }
    let checkpoint = Checkpoint::open(&volume, None).unwrap();
    let models = [
        Model::open(&volume, None, None).unwrap(),
        Model::open_checkpoint(&checkpoint, None).unwrap(),
        Model::open(prefix.with_extension("json"), None, None).unwrap(),
        Model::open(result.model_path.unwrap(), None, None).unwrap(),
    ];
    for other in &models {
        assert_eq!(other.predict(&pixels, None).unwrap(), expected);
    }
    let floats: Vec<f32> = pixels.iter().map(|&value| f32::from(value) / 255.0).collect();
    let as_floats = model.predict(&floats, None).unwrap();
    assert!(as_floats.iter().zip(&expected).all(|(one, other)| (one - other).abs() < 1e-5));
    thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| model.predict(&pixels, None).unwrap())).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), expected);
        }
    });

    let tensors = model.tensors().unwrap();
    assert!(tensors.iter().all(|tensor| tensor.role != Role::Accumulator));
    let first = &tensors[0];
    let (mut of_model, mut of_trainer, mut of_file) =
        (vec![0.0; first.size], vec![0.0; first.size], vec![0.0; first.size]);
    model.read_tensor(Some(&first.name), &mut of_model).unwrap();
    trainer.read_tensor(Some(&first.name), &mut of_trainer).unwrap();
    checkpoint.read_tensor(Some(&first.name), &mut of_file).unwrap();
    assert_eq!(first.shape.iter().product::<i64>() as usize, first.size);
    assert!(of_model == of_trainer && of_model == of_file);
}

#[test]
fn poller() {
    let folder = Folder::new("poller");
    let poller = Poller::new(&settings(folder.path()).build().unwrap()).unwrap();
    assert!(poller.health().unwrap().disabled);
    let mut position = 0;
    assert_eq!(poller.wait(&mut position, Some(Duration::ZERO), None).unwrap(), None);
    let two_notices = || {
        let mut position = 0;
        let mut next = || poller.wait(&mut position, Some(Duration::from_secs(20)), None).unwrap().unwrap();
        [next(), next()]
    };
    thread::scope(|scope| {
        let waiters = [scope.spawn(two_notices), scope.spawn(two_notices)];
        let id = poller.notify(Action::Stop, Some("a scheduler"), Some("at noon"), Some(3600.0)).unwrap();
        poller.withdraw(id).unwrap();
        assert_eq!(poller.withdraw(id).unwrap_err().status(), Status::NotFound);
        for waiter in waiters {
            let [told, over] = waiter.join().unwrap();
            assert_eq!((told.id, told.action, told.withdrawn), (id, Action::Stop, false));
            assert_eq!((told.source.as_str(), told.detail.as_str()), ("a scheduler", "at noon"));
            assert!((1.0..=3600.0).contains(&told.seconds_left.unwrap()));
            assert_eq!((over.id, over.withdrawn), (id, true));
        }
    });
    let cancel = Cancel::new().unwrap();
    cancel.trigger();
    let mut position = 1_000;
    assert_eq!(poller.wait(&mut position, None, Some(&cancel)).unwrap_err().status(), Status::Cancelled);
}

#[test]
fn memory() {
    let folder = Folder::new("memory");
    let mut source = trainer(settings(&folder.volume("source")));
    source.step(7, None).unwrap();
    let bytes = source.serialize().unwrap();
    let checkpoint = Checkpoint::open_memory(&bytes).unwrap();
    drop(bytes);
    let info = checkpoint.info().unwrap();
    assert_eq!((info.step, info.save_reason, info.path), (7, None, None));
    assert_eq!(checkpoint.config().unwrap().get("batch_size").unwrap(), "16");
    assert!(checkpoint.describe().unwrap().contains(&info.state_hash));
    let mut target = trainer(settings(&folder.volume("target")));
    target.restore_from(&checkpoint).unwrap();
    assert_eq!(target.state_hash().unwrap(), source.state_hash().unwrap());

    let mut state = vec![0.0; source.info().unwrap().state_size as usize];
    source.read_tensor(None, &mut state).unwrap();
    state[0] += 1.0;
    target.write_tensor(None, &state).unwrap();
    assert_ne!(target.state_hash().unwrap(), source.state_hash().unwrap());
}

#[test]
fn log() {
    let folder = Folder::new("log");
    let volume = folder.volume("volume");
    let told = Arc::new(Mutex::new(Vec::new()));
    let log_of = |level| {
        let sink = Arc::clone(&told);
        run_to_the_end(
            settings(&volume).log(level, move |level, text| sink.lock().unwrap().push((level, text.to_string()))),
        );
        assert_eq!(Arc::strong_count(&told), 1, "the closure is dropped with the trainer");
        std::mem::take(&mut *told.lock().unwrap())
    };
    let all = log_of(LogLevel::Debug);
    assert!(all.iter().any(|(level, text)| *level == LogLevel::Info && !text.is_empty()));
    assert_eq!(log_of(LogLevel::Error), []);

    let queue = LogQueue::new(LogLevel::Info, 100).unwrap();
    run_to_the_end(settings(&volume).log_queue(&queue));
    let (level, message) = queue.next(Some(Duration::from_secs(5)), None).unwrap().unwrap();
    assert!(level <= LogLevel::Info && !message.is_empty());
    while queue.next(Some(Duration::ZERO), None).unwrap().is_some() {}
}

#[test]
fn version() {
    check_abi().unwrap();
    assert!(build_info().unwrap().contains(spot_trainer::version()));
    assert!(Config::describe().unwrap().contains("\"batch_size\""));

    let folder = Folder::new("version");
    let mut source = include_str!("version.c").to_string();
    let names = include_str!("../../../spot-trainer-sys/src/lib.rs").split("pub fn ").skip(1);
    let names = names.filter_map(|item| item.split('(').next());
    let others: Vec<&str> = names.filter(|name| !source.contains(&format!(" {name}("))).collect();
    for name in others {
        source += &format!("void {name}(void) {{ abort(); }}\n");
    }
    let library: PathBuf = folder.path().join("libspot_trainer.so.1");
    fs::write(folder.path().join("version.c"), source).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-Wl,-soname,libspot_trainer.so.1", "-o"]).arg(&library);
    assert!(compiler.arg(folder.path().join("version.c")).status().unwrap().success());
    let output = agent().arg(folder.path()).env("LD_LIBRARY_PATH", folder.path()).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{words}");
    let expected = format!("agent: wanted 1.0, but {} has 2.0\n", library.display());
    assert!(words.ends_with(&expected), "{words}");
}
