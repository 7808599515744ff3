"""Pictures made safe: what comes out is ours, whatever went in."""

from __future__ import annotations

import io
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import HOSTILE, SECRET, photograph, picture, saved, with_text
from PIL import Image, ImageCms

from matchmaker.errors import Invalid
from matchmaker.imaging import LARGEST_RESULT, Picture, prepared

FORMATS = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "JPEG": ("L", "RGB", "CMYK"),
    "WEBP": ("RGB", "RGBA"),
    "GIF": ("1", "L", "P", "RGB", "RGBA"),
}


def opened(made: Picture) -> Image.Image:
    """What a browser makes of it."""
    image = Image.open(io.BytesIO(made.content))
    assert image.get_format_mimetype() == made.media_type
    assert image.size == (made.width, made.height)
    image.load()
    return image


def pixel(made: Picture, place: tuple[int, int] = (0, 0)) -> tuple[int, ...]:
    found = opened(made).convert("RGBA").getpixel(place)
    assert isinstance(found, tuple)
    return found


@settings(max_examples=40)
@given(
    kind=st.sampled_from([(format, mode) for format, modes in FORMATS.items() for mode in modes]),
    width=st.integers(1, 700),
    height=st.integers(1, 700),
    longest=st.sampled_from([1, 40, 400, 1600]),
    seed=st.binary(min_size=1, max_size=64),
)
def test_any_picture_comes_out_small_enough_in_its_proportions(
    kind: tuple[str, str], width: int, height: int, longest: int, seed: bytes
) -> None:
    format, mode = kind
    plain = Image.new(mode, (width, height))
    needed = len(plain.tobytes())
    made = prepared(saved(Image.frombytes(mode, (width, height), (seed * needed)[:needed]), format), longest)
    opened(made)
    assert len(made.content) <= LARGEST_RESULT
    assert max(made.width, made.height) <= min(longest, max(width, height))
    # To the next pixel: the longer side decides.
    scale = max(made.width, made.height) / max(width, height)
    assert abs(made.width - width * scale) <= 1
    assert abs(made.height - height * scale) <= 1


@settings(max_examples=150)
@given(
    file=st.sampled_from([picture(format) for format in FORMATS]),
    changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=12),
    cut=st.integers(0, 400),
)
def test_a_spoilt_file_is_read_or_refused_and_nothing_else(
    file: bytes, changes: list[tuple[int, int]], cut: int
) -> None:
    spoilt = bytearray(file)
    for place, byte in changes:
        spoilt[place % len(spoilt)] = byte
    with suppress(Invalid):
        opened(prepared(bytes(spoilt[: len(spoilt) - cut % len(spoilt)]), 400))


@pytest.mark.parametrize("name", HOSTILE)
def test_no_picture_but_refused(name: str) -> None:
    with pytest.raises(Invalid, match=r"[Cc]hoose"):
        prepared(HOSTILE[name], 1600)


def test_a_photograph_stands_upright_and_does_not_tell_where_it_was_taken() -> None:
    file = photograph()
    assert SECRET in file
    made = prepared(file, 1600)
    image = opened(made)
    assert image.size == (40, 60)
    assert not image.getexif()
    assert set(image.info) <= {"loop", "background", "timestamp", "duration"}
    assert SECRET not in made.content


def test_texts_beside_the_pixels_are_gone() -> None:
    made = prepared(with_text(), 1600)
    assert SECRET not in made.content


def test_what_follows_the_pixels_is_gone() -> None:
    made = prepared(picture() + SECRET, 1600)
    assert SECRET not in made.content


def test_colours_are_turned_into_the_web_s_own() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    odd = prepared(picture(icc_profile=profile), 1600)
    # A profile that does not fit the picture is left aside.
    assert pixel(odd)[:3] == pytest.approx(pixel(prepared(picture(), 1600))[:3], abs=3)
    assert "icc_profile" not in opened(odd).info


def test_a_broken_profile_is_left_aside() -> None:
    assert prepared(picture(icc_profile=b"nonsense"), 1600).width == 60


def test_transparency_is_kept() -> None:
    clear = Image.new("RGBA", (40, 40), (0, 128, 0, 0))
    assert pixel(prepared(saved(clear, "PNG"), 400))[3] == 0


def test_sixteen_bits_are_not_cut_off() -> None:
    grey = Image.new("I;16", (20, 20), 128 * 256)
    assert pixel(prepared(saved(grey, "PNG"), 400))[0] == pytest.approx(128, abs=3)


def test_of_a_moving_picture_the_first_frame_stays() -> None:
    frames = [Image.new("RGB", (30, 30), colour) for colour in ("red", "blue")]
    made = prepared(saved(frames[0], "GIF", save_all=True, append_images=frames[1:]), 400)
    assert getattr(opened(made), "n_frames", 1) == 1
    red, _, blue, _ = pixel(made)
    assert red > blue


def test_noise_is_scaled_down_until_it_is_small() -> None:
    noise = Image.effect_noise((1600, 1600), 200).convert("RGB")
    made = prepared(saved(noise, "JPEG"), 1600)
    assert len(made.content) <= LARGEST_RESULT


def test_forty_million_pixels_are_read() -> None:
    made = prepared(picture("JPEG", (6_300, 6_300)), 1600)
    assert made.width == 1600
