"""EfficientNet-Lite0 in plain TensorFlow operations, with BatchNorm folded into the convolutions.

Architecture: Tan and Le, "EfficientNet" (2019), in its Lite0 form: ReLU6 throughout, no
squeeze-and-excitation.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from models.reference import RecipeError

SIDE = 224
CLASSES = 1000
FEATURES = 1280
EPSILON = 1e-3  # of BatchNorm, as in training

# repeat, stride of the first block, expansion; kernels and channels come from the weights' shapes
STAGES = ((1, 1, 1), (2, 2, 6), (2, 2, 6), (3, 2, 6), (3, 1, 6), (4, 2, 6), (1, 1, 6))

Array = npt.NDArray[Any]
Tensor = Any  # TensorFlow ships no types
Layer = Callable[[Tensor], Tensor]


class NetworkError(RecipeError):
    """Raised for weights of another network."""


class Weights:
    """Tensors by name; each must be taken exactly once."""

    def __init__(self, tensors: dict[str, Array]) -> None:
        self._unused = dict(tensors)

    def take(self, name: str) -> Array:
        """Remove and return a tensor. Raises NetworkError if there is none of this name."""
        try:
            return self._unused.pop(name)
        except KeyError:
            raise NetworkError(f"the weights lack {name}") from None

    def close(self) -> None:
        """Raise NetworkError if a tensor was not used: then it is another network."""
        if self._unused:
            raise NetworkError(f"unused weights: {', '.join(sorted(self._unused))}")

    def fold(self, conv: str, norm: str) -> tuple[Array, Array]:
        """Merge a convolution and its BatchNorm into one kernel [out, in, h, w] and bias [out]."""
        kernel = self.take(f"{conv}.weight").astype(np.float64)
        gamma, beta = self.take(f"{norm}.weight"), self.take(f"{norm}.bias")
        mean, variance = self.take(f"{norm}.running_mean"), self.take(f"{norm}.running_var")
        self.take(f"{norm}.num_batches_tracked")  # a counter used in training only
        scale = gamma / np.sqrt(variance.astype(np.float64) + EPSILON)
        kernel *= scale[:, None, None, None]
        return kernel.astype(np.float32), (beta - mean * scale).astype(np.float32)


def efficientnet_lite0(tensors: dict[str, Array]) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """Return the network: uint8 [N, 224, 224, 3] → float32 logits [N, 1000], features [N, 1280].

    Its weights are constants. `tensors` is torch's state dict. Raises NetworkError unless it has
    exactly the tensors of the network.
    """
    weights = Weights(tensors)
    layers: list[Layer] = [
        _conv(weights, "_conv_stem", "_bn0", stride=2),
        *_blocks(weights),
        _conv(weights, "_conv_head", "_bn1"),
    ]
    dense, bias = weights.take("_fc.weight").T, weights.take("_fc.bias")
    weights.close()

    def network(images: Tensor) -> tuple[Tensor, Tensor]:
        x = (tf.cast(images, tf.float32) - 127.0) / 128.0
        for layer in layers:
            x = layer(x)
        features = tf.reduce_mean(x, axis=(1, 2))
        return tf.matmul(features, dense) + bias, features

    return network


@dataclass(frozen=True)
class _Block:
    """Inverted residual: expand, convolve each channel, project, add the input if shapes agree."""

    layers: list[Layer]
    residual: bool

    def __call__(self, x: Tensor) -> Tensor:
        y = x
        for layer in self.layers:
            y = layer(y)
        return x + y if self.residual else y


def _blocks(weights: Weights) -> list[_Block]:
    blocks: list[_Block] = []
    for repeat, stride, expansion in STAGES:
        for first in (True, *(False,) * (repeat - 1)):
            blocks.append(
                _block(weights, f"_blocks.{len(blocks)}", stride if first else 1, expansion, not first)
            )
    return blocks


def _block(weights: Weights, name: str, stride: int, expansion: int, residual: bool) -> _Block:
    expand = [_conv(weights, f"{name}._expand_conv", f"{name}._bn0")] if expansion > 1 else []
    depthwise = _depthwise(weights, f"{name}._depthwise_conv", f"{name}._bn1", stride)
    project = _conv(weights, f"{name}._project_conv", f"{name}._bn2", activate=False)
    return _Block([*expand, depthwise, project], residual)


def _conv(weights: Weights, conv: str, norm: str, stride: int = 1, activate: bool = True) -> Layer:
    kernel, bias = weights.fold(conv, norm)
    kernel = kernel.transpose(2, 3, 1, 0)  # torch's [out, in, h, w] → [h, w, in, out]

    def layer(x: Tensor) -> Tensor:
        y = tf.nn.bias_add(tf.nn.conv2d(x, kernel, stride, "SAME"), bias)
        return tf.nn.relu6(y) if activate else y

    return layer


def _depthwise(weights: Weights, conv: str, norm: str, stride: int) -> Layer:
    kernel, bias = weights.fold(conv, norm)
    kernel = kernel.transpose(2, 3, 0, 1)  # torch's [channel, 1, h, w] → [h, w, channel, 1]

    def layer(x: Tensor) -> Tensor:
        y = tf.nn.depthwise_conv2d(x, kernel, (1, stride, stride, 1), "SAME")
        return tf.nn.relu6(tf.nn.bias_add(y, bias))

    return layer
