"""Which parts of a long text are looked at where looking at all of it would cost too much."""

import numpy as np
import numpy.typing as npt

from dataprep.kernels.arrow_buffers import Bytes
from dataprep.kernels.compilation import kernel
from dataprep.kernels.fasttext_model import is_separator, whole_characters

Bounds = npt.NDArray[np.int64]

MAX_WINDOWS: int = 6
MIN_WINDOW_BYTES: int = 200


@kernel
def windows(data: Bytes, start: int, end: int, max_bytes: int, bounds: Bounds) -> int:
    """How many windows the document in [start, end) is seen through; together at most `max_bytes` wide.

    A text of at most `max_bytes` is one window. A longer one is seen through up to six, evenly spread from its first
    byte to its last, none narrower than 200 bytes if there are more than two: menus and footers weigh what they weigh
    in the page. A window loses the word that its end cuts, or, where no separator is near, the character.

    Args:
        data: UTF-8 bytes.
        start: the document's first byte.
        end: one past its last byte.
        max_bytes: at least 1.
        bounds: receives where each window begins and ends, int64[MAX_WINDOWS, 2]; the windows do not overlap.
    """
    size = end - start
    if size <= max_bytes:
        bounds[0, 0], bounds[0, 1] = start, end
        return 1
    num = min(MAX_WINDOWS, max(2, max_bytes // MIN_WINDOW_BYTES))
    width = max_bytes // num
    for index in range(num):
        first = start + index * (size - width) // (num - 1)
        stop = first + width
        # A cut word would be taken for another one; where there are no spaces nearby, whole characters have to do.
        if index > 0:
            place, limit = first, first + width // 4
            while place < limit and not is_separator(data[place]):
                place += 1
            first = place if place < limit else first
        if index < num - 1:
            place, limit = stop, stop - width // 4
            while place > limit and not is_separator(data[place]):
                place -= 1
            stop = place if place > limit else stop
        first, stop = whole_characters(data, first, stop, end)
        bounds[index, 0], bounds[index, 1] = first, stop
    return num
