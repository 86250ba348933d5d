#!/usr/bin/env python3
"""Trains with TensorFlow and Keras and prints how fast that is, as JSON."""
import json
import os
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import keras  # noqa: E402
import tensorflow as tf  # noqa: E402

from contestant import Data, arguments, layers_of, measure  # noqa: E402


def build(layers: list[dict[str, Any]]) -> keras.Model:
    modules: list[keras.layers.Layer] = [keras.Input((28, 28, 1))]
    for layer in layers:
        kernel, stride, padding = layer.get("kernel", 1), layer.get("stride", 1), layer.get("padding", "valid")
        kind = layer["type"]
        if kind == "conv2d":
            modules.append(keras.layers.Conv2D(layer["filters"], kernel, stride, padding))
        elif kind == "max_pool":
            modules.append(keras.layers.MaxPooling2D(kernel))
        elif kind == "average_pool":
            modules.append(keras.layers.AveragePooling2D(kernel))
        elif kind == "relu":
            modules.append(keras.layers.ReLU())
        elif kind == "dropout":
            modules.append(keras.layers.Dropout(layer["rate"]))
        elif kind == "flatten":
            modules.append(keras.layers.Flatten())
        elif kind == "dense":
            modules.append(keras.layers.Dense(layer["units"]))
        else:
            raise ValueError(f"layer type {kind} is not known here")
    return keras.Sequential(modules)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--tuned", action="store_true", help="set the number of threads")
    parser.add_argument("--bf16", action="store_true", help="mixed precision in bfloat16")
    parser.add_argument("--xla", action="store_true", help="compile with XLA")
    options = parser.parse_args()
    if options.tuned:
        tf.config.threading.set_intra_op_parallelism_threads(options.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    if options.bf16:
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    keras.utils.set_random_seed(1)

    data = Data(options.data)
    train_images, train_labels = tf.constant(data.train_images[..., None]), tf.constant(data.train_labels)
    test_images, test_labels = tf.constant(data.test_images[..., None]), tf.constant(data.test_labels)
    model = build(layers_of(options.model))
    optimizer = keras.optimizers.SGD(0.01) if options.optimizer == "sgd" else keras.optimizers.Adam(0.001)
    optimizer.build(model.trainable_variables)

    @tf.function(jit_compile=options.xla)
    def update(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = tf.cast(model(images, training=True), tf.float32)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        variables = model.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    @tf.function(jit_compile=options.xla)
    def count_hits(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(tf.cast(tf.argmax(model(images, training=False), 1) == labels, tf.int64))

    @tf.function
    def train_step(indices: tf.Tensor) -> tf.Tensor:
        return update(tf.gather(train_images, indices), tf.gather(train_labels, indices))

    @tf.function
    def test_batch(first: tf.Tensor, end: tf.Tensor) -> tf.Tensor:
        return count_hits(test_images[first:end], test_labels[first:end])

    def train(indices: np.ndarray) -> tf.Tensor:
        return train_step(tf.constant(indices))

    def test(first: int, end: int) -> int:
        return int(test_batch(tf.constant(first), tf.constant(end)))

    result = measure(options, data, train, test)
    result["parameters"] = model.count_params()
    result["version"] = f"TensorFlow {tf.__version__}, Keras {keras.__version__}"
    print(json.dumps(result))


if __name__ == "__main__":
    main()
