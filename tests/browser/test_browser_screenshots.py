"""The pictures of the README are taken of what they are said to show, and are small."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from browser_helpers import DESKTOP
from PIL import Image

from docs.screenshots import small, take

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MAX_BYTES = 300_000
IMAGES = Path(__file__).parents[2] / "docs" / "images"


def test_pictures_have_the_width_of_what_they_show(made_page: Path, chromium: "Browser") -> None:
    pictures = {name: Image.open(io.BytesIO(picture)) for name, picture in take(chromium, made_page).items()}

    assert pictures["top"].width == DESKTOP
    assert 800 < pictures["pairs"].width < DESKTOP - 200  # beside the contents
    assert all(picture.height > 300 for picture in pictures.values())
    # The marks of what differs are in the picture: the pairs are open.
    colours = {colour for _, colour in pictures["pairs"].convert("RGB").getcolors(1 << 24) or []}
    assert {(0xF8, 0xDD, 0xD3), (0xD3, 0xEC, 0xE6)} <= colours


def test_a_palette_keeps_the_colours(made_page: Path, chromium: "Browser") -> None:
    picture = take(chromium, made_page)["top"]

    before, after = (Image.open(io.BytesIO(each)).convert("RGB") for each in (picture, small(picture)))

    assert before.size == after.size
    assert len(small(picture)) < MAX_BYTES
    for place in ((2, 2), (before.width // 2, 200), (30, 200)):
        assert (
            max(abs(a - b) for a, b in zip(before.getpixel(place), after.getpixel(place), strict=True)) < 12
        )  # type: ignore[arg-type]


def test_pictures_of_the_readme_are_small() -> None:
    assert {path.name for path in IMAGES.iterdir()} >= {"report-top.png", "report-pairs.png"}
    assert all(path.stat().st_size < MAX_BYTES for path in IMAGES.glob("*.png"))
