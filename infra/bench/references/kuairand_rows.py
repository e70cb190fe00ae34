"""A KuaiRand log as arrays for models that are compared with ours: rows in event-time order, features without a look ahead.

What came of a row is visible from time_ms + play_time_ms. Counters and histories read at a row hold what was visible strictly
before it: `live` up to the row's own time, `frozen` up to the midnight before it where a key holds the user (what others do
and the passing of time are seen in both). Nothing of a row's own outcome is in its features.
"""
import csv
import gzip
import sys
from dataclasses import dataclass

import numpy as np

DAY_MS = 86_400_000
UTC_OFFSET_MS = 8 * 3_600_000
HISTORY = 10
WATCH_MS_MAX = 120_000
OUTCOMES = ["is_click", "long_view", "is_like", "is_follow", "is_hate"]
PROFILE = ["user_active_degree", "is_live_streamer", "is_video_author", "follow_user_num_range", "fans_user_num_range",
           "friend_user_num_range", "register_days_range"] + [f"onehot_feat{number}" for number in range(18)]
PROFILE_COUNTS = ["follow_user_num", "fans_user_num", "friend_user_num", "register_days"]
# Keys that are counted, and those of them that hold the user.
PAIRS = {"user_author": ("user", "author"), "user_tag": ("user", "tag"), "user_tab": ("user", "tab"),
         "user_length": ("user", "length"), "video_tab": ("video", "tab"), "tag_tab": ("tag", "tab")}
COUNTED = ["user", "video", "author", "tag", "music", "tab", "hour", *PAIRS]
USERS_OWN = {name for name in COUNTED if name.startswith("user")}
# A rate starts as if so many outcomes had gone as they do everywhere.
SHRINKAGE = 10
RATES_TOLD_AFTER = 100
RATE_UNTOLD = 0.3
COLUMNS = ["count", "recent", "age", "last0", "last1"] + [f"rate{n}" for n in range(4)] + [f"recentRate{n}" for n in range(4)]


@dataclass
class Rows:
    user: np.ndarray
    video: np.ndarray
    time: np.ndarray
    day: np.ndarray
    visible: np.ndarray
    outcomes: dict
    log_watch: np.ndarray
    ids: dict
    profile_ids: dict
    static: np.ndarray
    profile: np.ndarray


@dataclass
class Features:
    """`counters`: rows x (keys x 13); `history`: the user's newest clicked videos, newest first, -1 pads."""
    counters: np.ndarray
    history: np.ndarray


def table(path):
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt", newline="") as file:
        return list(csv.DictReader(file))


def codes(values):
    return np.unique(np.asarray(values), return_inverse=True)[1].astype(np.int64)


def number(text, absent=0.0):
    return float(text) if text else absent


