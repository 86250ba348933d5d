//! The small problem that the scenarios train on, and a folder of their own.

use spot_trainer::{Arrays, Config, ConfigBuilder, Dataset, RunReason, RunResult, Trainer};
use std::fs;
use std::os::raw::c_int;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

pub const SIDE: usize = 28;
pub const TRAIN: usize = 320;
pub const TEST: usize = 64;
pub const STEPS: u64 = 3 * 320 / 16;

/// A new folder, which is removed with this.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A folder in it.
    pub fn volume(&self, name: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub fn label(image: usize) -> u8 {
    (image % 10) as u8
}

pub fn labels(count: usize) -> Vec<u8> {
    (0..count).map(label).collect()
}

/// The formula that all bindings use.
pub fn images(count: usize, values: usize) -> Vec<u8> {
    let value = |image: usize, place: usize| ((image * 31 + place * 7 + usize::from(label(image)) * 53) % 256) as u8;
    (0..count).flat_map(|image| (0..values).map(move |place| value(image, place))).collect()
}

pub fn arrays() -> Arrays<u8, u8> {
    Arrays::new([SIDE as u32, SIDE as u32, 1], images(TRAIN, SIDE * SIDE), labels(TRAIN))
        .test(images(TEST, SIDE * SIDE), labels(TEST))
        .name("formula")
}

pub fn settings(volume: &Path) -> ConfigBuilder {
    Config::builder()
        .set("volume", volume)
        .set("model", "mlp")
        .set("batch_size", 16)
        .set("epochs", 3)
        .set("threads", 1)
        .set("metadata", "none")
}

pub fn trainer(settings: ConfigBuilder) -> Trainer {
    let dataset = Dataset::new(arrays()).unwrap();
    Trainer::new(&settings.build().unwrap(), Some(&dataset), None).unwrap()
}

/// Runs to the end on a volume that may hold the beginning.
pub fn run_to_the_end(settings: ConfigBuilder) -> RunResult {
    let result = trainer(settings).run(None, None).unwrap();
    assert_eq!((result.reason, result.durable), (RunReason::Done, true));
    result
}

/// What a run that nothing interrupts ends in.
pub fn uninterrupted_hash(folder: &Folder) -> String {
    run_to_the_end(settings(&folder.volume("uninterrupted"))).state_hash
}

/// The example, which `cargo test` builds beside the tests.
pub fn agent() -> Command {
    let program = std::env::current_exe().unwrap().parent().unwrap().with_file_name("examples").join("agent");
    assert!(program.exists(), "{} is missing: cargo build --examples", program.display());
    Command::new(program)
}

/// Sends SIGTERM.
pub fn terminate(child: &Child) {
    extern "C" {
        fn kill(process: c_int, signal: c_int) -> c_int;
    }
    unsafe { kill(child.id().try_into().unwrap(), 15) };
}

/// The formula's data as files of the IDX format, for programs that take a folder.
pub fn write_idx(folder: &Path) {
    for (name, count) in [("train", TRAIN), ("t10k", TEST)] {
        let header = |dimensions: &[usize]| {
            let mut bytes = vec![0, 0, 8, dimensions.len() as u8];
            dimensions.iter().for_each(|&size| bytes.extend((size as u32).to_be_bytes()));
            bytes
        };
        let mut bytes = header(&[count, SIDE, SIDE]);
        bytes.extend(images(count, SIDE * SIDE));
        fs::write(folder.join(format!("{name}-images-idx3-ubyte")), bytes).unwrap();
        let mut bytes = header(&[count]);
        bytes.extend(labels(count));
        fs::write(folder.join(format!("{name}-labels-idx1-ubyte")), bytes).unwrap();
    }
}
