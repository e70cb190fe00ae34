"""Checks the references of `freshet bench quality` on a small made-up log; ends with 1 and says what is wrong, or prints a line.

Counters and histories equal those of nested loops; later outcomes, turned to noise, move nothing earlier; the frozen prediction
of a row equals the live one where the user's day has told nothing yet, and elsewhere it is another.
"""
import csv
import dataclasses
import os
import tempfile

import numpy as np

import quality_lightgbm
import quality_torch
from kuairand_rows import (COLUMNS, COUNTED, DAY_MS, OUTCOMES, PAIRS, PROFILE, PROFILE_COUNTS, RATE_UNTOLD, RATES_TOLD_AFTER,
                           SHRINKAGE, USERS_OWN, UTC_OFFSET_MS, features, read_rows)

DAYS, USERS, VIDEOS, ROWS = 3, 40, 60, 2_400
START_MS = 20_000 * DAY_MS - UTC_OFFSET_MS
LOG_COLUMNS = ["user_id", "video_id", "time_ms", *OUTCOMES, "play_time_ms", "tab"]
VIDEO_COLUMNS = ["video_id", "author_id", "video_type", "upload_type", "video_duration", "server_width", "server_height",
                 "music_id", "music_type", "tag"]


def made_up(folder, random):
    times = np.sort(random.integers(0, DAYS * DAY_MS, ROWS)) + START_MS
    log = [[random.integers(USERS), random.integers(VIDEOS), time, *(random.random(len(OUTCOMES)) < 0.4).astype(int),
            random.integers(0, 90_000), random.integers(3)] for time in times]
    videos = [[video, video % 7, "NORMAL", "Web", 9_000 + 1_000 * video, 720, 1280 if video % 5 else "", video % 9, 9.0, video % 4]
              for video in range(VIDEOS)]
    users = [[user, *random.integers(0, 4, len(PROFILE)), *random.integers(0, 500, len(PROFILE_COUNTS))] for user in range(USERS)]
    paths = []
    for name, columns, lines in (("log", LOG_COLUMNS, log + log[:50]), ("users", ["user_id", *PROFILE, *PROFILE_COUNTS], users),
                                 ("videos", VIDEO_COLUMNS, videos)):
        paths.append(os.path.join(folder, f"{name}.csv"))
        with open(paths[-1], "w", newline="") as file:
            csv.writer(file).writerows([columns, *lines])
    return read_rows(*paths)