def read_rows(logs, users, videos):
    lines = [line for path in logs.split(",") for line in table(path)]
    lines.sort(key=lambda line: (int(line["time_ms"]), int(line["user_id"]), int(line["video_id"])))
    distinct = {(line["user_id"], line["video_id"], line["time_ms"]): None for line in lines}
    for line in reversed(lines):
        distinct[line["user_id"], line["video_id"], line["time_ms"]] = line
    lines = list(distinct.values())
    video_by_id = {line["video_id"]: line for line in table(videos)}
    user_by_id = {line["user_id"]: line for line in table(users)}
    shown = [video_by_id.get(line["video_id"], {}) for line in lines]
    seer = [user_by_id.get(line["user_id"], {}) for line in lines]

    def of_log(name):
        return np.array([int(float(line[name])) for line in lines], np.int64)

    def of_video(name):
        return [video.get(name, "") for video in shown]

    time, play = of_log("time_ms"), np.maximum(of_log("play_time_ms"), 0)
    local = time + UTC_OFFSET_MS
    seconds = np.array([number(text) for text in of_video("video_duration")]) / 1000
    aspect = [round(number(high) / max(1.0, number(wide, 1.0)), 1)
              for high, wide in zip(of_video("server_height"), of_video("server_width"))]
    length = np.round(np.log2(1 + seconds) * 4).astype(np.int64)
    ids = {"user": codes(of_log("user_id")), "video": codes(of_log("video_id")), "author": codes(of_video("author_id")),
           "tag": codes(of_video("tag")), "music": codes(of_video("music_id")), "tab": codes(of_log("tab")),
           "hour": local // 3_600_000 % 24, "length": length, "kind": codes(of_video("video_type")),
           "upload": codes(of_video("upload_type")), "musicKind": codes(of_video("music_type")), "aspect": codes(aspect),
           "weekday": local // DAY_MS % 7}
    turn = 2 * np.pi * (local % DAY_MS) / DAY_MS
    counts = np.array([[number(user.get(name, "")) for name in PROFILE_COUNTS] for user in seer])
    return Rows(user=of_log("user_id"), video=of_log("video_id"), time=time, day=local // DAY_MS, visible=time + play,
                outcomes={**{name: of_log(name).astype(np.float32) for name in OUTCOMES}, "skip": (play < 3000).astype(np.float32)},
                log_watch=np.log1p(np.minimum(play, WATCH_MS_MAX) / 1000).astype(np.float32), ids=ids,
                profile_ids={name: codes([user.get(name, "") for user in seer]) for name in PROFILE},
                static=np.stack([np.log1p(seconds), seconds <= 18, np.sin(turn), np.cos(turn)], 1).astype(np.float32),
                profile=np.log1p(np.maximum(counts, 0)).astype(np.float32))


class Seen:
    """What became visible of each key, in order: which part of it a reader at some time has is found by bisection."""

    def __init__(self, key, visible, base):
        self.base, self.span = base, int(visible.max()) - base + 2
        self.order = np.lexsort((visible, key))
        self.key = key[self.order]
        self.place = self.key * self.span + (visible[self.order] - base)

    def part(self, key, before):
        """First place, and the place after the last, of what of `key` is visible strictly before `before`."""
        moment = np.clip(before - self.base, 0, self.span - 1)
        return np.searchsorted(self.key, key), np.searchsorted(self.place, key * self.span + moment)


def sums_by_place(values):
    """Extended precision: decayed values of a month span many powers of two."""
    return np.concatenate([np.zeros((1, values.shape[1]), np.longdouble), np.cumsum(values, 0, dtype=np.longdouble)])


def counters(rows, key, before, half_life_ms, values, rates):
    """13 columns (COLUMNS) of one key for each row, of what was visible `before`."""
    seen = Seen(key, rows.visible, int(rows.time[0]))
    start, end = seen.part(key, before)
    newest = int(rows.visible.max())
    weight = np.exp2((rows.visible[seen.order] - newest).astype(np.longdouble) / half_life_ms)[:, None]
    ordered = np.concatenate([np.ones((len(key), 1)), values], 1)[seen.order]
    total, recent = sums_by_place(ordered), sums_by_place(ordered * weight)
    total = (total[end] - total[start]).astype(np.float64)
    fade = np.exp2((newest - rows.time).astype(np.longdouble) / half_life_ms)[:, None]
    recent = ((recent[end] - recent[start]) * fade).astype(np.float64)
    known = end > start
    last = seen.order[np.maximum(end - 1, 0)]
    hours = np.where(known, np.log1p(np.maximum(rows.time - rows.visible[last], 0) / 3.6e6), 8.0)
    lasts = [np.where(known, 2 * rows.outcomes[name][last] - 1, 0) for name in ("is_click", "long_view")]

    def shrunk(sums):
        return (sums[:, 1:] + SHRINKAGE * rates) / (sums[:, :1] + SHRINKAGE) - rates

    columns = [np.log1p(total[:, 0]), np.log1p(np.maximum(recent[:, 0], 0)), hours, *lasts]
    return np.concatenate([np.stack(columns, 1), shrunk(total), shrunk(recent)], 1).astype(np.float32)


def features(rows, frozen):
    """What a reader at each row has; `frozen`: with its user as of midnight."""
    values = np.stack([rows.outcomes["is_click"], rows.outcomes["long_view"], rows.outcomes["is_like"] * 5, rows.log_watch / 3],
                      1).astype(np.float64)
    order = np.argsort(rows.visible, kind="stable")
    known = np.searchsorted(rows.visible[order], rows.time)
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values[order], 0)])
    rates = np.where(known[:, None] > RATES_TOLD_AFTER, sums[known] / np.maximum(known, 1)[:, None], RATE_UNTOLD)
    midnight = rows.day * DAY_MS - UTC_OFFSET_MS
    users_before = midnight if frozen else rows.time
    blocks = []
    for name in COUNTED:
        key = rows.ids[name] if name not in PAIRS else codes(
            rows.ids[PAIRS[name][0]] * 1_000_000 + (rows.ids[PAIRS[name][1]] if name != "user_length"
                                                     else np.minimum(rows.ids["length"] // 4, 9)))
        own = name in USERS_OWN
        blocks.append(counters(rows, key, users_before if own else rows.time, DAY_MS * (3 if own else 1), values, rates))
    return Features(np.concatenate(blocks, 1), history(rows, users_before))


def history(rows, before):
    clicked = np.flatnonzero(rows.outcomes["is_click"] > 0)
    seen = Seen(rows.ids["user"][clicked], rows.visible[clicked], int(rows.time[0]))
    start, end = seen.part(rows.ids["user"], before)
    places = end[:, None] - 1 - np.arange(HISTORY)
    videos = rows.ids["video"][clicked][seen.order][np.maximum(places, 0)]
    return np.where(places >= start[:, None], videos, -1)


def write_predictions(path, rows, scored, columns):
    names = list(columns)
    with open(path, "w") as file:
        file.write("\t".join(["user", "video", "timeMs", *names]) + "\n")
        for row in np.flatnonzero(scored):
            values = [f"{columns[name][row]:.9g}" for name in names]
            file.write("\t".join([str(rows.user[row]), str(rows.video[row]), str(rows.time[row]), *values]) + "\n")


def arguments():
    """LOG[,LOG] USERS VIDEOS SCORE_FROM_MS OUT.tsv: rows, which of them are scored, where predictions go."""
    logs, users, videos, score_from, out = sys.argv[1:6]
    rows = read_rows(logs, users, videos)
    return rows, rows.time >= float(score_from), out
