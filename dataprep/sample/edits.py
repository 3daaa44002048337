"""Where to edit a text for a near duplicate of a wanted similarity."""

import numpy as np
import numpy.typing as npt


def edit_places(
    pieces: int, shingle_units: int, level: float, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Places whose pieces are to change, for a Jaccard similarity of about `level` in (0, 1).

    Of n shingles, c changed ones leave (n - c) / (n + c) in common. A lone piece is in `shingle_units` shingles, a run
    of b pieces in b + `shingle_units` - 1, and one of b at the end of the text in b.
    """
    changed = max(1, pieces - shingle_units + 1) * (1 - level) / (1 + level)
    way = rng.integers(3)
    if way == 0 and (count := round(changed / shingle_units)) >= 1:
        spacing = pieces / count
        starts = np.arange(count) * spacing
        jitter = rng.random(count) * max(1.0, spacing - shingle_units)
        places: npt.NDArray[np.int64] = np.minimum(starts + jitter, pieces - 1).astype(np.int64)
        return places
    if way == 1 and (count := round(changed) - shingle_units + 1) >= 1:
        start = int(rng.integers(pieces - count + 1))
        return np.arange(start, start + count)
    return np.arange(pieces - min(pieces, max(1, round(changed))), pieces)
