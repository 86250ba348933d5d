use crate::border::{argument, call, fill, optional, text};
use crate::error::Result;
use spot_trainer_sys::*;
use std::os::raw::c_char;

/// What a tensor is for.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// It is trained.
    Parameter,
    /// The optimizer keeps it for a parameter.
    Accumulator,
    /// The running mean or variance of batch normalisation.
    Statistic,
}

/// A tensor of a trainer, a model or a checkpoint. All are `f32`.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// `conv1.weight`
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Elements.
    pub size: usize,
    /// Of its first element among all tensors', in elements.
    pub offset: usize,
    /// Row-major; weights of a convolution `[outputs, inputs, rows, columns]`, of a dense layer `[outputs, inputs]`.
    pub shape: Vec<i64>,
}

type Info<H> = unsafe extern "C" fn(H, u64, *mut spot_tensor_info, *mut *mut spot_error) -> spot_status;
type Read<H> = unsafe extern "C" fn(H, *const c_char, *mut f32, usize, *mut *mut spot_error) -> spot_status;

/// The first `count` tensors of a handle.
pub(crate) fn list<H: Copy>(handle: H, info: Info<H>, count: u64) -> Result<Vec<TensorInfo>> {
    let describe = |index| {
        let info = fill(|out, error| unsafe { info(handle, index, out, error) })?;
        Ok(TensorInfo {
            name: unsafe { text(info.name) },
            role: match info.role {
                SPOT_ROLE_PARAMETER => Role::Parameter,
                SPOT_ROLE_ACCUMULATOR => Role::Accumulator,
                _ => Role::Statistic,
            },
            size: info.size as usize,
            offset: info.offset as usize,
            shape: info.shape[..info.rank as usize].to_vec(),
        })
    };
    (0..count).map(describe).collect()
}

/// Copies one tensor, or with no name all of them.
pub(crate) fn read<H: Copy>(handle: H, read: Read<H>, name: Option<&str>, values: &mut [f32]) -> Result<()> {
    let name = name.map(|name| argument("the tensor's name", name)).transpose()?;
    call(|error| unsafe { read(handle, optional(&name), values.as_mut_ptr(), values.len(), error) })
}
