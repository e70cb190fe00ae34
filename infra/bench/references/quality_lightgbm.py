"""Gradient-boosted trees (LightGBM), fitted anew at each midnight on all that was visible by then, with live counters.

Usage: quality_lightgbm.py LOG[,LOG] USERS VIDEOS SCORE_FROM_MS OUT.tsv

The trees of a day do not change during it, but the counters that they read do, outcome by outcome. Frozen: a second prediction
of each row by the same trees, with the user's counters of midnight; trees have no weights of a user that could be frozen.
"""
import time

import lightgbm
import numpy as np

from kuairand_rows import DAY_MS, UTC_OFFSET_MS, arguments, features, write_predictions

ROUNDS = 150
SETTINGS = {"objective": "binary", "num_leaves": 31, "learning_rate": 0.08, "min_data_in_leaf": 100, "feature_fraction": 0.25,
            "bagging_fraction": 0.8, "bagging_freq": 1, "lambda_l2": 5, "cat_smooth": 50, "max_bin": 127, "num_threads": 1,
            "seed": 1, "deterministic": True, "verbose": -1}
KINDS = ["tab", "weekday", "tag", "kind", "upload", "musicKind"]
OUTCOME_BY_HEAD = {"longView": "long_view", "like": "is_like"}


def matrix(rows, frozen):
    """Columns and the numbers of those that are kinds, not amounts."""
    amounts = [features(rows, frozen).counters, rows.static, rows.profile, rows.ids["hour"][:, None]]
    profile = np.stack(list(rows.profile_ids.values()), 1)
    kinds = np.stack([rows.ids[name] for name in KINDS], 1)
    joined = np.concatenate([*amounts, profile, kinds], 1).astype(np.float32)
    return joined, list(range(joined.shape[1] - len(KINDS), joined.shape[1]))


def predictions(rows, scored):
    """Chances by column; of rows that are not scored NaN."""
    live, kinds = matrix(rows, False)
    frozen, _ = matrix(rows, True)
    found = {}
    for head, outcome in OUTCOME_BY_HEAD.items():
        found[head], found[f"{head}.frozen"] = np.full((2, len(scored)), np.nan)
        for day in np.unique(rows.day[scored]):
            known = rows.visible < day * DAY_MS - UTC_OFFSET_MS
            asked = scored & (rows.day == day)
            learned = lightgbm.Dataset(live[known], rows.outcomes[outcome][known], categorical_feature=kinds)
            trees = lightgbm.train(SETTINGS, learned, ROUNDS)
            found[head][asked] = trees.predict(live[asked], num_threads=1)
            found[f"{head}.frozen"][asked] = trees.predict(frozen[asked], num_threads=1)
    return found


if __name__ == "__main__":
    started = time.process_time()
    rows, scored, out = arguments()
    write_predictions(out, rows, scored, predictions(rows, scored))
    print(time.process_time() - started)
