"""The operator library: functions from tensors to tensors."""
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from . import Tensor

_DType = str | type[Any] | np.dtype[Any]
_Ints = int | Sequence[int]

def matmul(
    a: Tensor, b: Tensor, *, transpose_a: bool = False, transpose_b: bool = False, out: _DType | None = None, name: str = "C"
) -> Tensor: ...
def batch_matmul(
    a: Tensor, b: Tensor, *, transpose_a: bool = False, transpose_b: bool = False, out: _DType | None = None, name: str = "C"
) -> Tensor: ...
def dense(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *, act: str | None = "none", out: _DType | None = None, name: str = "C"
) -> Tensor: ...

class _Convolution(Protocol):
    def __call__(
        self,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        *,
        stride: _Ints = 1,
        padding: _Ints = 0,
        dilation: _Ints = 1,
        groups: int = 1,
        layout: str = "nhwc",
        act: str | None = "none",
        out: _DType | None = None,
        output_padding: _Ints = 0,
        name: str = "Y",
    ) -> Tensor: ...

conv2d: _Convolution
depthwise_conv2d: _Convolution
conv2d_transpose: _Convolution

class _Pooling(Protocol):
    def __call__(
        self,
        x: Tensor,
        *,
        kernel: _Ints = 2,
        stride: _Ints = 2,
        padding: _Ints = 0,
        layout: str = "nhwc",
        count_include_pad: bool = False,
        name: str = "Y",
    ) -> Tensor: ...

max_pool2d: _Pooling
avg_pool2d: _Pooling

class _QuantizedConvolution(Protocol):
    def __call__(
        self,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        *,
        stride: _Ints = 1,
        padding: _Ints = 0,
        dilation: _Ints = 1,
        groups: int = 1,
        layout: str = "nhwc",
        mul: int = 1,
        shift: int = 0,
        round: bool = False,
        act: str | None = "none",
        low: int = -128,
        high: int = 127,
        name: str = "Y",
    ) -> Tensor: ...

qconv2d: _QuantizedConvolution
qdepthwise_conv2d: _QuantizedConvolution

