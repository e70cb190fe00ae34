"""A multi-task model in PyTorch over ids and causal counters, learned online: the rows of a minute are predicted, then learned.

Usage: quality_torch.py LOG[,LOG] USERS VIDEOS SCORE_FROM_MS OUT.tsv

Embeddings (16 wide, AdaGrad with an accumulator per element that starts near nothing) of ids, profile and the user's newest
clicked videos, their pairwise products summed, counters; two hidden layers and a linear path past them, shared by six chances
and the watch time. A row's outcome is learned at the end of its minute, though a longer view was not over by then.
Frozen: a second prediction of each row by the same weights, but with the user's counters and history of midnight, and with the
embeddings of everything that tells of the user (the user, profile, videos of the history) as they were at midnight.
"""
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from kuairand_rows import COLUMNS, COUNTED, UTC_OFFSET_MS, arguments, features, write_predictions

MINUTE_MS = 60_000
WIDTH = 16
TASKS = ["is_click", "long_view", "is_like", "is_follow", "is_hate", "skip"]
# Log-odds near those of short-video logs, so that the first minutes are not lost on the constant.
FIRST_LOGITS = [-0.2, -0.7, -4.0, -6.5, -7.0, -0.4, 1.8]
SLOTS = ["user", "video", "author", "tag", "music", "tab", "hour", "length", "kind", "upload", "musicKind", "aspect", "weekday"]
USER, VIDEO = SLOTS.index("user"), SLOTS.index("video")


class Embeddings:
    """Rows of all slots in one table; only those of a batch are touched."""

    def __init__(self, rows):
        self.values = torch.randn(rows, WIDTH) * 0.01
        self.squares = torch.full((rows, WIDTH), 1e-5)

    def learn(self, ids, gradient):
        squares = self.squares[ids].addcmul_(gradient, gradient)
        self.squares[ids] = squares
        self.values[ids] -= 0.05 * gradient / (squares.sqrt() + 1e-6)


class Network(nn.Module):
    def __init__(self, slots, dense):
        super().__init__()
        wide = slots * WIDTH + dense + 3 * WIDTH + 1
        self.hidden = nn.Sequential(nn.Linear(wide, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
        self.heads = nn.Linear(32, len(TASKS) + 1)
        self.past = nn.Linear(dense, len(TASKS) + 1)
        with torch.no_grad():
            self.heads.weight.mul_(0.1)
            self.heads.bias.copy_(torch.tensor(FIRST_LOGITS))
            self.past.weight.zero_()

    def forward(self, own, recent, is_recent, dense):
        count = is_recent.sum(1, keepdim=True).clamp(min=1)
        taste = (recent * is_recent[:, :, None]).sum(1) / count
        match = taste * own[:, VIDEO]
        pairs = (own.sum(1).square() - own.square().sum(1)) / 2
        deep = torch.cat([own.flatten(1), dense, pairs, taste, match, match.sum(1, keepdim=True)], 1)
        return self.heads(self.hidden(deep)) + self.past(dense)


class OnlineModel:
    def __init__(self, rows):
        columns = [rows.ids[name] for name in SLOTS] + list(rows.profile_ids.values())
        sizes = [int(column.max()) + 1 for column in columns]
        starts = np.cumsum([0, *sizes])
        self.ids = torch.from_numpy(np.stack([column + start for column, start in zip(columns, starts)], 1))
        self.of_user = [USER, *range(len(SLOTS), len(columns))]
        self.first_video = int(starts[VIDEO])
        self.labels = torch.from_numpy(np.stack([rows.outcomes[name] for name in TASKS], 1))
        self.log_watch = torch.from_numpy(rows.log_watch)
        scales = [{"count": 3, "recent": 3, "age": 3, "last0": 1, "last1": 1}.get(name, 0.15) for name in COLUMNS]
        self.views = {}
        for name, frozen in (("live", False), ("frozen", True)):
            read = features(rows, frozen)
            counts = np.clip(read.counters / np.array(scales * len(COUNTED), np.float32), -4, 4)
            dense = np.concatenate([rows.static / [3, 1, 1, 1], rows.profile / 5, counts], 1).astype(np.float32)
            is_recent = torch.from_numpy(read.history >= 0)
            recent = torch.from_numpy(np.maximum(read.history, 0)) + self.first_video
            self.views[name] = (recent, is_recent.float(), torch.from_numpy(dense))
        self.table = Embeddings(int(starts[-1]))
        self.net = Network(len(columns), self.views["live"][2].shape[1])
        self.optimizer = torch.optim.Adagrad(self.net.parameters(), 0.01, initial_accumulator_value=0.01)
        self.midnight = None

    def start_day(self):
        self.midnight = self.table.values.clone()

    @torch.no_grad()
    def predict(self, batch, view):
        recent, is_recent, dense = (part[batch] for part in self.views[view])
        own, of_recent = self.table.values[self.ids[batch]], self.table.values[recent]
        if view == "frozen":
            own[:, self.of_user] = self.midnight[self.ids[batch][:, self.of_user]]
            of_recent = self.midnight[recent]
        return torch.sigmoid(self.net(own, of_recent, is_recent, dense))

    def learn(self, batch):
        recent, is_recent, dense = (part[batch] for part in self.views["live"])
        slots = self.ids.shape[1]
        touched, places = torch.unique(torch.cat([self.ids[batch], recent], 1), return_inverse=True)
        values = self.table.values[touched].requires_grad_(True)
        gathered = F.embedding(places, values)
        logits = self.net(gathered[:, :slots], gathered[:, slots:], is_recent, dense)
        chances = F.binary_cross_entropy_with_logits(logits[:, :-1], self.labels[batch], reduction="sum")
        watched = (logits[:, -1] - self.log_watch[batch]).square().sum() / 2
        self.optimizer.zero_grad()
        ((chances + watched) / len(logits) ** 0.5).backward()
        self.optimizer.step()
        with torch.no_grad():
            self.table.learn(touched, values.grad)


def predictions(rows, scored):
    """Chances by column; of rows that are not scored NaN."""
    torch.manual_seed(1)
    torch.set_num_threads(1)
    model = OnlineModel(rows)
    minutes = (rows.time + UTC_OFFSET_MS) // MINUTE_MS
    firsts = np.flatnonzero(np.diff(minutes, prepend=minutes[0] - 1))
    found = {name: np.full(len(minutes), np.nan) for name in ("longView", "longView.frozen", "like", "like.frozen")}
    day = None
    for first, end in zip(firsts, [*firsts[1:], len(minutes)]):
        if rows.day[first] != day:
            day = rows.day[first]
            model.start_day()
        batch = slice(first, end)
        if scored[end - 1]:
            for view, suffix in (("live", ""), ("frozen", ".frozen")):
                chances = model.predict(batch, view).numpy()
                found["longView" + suffix][batch] = chances[:, TASKS.index("long_view")]
                found["like" + suffix][batch] = chances[:, TASKS.index("is_like")]
        model.learn(batch)
    return found


if __name__ == "__main__":
    started = time.process_time()
    rows, scored, out = arguments()
    write_predictions(out, rows, scored, predictions(rows, scored))
    print(time.process_time() - started)
