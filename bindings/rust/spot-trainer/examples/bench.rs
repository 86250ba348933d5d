//! Measures what a step callback costs: prints the seconds that a run of so many steps takes, with a callback for each
//! of them. tests/bench/callback_cost.py compares the languages.
//!
//!     bench VOLUME STEPS MODEL

use spot_trainer::{Arrays, Config, Dataset, Events, Trainer};
use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [volume, steps, model] = arguments.as_slice() else {
        return Err("usage: bench VOLUME STEPS MODEL".into());
    };
    let steps: u64 = steps.parse()?;
    let config = Config::builder()
        .set("volume", volume)
        .set("model", model)
        .set("batch_size", 16)
        .set("steps", steps)
        .set("epochs", 1_000_000)
        .set("metadata", "none")
        .set("checkpoint_seconds", 0)
        .set("checkpoint_epochs", 0)
        .build()?;
    let (images, labels) = formula(320);
    let dataset = Dataset::new(Arrays::new([28, 28, 1], images, labels).classes(10))?;
    let mut trainer = Trainer::new(&config, Some(&dataset), None)?;
    let told = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&told);
    trainer.on_event(Events::STEP, move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
    })?;
    let result = trainer.run(None, None)?;
    let told = told.load(Ordering::Relaxed);
    if told != steps {
        return Err(format!("told of {told} steps of {steps}: give it a volume without checkpoints").into());
    }
    println!("{}", result.seconds);
    Ok(())
}

/// The data that the bindings of all languages use.
fn formula(count: usize) -> (Vec<u8>, Vec<u8>) {
    let label = |image: usize| image % 10;
    let value = |image: usize, place: usize| ((image * 31 + place * 7 + label(image) * 53) % 256) as u8;
    let images = (0..count).flat_map(|image| (0..28 * 28).map(move |place| value(image, place))).collect();
    (images, (0..count).map(|image| label(image) as u8).collect())
}
