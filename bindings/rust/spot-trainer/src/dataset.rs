use crate::border::{argument, array, fill, make, optional, sized, text, Owner};
use crate::cancel::Cancel;
use crate::config::Config;
use crate::error::Result;
use crate::panics;
use spot_trainer_sys::*;
use std::any::Any;
use std::marker::PhantomData;
use std::mem::size_of_val;
use std::os::raw::c_void;

mod sealed {
    pub trait Element: Copy + Send + Sync + 'static {
        const TYPE: i32;
    }
}
use sealed::Element;

macro_rules! elements {
    ($($type:ty = $constant:ident),+) => { $(impl Element for $type { const TYPE: i32 = $constant; })+ };
}
elements!(u8 = SPOT_TYPE_UINT8, i32 = SPOT_TYPE_INT32, i64 = SPOT_TYPE_INT64, f32 = SPOT_TYPE_FLOAT32);

/// What images may be made of: `u8`, which the network sees divided by 255, or `f32`, which it sees as it is.
pub trait Pixel: Element {}
impl Pixel for u8 {}
impl Pixel for f32 {}

/// What labels may be made of, from 0 to classes - 1.
pub trait Label: Element {}
impl Label for u8 {}
impl Label for i32 {}
impl Label for i64 {}

/// The type of a dataset's images.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ImageType {
    /// `u8`
    Uint8,
    /// `f32`
    Float32,
}

/// What a dataset is.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetInfo {
    /// `mnist`, the path of a folder, ...
    pub name: String,
    /// Number of classes.
    pub classes: u32,
    /// Of an image, as are the next two.
    pub rows: u32,
    /// Width.
    pub columns: u32,
    /// 1 is grey, 3 is RGB.
    pub channels: u32,
    /// What the images are made of.
    pub image_type: ImageType,
    /// It is synthetic digits, because `dataset=auto` could have nothing better.
    pub is_fallback: bool,
    /// Training samples.
    pub train_samples: u64,
    /// Test samples.
    pub test_samples: u64,
    /// Of the content: a run resumes only with the dataset it began with.
    pub fingerprint: String,
}

/// Labelled images to train and test on. Never changes, so any number of trainers may share one.
#[derive(Debug)]
pub struct Dataset(pub(crate) Owner<spot_dataset>);

impl Dataset {
    /// Takes images and labels as they lie, without a copy of the images. They are dropped, on whatever thread, when the
    /// dataset was dropped and no trainer uses it any more.
    ///
    /// # Errors
    /// [`Status::Data`](crate::Status::Data): a label that is out of range, a value that is not finite;
    /// [`Status::InvalidArgument`](crate::Status::InvalidArgument): a size that does not fit.
    pub fn new<P: Pixel, L: Label>(arrays: Arrays<P, L>) -> Result<Self> {
        let name = arrays.name.as_ref().map(|name| argument("the dataset's name", name)).transpose()?;
        let [rows, columns, channels] = arrays.shape;
        let mut description = spot_dataset_arrays {
            image_type: P::TYPE,
            label_type: L::TYPE,
            rows,
            columns,
            channels,
            classes: arrays.classes,
            name: optional(&name),
            train_samples: arrays.train.labels.length,
            train_images: arrays.train.images.start,
            train_image_bytes: arrays.train.images.bytes,
            train_labels: arrays.train.labels.start,
            train_label_bytes: arrays.train.labels.bytes,
            ..sized()
        };
        if let Some(test) = &arrays.test {
            description.test_samples = test.labels.length;
            description.test_images = test.images.start;
            description.test_image_bytes = test.images.bytes;
            description.test_labels = test.labels.start;
            description.test_label_bytes = test.labels.bytes;
        }
        let user = Box::into_raw(Box::new(arrays));
        let destroy: spot_destroy_fn = Some(panics::destroy::<Arrays<P, L>>);
        let (config, cancel) = (std::ptr::null(), std::ptr::null_mut());
        let result = make(|out, error| unsafe {
            spot_dataset_create(&description, config, cancel, user.cast(), destroy, out, error)
        });
        if result.is_err() {
            drop(unsafe { Box::from_raw(user) });
        }
        result.map(Dataset)
    }

