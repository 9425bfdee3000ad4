"""Makes the files of the example ../digits.py: an image and the weights of an int8 network.

    python examples/digits/train.py        (NumPy only; two minutes of CPU)

Digits are drawn from strokes with a random slant, size, place, width and noise, so no data set
is needed. A network of two convolutions and a product is trained in floats on 8000 of them, then
quantised: int8 weights, int32 sums, a shift to int8 after each layer. It is tested on 2000 other
digits, drawn anew; both accuracies are printed and written into weights.txt.

    page.pgm      40 digits of pi, 16 x 16 pixels each, in 4 rows of 10: drawn with a seed of their own
    weights.txt   for each layer its weights, biases and shift, as numbers
"""
import pathlib

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
SIZE = 16
PI = "3141592653589793238462643383279502884197"


def arc(cx, cy, rx, ry, start, end, steps=12):
    t = np.radians(np.linspace(start, end, steps))
    return np.stack([cx + rx * np.cos(t), cy - ry * np.sin(t)], axis=1)


# Strokes in the unit square, y downwards.
STROKES = {
    0: [arc(0.5, 0.5, 0.32, 0.46, 0, 360, 20)],
    1: [np.array([[0.3, 0.25], [0.55, 0.05], [0.55, 0.95]])],
    2: [np.vstack([arc(0.5, 0.32, 0.3, 0.28, 160, -40), [[0.2, 0.95], [0.82, 0.95]]])],
    3: [np.vstack([arc(0.46, 0.28, 0.3, 0.23, 150, -90), arc(0.46, 0.73, 0.33, 0.23, 90, -150)])],
    4: [np.array([[0.62, 0.95], [0.62, 0.05], [0.15, 0.65], [0.88, 0.65]])],
    5: [np.vstack([[[0.78, 0.05], [0.28, 0.05], [0.24, 0.45]], arc(0.48, 0.66, 0.32, 0.28, 120, -150)])],
    6: [np.vstack([[[0.68, 0.05], [0.32, 0.4]], arc(0.5, 0.68, 0.3, 0.27, 160, -200, 18)])],
    7: [np.array([[0.18, 0.06], [0.82, 0.06], [0.42, 0.95]])],
    8: [arc(0.5, 0.27, 0.25, 0.22, 0, 360, 16), arc(0.5, 0.72, 0.31, 0.24, 0, 360, 16)],
    9: [np.vstack([arc(0.5, 0.32, 0.3, 0.27, 0, 360, 18), [[0.8, 0.32], [0.62, 0.95]]])],
}


def draw(rng, digit):
    """One digit as 16 x 16 pixels, 0 (paper) to 127 (ink)."""
    turn, slant = rng.uniform(-0.15, 0.15), rng.uniform(-0.15, 0.15)
    shape = np.array([[np.cos(turn), np.sin(turn) + slant], [-np.sin(turn), np.cos(turn)]])
    size = np.array([rng.uniform(8.0, 11.5), rng.uniform(10.0, 13.0)])
    place = np.array([SIZE / 2, SIZE / 2]) + rng.uniform(-1.0, 1.0, 2)
    width = rng.uniform(0.7, 1.2)
    grid = np.stack(np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5), axis=-1)
    nearest = np.full((SIZE, SIZE), 1e9)
    for stroke in STROKES[digit]:
        points = (stroke - 0.5) @ shape.T * size + place + rng.normal(0, 0.15, stroke.shape)
        for a, b in zip(points[:-1], points[1:]):
            along = np.clip(((grid - a) @ (b - a)) / max((b - a) @ (b - a), 1e-9), 0, 1)
            nearest = np.minimum(nearest, np.linalg.norm(grid - (a + along[..., None] * (b - a)), axis=-1))
    ink = np.clip(width + 0.5 - nearest, 0, 1) + rng.normal(0, 0.04, nearest.shape)
    return np.clip(np.round(ink * 127), 0, 127).astype(np.int8)


def draw_many(rng, count):
    labels = rng.integers(0, 10, count)
    return np.stack([draw(rng, int(d)) for d in labels])[:, None], labels


# ---- the network in floats: NCHW


def columns(x):
    """The 3 x 3 neighbourhoods of a padded image: [n, h, w, c * 9]."""
    n, c, h, w = x.shape
    p = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    taps = [p[:, :, i : i + h, j : j + w] for i in range(3) for j in range(3)]
    return np.stack(taps, axis=2).reshape(n, c * 9, h, w).transpose(0, 2, 3, 1)


def uncolumns(g, shape):
    n, c, h, w = shape
    g = g.transpose(0, 3, 1, 2).reshape(n, c, 9, h, w)
    p = np.zeros((n, c, h + 2, w + 2), g.dtype)
    for t in range(9):
        p[:, :, t // 3 : t // 3 + h, t % 3 : t % 3 + w] += g[:, :, t]
    return p[:, :, 1:-1, 1:-1]


def blocks(x):
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2)


