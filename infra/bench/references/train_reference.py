"""The model of `freshet bench train` in PyTorch, on one core: told by lines on stdin, answers in CPU seconds on stdout.

First six little-endian int32: slots, dimension, dense values, heads, rows of the table, examples; then a line's worth of
hidden widths is fixed (256, 128, 64). After the header come int64 row numbers (examples x slots), float32 dense values
(examples x dense values) and float32 labels (examples x heads). Each order is a line: VARIANT BATCH STEPS.

shared: one sparse Embedding under torch.optim.Adagrad. manual: distinct rows gathered, AdaGrad written out.
"""
import sys
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(1)
torch.manual_seed(1)
source = sys.stdin.buffer


def read(kind, count):
    wanted = count * np.dtype(kind).itemsize
    parts = bytearray()
    while len(parts) < wanted:
        part = source.read(wanted - len(parts))
        if not part:
            raise SystemExit("the input ended early")
        parts += part
    return torch.from_numpy(np.frombuffer(bytes(parts), dtype=kind).copy())


slots, dimension, dense_count, heads, rows, examples = read("<i4", 6).tolist()
ids = read("<i8", examples * slots).view(examples, slots)
dense = read("<f4", examples * dense_count).view(examples, dense_count)
labels = read("<f4", examples * heads).view(examples, heads)


def network():
    widths = [slots * dimension + dense_count, 256, 128, 64]
    hidden = [part for a, b in zip(widths, widths[1:]) for part in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(64, heads))


def loss_of(logits, wanted):
    """Every head but the last is a probability, the last one a regression."""
    chances = F.binary_cross_entropy_with_logits(logits[:, :-1], wanted[:, :-1], reduction="sum")
    return (chances + 0.5 * (logits[:, -1] - wanted[:, -1]).square().sum()) / len(logits) ** 0.5


class Shared:
    def __init__(self):
        self.net = network()
        self.table = nn.Embedding(rows, dimension, sparse=True)
        self.dense_optimizer = torch.optim.Adagrad(self.net.parameters(), 0.01)
        self.table_optimizer = torch.optim.Adagrad(self.table.parameters(), 0.05)

    def step(self, at, size):
        batch = slice(at, at + size)
        logits = self.net(torch.cat([self.table(ids[batch]).flatten(1), dense[batch]], 1))
        loss = loss_of(logits, labels[batch])
        self.dense_optimizer.zero_grad()
        self.table_optimizer.zero_grad()
        loss.backward()
        self.dense_optimizer.step()
        self.table_optimizer.step()


class Manual:
    def __init__(self):
        self.net = network()
        self.values = torch.randn(rows, dimension) * 0.01
        self.squares = torch.full_like(self.values, 0.1)
        self.dense_optimizer = torch.optim.Adagrad(self.net.parameters(), 0.01)

    def step(self, at, size):
        batch = slice(at, at + size)
        distinct, places = torch.unique(ids[batch], return_inverse=True)
        own = self.values[distinct].requires_grad_(True)
        logits = self.net(torch.cat([F.embedding(places, own).flatten(1), dense[batch]], 1))
        loss = loss_of(logits, labels[batch])
        self.dense_optimizer.zero_grad()
        loss.backward()
        self.dense_optimizer.step()
        with torch.no_grad():
            squares = self.squares[distinct].addcmul_(own.grad, own.grad)
            self.squares[distinct] = squares
            self.values[distinct] = own - 0.05 * own.grad / squares.sqrt()


models = {"shared": Shared(), "manual": Manual()}
print("ready", flush=True)
while line := source.readline():
    variant, size, steps = line.decode().split()
    model, size, start = models[variant], int(size), time.process_time()
    for step in range(int(steps)):
        model.step(step * size % (examples - size + 1), size)
    print(time.process_time() - start, flush=True)