    /// Opens what the key `dataset` names, downloads it if need be, and keeps copies on the volume where one is set.
    pub fn open(config: &Config, cancel: Option<&Cancel>) -> Result<Self> {
        make(|out, error| unsafe { spot_dataset_open(config.0.get(), Cancel::get(cancel), out, error) }).map(Dataset)
    }

    /// What it is.
    pub fn info(&self) -> Result<DatasetInfo> {
        let info = fill(|out, error| unsafe { spot_dataset_get_info(self.0.get(), out, error) })?;
        Ok(DatasetInfo {
            name: unsafe { text(info.name) },
            classes: info.classes,
            rows: info.rows,
            columns: info.columns,
            channels: info.channels,
            image_type: if info.image_type == SPOT_TYPE_UINT8 { ImageType::Uint8 } else { ImageType::Float32 },
            is_fallback: info.is_fallback != 0,
            train_samples: info.train_samples,
            test_samples: info.test_samples,
            fingerprint: array(&info.fingerprint),
        })
    }
}

/// Images and labels in memory for [`Dataset::new`]. Images lie as `[count][rows][columns][channels]` without gaps, labels
/// as `[count]`. Each may be a `Vec`, a boxed or `'static` slice, an `Arc` of a slice: whatever lends the same slice for as
/// long as it lives.
///
/// ```
/// # use spot_trainer::{Arrays, Dataset};
/// # fn main() -> spot_trainer::Result<()> {
/// let images: Vec<u8> = vec![0; 100 * 32 * 32 * 3];
/// let labels: Vec<u8> = vec![0; 100];
/// let dataset = Dataset::new(Arrays::new([32, 32, 3], images, labels).classes(10))?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Arrays<P, L> {
    shape: [u32; 3],
    classes: u32,
    name: Option<String>,
    train: Part,
    test: Option<Part>,
    elements: PhantomData<(P, L)>,
}

impl<P: Pixel, L: Label> Arrays<P, L> {
    /// The training set; `shape` is `[rows, columns, channels]`.
    pub fn new<I, K>(shape: [u32; 3], images: I, labels: K) -> Self
    where
        I: AsRef<[P]> + Send + Sync + 'static,
        K: AsRef<[L]> + Send + Sync + 'static,
    {
        let train = Part { images: Array::new(images), labels: Array::new(labels) };
        Arrays { shape, classes: 0, name: None, train, test: None, elements: PhantomData }
    }

    /// The test set. Without it there is none.
    pub fn test<I, K>(self, images: I, labels: K) -> Self
    where
        I: AsRef<[P]> + Send + Sync + 'static,
        K: AsRef<[L]> + Send + Sync + 'static,
    {
        Arrays { test: Some(Part { images: Array::new(images), labels: Array::new(labels) }), ..self }
    }

    /// The number of classes, at most 256. Without it: the largest label plus one.
    pub fn classes(self, classes: u32) -> Self {
        Arrays { classes, ..self }
    }

    /// The name that logs and checkpoints show. Without it: "memory".
    pub fn name(self, name: impl Into<String>) -> Self {
        Arrays { name: Some(name.into()), ..self }
    }
}

#[derive(Debug)]
struct Part {
    images: Array,
    labels: Array,
}

/// A slice, and what it belongs to. The owner stays where it is until it is dropped, and nobody else can get at it.
#[derive(Debug)]
struct Array {
    start: *const c_void,
    length: u64,
    bytes: u64,
    owner: *mut (dyn Any + Send + Sync),
}

unsafe impl Send for Array {}
unsafe impl Sync for Array {}

impl Array {
    fn new<T: Element, A: AsRef<[T]> + Send + Sync + 'static>(owner: A) -> Self {
        let owner = Box::into_raw(Box::new(owner));
        let slice = unsafe { &*owner }.as_ref();
        Array { start: slice.as_ptr().cast(), length: slice.len() as u64, bytes: size_of_val(slice) as u64, owner }
    }
}

impl Drop for Array {
    fn drop(&mut self) {
        drop(unsafe { Box::from_raw(self.owner) });
    }
}