class Network:
    def __init__(self, rng):
        def start(*shape):
            fan = np.prod(shape[1:])
            return rng.normal(0, np.sqrt(2 / fan), shape).astype(np.float32)

        self.weights = [start(16, 1, 3, 3), start(32, 16, 3, 3), start(10, 512)]
        self.biases = [np.zeros(n, np.float32) for n in (16, 32, 10)]
        self.steps = [(np.zeros_like(p), np.zeros_like(p)) for p in self.weights + self.biases]
        self.time = 0

    def forward(self, x):
        self.kept = []
        for w, b in zip(self.weights[:2], self.biases[:2]):
            cols = columns(x)
            y = np.maximum(cols @ w.reshape(len(w), -1).T + b, 0).transpose(0, 3, 1, 2)
            pooled = blocks(y).max(axis=(3, 5))
            self.kept.append((x.shape, cols, y, pooled))
            x = pooled
        self.flat = x.reshape(len(x), -1)
        return self.flat @ self.weights[2].T + self.biases[2]

    def backward(self, logits, labels):
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        p[np.arange(len(labels)), labels] -= 1
        p /= len(labels)
        grads = [None, None, p.T @ self.flat, None, None, p.sum(axis=0)]
        g = (p @ self.weights[2]).reshape(self.kept[1][3].shape)
        for i in (1, 0):
            shape, cols, y, pooled = self.kept[i]
            first = blocks(y) == pooled[:, :, :, None, :, None]
            g = (first * g[:, :, :, None, :, None]).reshape(y.shape) * (y > 0)
            rows = g.transpose(0, 2, 3, 1).reshape(-1, y.shape[1])
            grads[i] = (rows.T @ cols.reshape(len(rows), -1)).reshape(self.weights[i].shape)
            grads[3 + i] = rows.sum(axis=0)
            if i:
                back = rows @ self.weights[i].reshape(len(self.weights[i]), -1)
                g = uncolumns(back.reshape(cols.shape), shape)
        return grads

    def step(self, grads, rate):  # Adam
        self.time += 1
        for p, g, (m, v) in zip(self.weights + self.biases, grads, self.steps):
            m += 0.1 * (g - m)
            v += 0.001 * (g * g - v)
            p -= rate * (m / (1 - 0.9**self.time)) / (np.sqrt(v / (1 - 0.999**self.time)) + 1e-8)


# ---- the network in integers


def conv_int(x, w, b, shift):
    sums = columns(x.astype(np.int32)) @ w.reshape(len(w), -1).astype(np.int32).T + b
    return np.clip(sums >> shift, 0, 127).transpose(0, 3, 1, 2).astype(np.int8)


def forward_int(layers, x):
    for w, b, shift in layers[:2]:
        x = blocks(conv_int(x, w, b, shift)).max(axis=(3, 5))
    w, b, shift = layers[2]
    return np.clip((x.reshape(len(x), -1).astype(np.int32) @ w.astype(np.int32).T + b) >> shift, -128, 127)


def quantise(net, x):
    """int8 weights, int32 biases and a shift for each layer, by what the digits `x` give."""
    layers, scale = [], 127.0  # of the input: 1.0 is 127
    for i, (w, b) in enumerate(zip(net.weights, net.biases)):
        factor = 127 / np.abs(w).max()
        wq = np.round(w * factor).astype(np.int8)
        bq = np.round(b * factor * scale).astype(np.int64)
        flat = wq.reshape(len(wq), -1).astype(np.int32).T
        sums = (columns(x.astype(np.int32)) if i < 2 else x.reshape(len(x), -1).astype(np.int32)) @ flat + bq
        shift = int(np.ceil(np.log2(np.abs(sums).max() / 127)))
        bq = bq + (1 << (shift - 1))  # so that the shift rounds
        layers.append((wq, bq.astype(np.int32), shift))
        scale *= factor / 2**shift
        if i < 2:
            x = blocks(conv_int(x, wq, bq, shift)).max(axis=(3, 5))
    return layers


def main():
    rng = np.random.default_rng(1)
    train, train_labels = draw_many(rng, 8000)
    test, test_labels = draw_many(np.random.default_rng(2), 2000)
    net = Network(rng)
    for epoch in range(8):
        order = rng.permutation(len(train))
        for at in range(0, len(order), 50):
            batch = order[at : at + 50]
            logits = net.forward(train[batch].astype(np.float32) / 127)
            net.step(net.backward(logits, train_labels[batch]), 2e-3 * 0.6**epoch)
    in_floats = (net.forward(test.astype(np.float32) / 127).argmax(axis=1) == test_labels).mean()
    layers = quantise(net, train[:500])
    in_int8 = (forward_int(layers, test).argmax(axis=1) == test_labels).mean()
    said = f"of 2000 digits drawn with another seed {in_floats:.1%} are read in floats, {in_int8:.1%} in int8"
    print(said)

    lines = [f"# made by train.py; {said}"]
    for name, (w, b, shift) in zip(("conv1", "conv2", "dense"), layers):
        lines.append(f"{name} {shift} {' '.join(map(str, w.shape))}")
        lines += [" ".join(map(str, row)) for row in w.reshape(len(w), -1)]
        lines.append(" ".join(map(str, b)))
    (HERE / "weights.txt").write_text("\n".join(lines) + "\n")

    rng = np.random.default_rng(3)
    cells = np.stack([draw(rng, int(d)) for d in PI]).reshape(4, 10, SIZE, SIZE)
    page = cells.transpose(0, 2, 1, 3).reshape(4 * SIZE, 10 * SIZE)
    header = f"P5\n# digits of pi, drawn by train.py\n{page.shape[1]} {page.shape[0]}\n127\n"
    (HERE / "page.pgm").write_bytes(header.encode() + (127 - page).astype(np.uint8).tobytes())


if __name__ == "__main__":
    main()