def key_of(rows, name, row):
    if name == "user_length":
        return rows.ids["user"][row], min(rows.ids["length"][row] // 4, 9)
    return tuple(rows.ids[part][row] for part in PAIRS.get(name, (name,)))


def check_by_loops(rows, random):
    clicks, longs = rows.outcomes["is_click"], rows.outcomes["long_view"]
    for frozen in (False, True):
        read = features(rows, frozen)
        for row in random.choice(ROWS, 60, replace=False):
            now, midnight = rows.time[row], rows.day[row] * DAY_MS - UTC_OFFSET_MS
            told = rows.visible < now
            rate = clicks[told].mean() if told.sum() > RATES_TOLD_AFTER else RATE_UNTOLD
            for place, name in enumerate(COUNTED):
                own = name in USERS_OWN
                before = midnight if own and frozen else now
                key = key_of(rows, name, row)
                mine = [other for other in np.flatnonzero(rows.visible < before) if key_of(rows, name, other) == key]
                found = dict(zip(COLUMNS, read.counters[row, place * len(COLUMNS):], strict=False))
                fades = 0.5 ** ((now - rows.visible[mine]) / (DAY_MS * (3 if own else 1)))
                near(found["count"], np.log1p(len(mine)), name)
                near(found["recent"], np.log1p(fades.sum()), name)
                near(found["rate0"], (clicks[mine].sum() + SHRINKAGE * rate) / (len(mine) + SHRINKAGE) - rate, name)
                near(found["recentRate0"], ((fades * clicks[mine]).sum() + SHRINKAGE * rate) / (fades.sum() + SHRINKAGE) - rate, name)
                newest = max(mine, key=lambda other: rows.visible[other], default=None)
                near(found["last1"], 0 if newest is None else 2 * longs[newest] - 1, name)
                near(found["age"], 8 if newest is None else np.log1p((now - rows.visible[newest]) / 3.6e6), name)
            before = midnight if frozen else now
            clicked = [other for other in np.flatnonzero((rows.visible < before) & (clicks > 0)) if rows.user[other] == rows.user[row]]
            clicked.sort(key=lambda other: -rows.visible[other])
            wanted = [rows.ids["video"][other] for other in clicked[:10]]
            assert list(read.history[row][:len(wanted)]) == wanted and (read.history[row][len(wanted):] == -1).all(), "history"


def near(found, wanted, name):
    assert abs(found - wanted) < 1e-4, f"{name}: {found} is not {wanted}"


def noisy(rows, which, random):
    outcomes = {name: np.where(which, random.random(len(which)) < 0.5, values).astype(np.float32) for name, values in rows.outcomes.items()}
    return dataclasses.replace(rows, outcomes=outcomes, log_watch=np.where(which, random.random(len(which)), rows.log_watch).astype(np.float32))


def check_no_look_ahead(rows, plain, scored, random):
    moment = START_MS + int(2.4 * DAY_MS)
    early = rows.time <= moment
    changed = noisy(rows, rows.visible >= moment, random)
    for frozen in (False, True):
        before, after = features(rows, frozen), features(changed, frozen)
        assert np.allclose(before.counters[early], after.counters[early], atol=1e-6), "counters look ahead"
        assert (before.history[early] == after.history[early]).all(), "histories look ahead"
    later = noisy(rows, ~early, random)
    for program, found in plain.items():
        again = program.predictions(later, scored)
        for name in found:
            same = np.isclose(found[name], again[name], atol=1e-6)
            assert same[early & scored].all(), f"{program.__name__} looks ahead in {name}"
            assert not same[~early & scored].all(), f"{program.__name__} learns nothing"


def check_frozen(rows, plain, scored):
    midnight = rows.day * DAY_MS - UTC_OFFSET_MS
    # Of a user's rows before this one, none was shown or told today.
    untold = np.array([not ((rows.user[:row] == rows.user[row]) & (rows.visible[:row] >= midnight[row])).any() for row in range(ROWS)])
    # Others move the weights of what a user shares with them, from the end of the first minute on.
    minute = (rows.time + UTC_OFFSET_MS) // 60_000
    first = np.array([minute[row] == minute[rows.day == rows.day[row]].min() for row in range(ROWS)])
    for program, found in plain.items():
        unmoved = scored & untold & (first if program is quality_torch else True)
        for head in ("longView", "like"):
            same = np.isclose(found[head], found[f"{head}.frozen"], atol=1e-6)
            assert unmoved.any() and same[unmoved].all(), f"{program.__name__} is frozen too early"
            assert same[scored & ~untold].mean() < 0.5, f"{program.__name__} is not frozen"


def check_users_weights(rows):
    model = quality_torch.OnlineModel(rows)
    model.start_day()
    batch = slice(0, 50)
    frozen, live = model.predict(batch, "frozen"), model.predict(batch, "live")
    told = model.ids[:, model.of_user].unique()
    model.table.values[told] += 1
    assert np.allclose(frozen, model.predict(batch, "frozen")), "weights of users are not frozen"
    assert not np.allclose(live, model.predict(batch, "live")), "weights of users do not count"
    recent, is_recent, _ = model.views["frozen"]
    watched = recent[-50:][is_recent[-50:] > 0].unique()
    assert len(watched) > 0, "nobody has a history"
    frozen = model.predict(slice(-50, None), "frozen")
    model.midnight[watched] += 1
    assert not np.allclose(frozen, model.predict(slice(-50, None), "frozen")), "histories are not read as of midnight"


if __name__ == "__main__":
    random = np.random.default_rng(7)
    with tempfile.TemporaryDirectory() as folder:
        rows = made_up(folder, random)
    assert len(rows.time) == ROWS and (np.diff(rows.time) >= 0).all(), "repeats are not dropped, or the order is not that of time"
    check_by_loops(rows, random)
    scored = rows.time >= START_MS + 2 * DAY_MS
    plain = {program: program.predictions(rows, scored) for program in (quality_torch, quality_lightgbm)}
    check_no_look_ahead(rows, plain, scored, random)
    check_frozen(rows, plain, scored)
    check_users_weights(rows)
    print("as loops, no look ahead, frozen at midnight")