def requantize(
    x: Tensor,
    *,
    mul: int = 1,
    shift: int = 0,
    round: bool = False,
    act: str | None = "none",
    low: int = -128,
    high: int = 127,
    name: str = "Y",
) -> Tensor: ...
def qmatmul(
    a: Tensor,
    b: Tensor,
    bias: Tensor | None = None,
    *,
    transpose_b: bool = False,
    mul: int = 1,
    shift: int = 0,
    round: bool = False,
    act: str | None = "none",
    low: int = -128,
    high: int = 127,
    name: str = "C",
) -> Tensor: ...
def qavg_pool2d(
    x: Tensor,
    *,
    kernel: _Ints = 2,
    stride: _Ints = 2,
    padding: _Ints = 0,
    layout: str = "nhwc",
    mul: int = 1,
    shift: int = 0,
    round: bool = False,
    act: str | None = "none",
    low: int = -128,
    high: int = 127,
    name: str = "Y",
) -> Tensor: ...
def qadd(
    a: Tensor,
    b: Tensor,
    *,
    mul: int = 1,
    shift: int = 0,
    round: bool = False,
    act: str | None = "none",
    low: int = -128,
    high: int = 127,
    name: str = "Y",
) -> Tensor: ...
def global_avg_pool(x: Tensor, *, layout: str = "nhwc", name: str = "Y") -> Tensor: ...
def exp(x: Tensor, *, name: str = "") -> Tensor: ...
def log(x: Tensor, *, name: str = "") -> Tensor: ...
def sqrt(x: Tensor, *, name: str = "") -> Tensor: ...
def rsqrt(x: Tensor, *, name: str = "") -> Tensor: ...
def tanh(x: Tensor, *, name: str = "") -> Tensor: ...
def erf(x: Tensor, *, name: str = "") -> Tensor: ...
def sigmoid(x: Tensor, *, name: str = "") -> Tensor: ...
def sin(x: Tensor, *, name: str = "") -> Tensor: ...
def cos(x: Tensor, *, name: str = "") -> Tensor: ...
def floor(x: Tensor, *, name: str = "") -> Tensor: ...
def ceil(x: Tensor, *, name: str = "") -> Tensor: ...
def round(x: Tensor, *, name: str = "") -> Tensor: ...
def abs(x: Tensor, *, name: str = "") -> Tensor: ...
def neg(x: Tensor, *, name: str = "") -> Tensor: ...
def relu(x: Tensor, *, name: str = "") -> Tensor: ...
def gelu(x: Tensor, *, name: str = "") -> Tensor: ...
def silu(x: Tensor, *, name: str = "") -> Tensor: ...
def add(a: Tensor, b: Tensor, *, name: str = "") -> Tensor: ...
def sub(a: Tensor, b: Tensor, *, name: str = "") -> Tensor: ...
def mul(a: Tensor, b: Tensor, *, name: str = "") -> Tensor: ...
def div(a: Tensor, b: Tensor, *, name: str = "") -> Tensor: ...
def maximum(a: Tensor, b: Tensor, *, name: str = "") -> Tensor: ...
def minimum(a: Tensor, b: Tensor, *, name: str = "") -> Tensor: ...
def pow(a: Tensor, b: Tensor, *, name: str = "") -> Tensor: ...
def clip(x: Tensor, low: float, high: float, *, name: str = "") -> Tensor: ...
def cast(x: Tensor, dtype: _DType, *, name: str = "") -> Tensor: ...
def broadcast_to(x: Tensor, shape: _Ints, *, name: str = "") -> Tensor: ...
def sum(x: Tensor, axis: _Ints | None = None, *, keepdims: bool = False, out: _DType | None = None, name: str = "Y", axes: _Ints | None = None) -> Tensor: ...
def prod(x: Tensor, axis: _Ints | None = None, *, keepdims: bool = False, out: _DType | None = None, name: str = "Y", axes: _Ints | None = None) -> Tensor: ...
def max(x: Tensor, axis: _Ints | None = None, *, keepdims: bool = False, out: _DType | None = None, name: str = "Y", axes: _Ints | None = None) -> Tensor: ...
def min(x: Tensor, axis: _Ints | None = None, *, keepdims: bool = False, out: _DType | None = None, name: str = "Y", axes: _Ints | None = None) -> Tensor: ...
def mean(x: Tensor, axis: _Ints | None = None, *, keepdims: bool = False, out: _DType | None = None, name: str = "Y", axes: _Ints | None = None) -> Tensor: ...
def variance(x: Tensor, axis: _Ints | None = None, *, keepdims: bool = False, out: _DType | None = None, name: str = "Y", axes: _Ints | None = None) -> Tensor: ...
def logsumexp(x: Tensor, axis: _Ints | None = None, *, keepdims: bool = False, out: _DType | None = None, name: str = "Y", axes: _Ints | None = None) -> Tensor: ...
def argmax(x: Tensor, axis: int = -1, *, keepdims: bool = False, index: _DType = "i64", name: str = "Y") -> Tensor: ...
def argmin(x: Tensor, axis: int = -1, *, keepdims: bool = False, index: _DType = "i64", name: str = "Y") -> Tensor: ...
def softmax(x: Tensor, axis: int = -1, *, name: str = "Y") -> Tensor: ...
def log_softmax(x: Tensor, axis: int = -1, *, name: str = "Y") -> Tensor: ...
def layer_norm(
    x: Tensor, gamma: Tensor | None = None, beta: Tensor | None = None, *, axes: int = 1, eps: float = 1e-5, name: str = "Y"
) -> Tensor: ...
def batch_norm(
    x: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, var: Tensor, *, axis: int = -1, eps: float = 1e-5, name: str = "Y"
) -> Tensor: ...
def cumsum(x: Tensor, axis: int = -1, *, name: str = "Y") -> Tensor: ...
def lstm(
    x: Tensor,
    weight: Tensor,
    recurrent: Tensor,
    *,
    bias: Tensor | None = None,
    recurrent_bias: Tensor | None = None,
    h0: Tensor | None = None,
    c0: Tensor | None = None,
    name: str = "Y",
) -> tuple[Tensor, Tensor, Tensor]: ...
def gru(
    x: Tensor,
    weight: Tensor,
    recurrent: Tensor,
    *,
    bias: Tensor | None = None,
    recurrent_bias: Tensor | None = None,
    h0: Tensor | None = None,
    name: str = "Y",
) -> tuple[Tensor, Tensor]: ...
def transpose(x: Tensor, perm: _Ints | None = None, *, name: str = "Y") -> Tensor: ...
def reshape(x: Tensor, shape: _Ints, *, name: str = "Y") -> Tensor: ...
def concat(xs: Sequence[Tensor], axis: int = 0, *, name: str = "Y") -> Tensor: ...
def pad(x: Tensor, before: _Ints, after: _Ints, value: float = 0.0, *, name: str = "Y") -> Tensor: ...
def gather(x: Tensor, indices: Tensor, axis: int = 0, *, name: str = "Y") -> Tensor: ...
