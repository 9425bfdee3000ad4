"""Reads the digits of an image with an int8 network on the simulated accelerator.

The image and the weights lie in examples/digits; train.py there has made them. Two convolutions,
each with a pooling behind it, and a product run on the device; blocking tensors into tiles and back
runs on the host, in the same function.

    digits.py [MACHINE [ROWS]]     MACHINE: vta, vta-1x32x32, vta-4x16x16 or a JSON file; ROWS of the image
"""
import pathlib
import sys

import numpy as np
import numpy.typing as npt
import tc

Int8 = npt.NDArray[np.int8]
Int32 = npt.NDArray[np.int32]
Layers = dict[str, tuple[Int8, Int32, int]]                  # weights, biases, shift

FOLDER = pathlib.Path(__file__).resolve().parent / "digits"
PI = "3141592653589793238462643383279502884197"             # what the image shows
SIZE = 16


def read_image(rows: int) -> Int8:
    """The cells of page.pgm, 16 x 16 pixels each: 0 is paper, 127 is ink."""
    magic, _, size, depth, pixels = (FOLDER / "page.pgm").read_bytes().split(b"\n", 4)
    width, height = map(int, size.split())
    assert (magic, depth) == (b"P5", b"127")
    page = 127 - np.frombuffer(pixels, np.uint8).reshape(height, width).astype(np.int8)
    cells = page.reshape(height // SIZE, SIZE, width // SIZE, SIZE).transpose(0, 2, 1, 3)[:rows]
    return np.ascontiguousarray(cells.reshape(-1, 1, SIZE, SIZE))


def read_layers() -> Layers:
    layers: Layers = {}
    lines = iter((FOLDER / "weights.txt").read_text().splitlines()[1:])
    for head in lines:
        name, shift, *extents = head.split()
        shape = tuple(map(int, extents))
        weights = np.array([next(lines).split() for _ in range(shape[0])], np.int8).reshape(shape)
        layers[name] = (weights, np.array(next(lines).split(), np.int32), int(shift))
    return layers


def layer(sums: tc.Tensor, bias: tc.Tensor, shift: int, low: int, name: str) -> tc.Tensor:
    """To int8 again: the bias, a shift that rounds (half of it is in the bias), and a range."""

    def value(*i: tc.Expr) -> tc.Expr:
        return tc.cast(tc.min(tc.max((sums[i] + bias[i[1]]) >> shift, low), 127), "i8")

    if len(sums.shape) == 2:
        return tc.compute(sums.shape, lambda n, k: value(n, k), name=name)
    return tc.compute(sums.shape, lambda n, k, y, x: value(n, k, y, x), name=name)


def network(count: int, layers: Layers) -> list[tc.Tensor]:
    """Its tensors in the order of the call: image, weights and biases, scores."""
    params, image = [], tc.placeholder((count, 1, SIZE, SIZE), dtype="i8", name="image")
    x = image
    for name, (weights, biases, shift) in layers.items():
        w = tc.placeholder(weights.shape, dtype="i8", name=f"{name}_w")
        b = tc.placeholder(biases.shape, dtype="i32", name=f"{name}_b")
        params += [w, b]
        if weights.ndim == 4:
            y = layer(tc.op.conv2d(x, w, padding=1, layout="nchw", name=name), b, shift, 0, f"{name}_out")
            x = tc.op.max_pool2d(y, kernel=2, stride=2, layout="nchw", name=f"{name}_pool")
        else:
            flat = tc.op.reshape(x, (count, weights.shape[1]), name="flat")
            x = layer(tc.op.matmul(flat, w, transpose_b=True, name=name), b, shift, -128, "scores")
    return [image, *params, x]


def main() -> None:
    target = tc.Target("accel", sys.argv[1] if len(sys.argv) > 1 else "vta")
    image = read_image(int(sys.argv[2]) if len(sys.argv) > 2 else 4)
    layers = read_layers()
    args = network(len(image), layers)
    arrays = [image] + [array for weights, biases, _ in layers.values() for array in (weights, biases)]

    f = tc.build(args, target=target, name="digits")
    print(f.explain())
    scores = np.empty(args[-1].shape, np.int8)
    profile = f.profile(*arrays, scores)
    read = "".join(str(d) for d in scores.argmax(axis=1))
    print("read     ", read)
    print("expected ", PI[: len(read)])
    assert read == PI[: len(read)]

    on_cpu = np.empty_like(scores)
    tc.build(tc.Schedule(args[-1]), args, target="cpu", name="digits")(*arrays, on_cpu)
    np.testing.assert_array_equal(scores, on_cpu)
    print("the scores are those of the CPU, bit by bit\n")
    print(profile.table())


if __name__ == "__main__":
    main()
