#pragma once

#include "engine/cpu/kernels/sparse_difference.h"

namespace spot::kernels {

/// Adds one image's share of the weights' gradient:
///     gradient[output][row][column][input] += sum over the output's entries of difference * input pixel.
/// `image` is the padded input; gradient: [output channel][row][column][input channel].
void sparse_weight_gradient(const WindowShape& shape, const float* image, const SparseDifference& list,
                            float* gradient);

/// The differences by the padded input, like it in layout, from the bit sets of the list.
/// weights: [input channel / block][output channel][row][column][block].
void sparse_input_difference(const WindowShape& shape, const SparseDifference& list, const float* weights,
                             float* differences);

}  // namespace spot::kernels
