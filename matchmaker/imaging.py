"""Pictures from outside, made safe: decoded, turned upright, stripped of all metadata, scaled down, encoded anew. Pure.

Nothing of the file that came in survives but its pixels. At most one picture should be read at a time: a large one
takes a few hundred megabytes while it is.
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from dataclasses import dataclass

from PIL import Image, ImageCms, ImageOps

from .errors import Invalid
from .messages import N_

LARGEST_FILE = 5 * 1024 * 1024
MOST_PIXELS = 40_000_000
LARGEST_RESULT = 500_000

_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
_QUALITIES = (85, 70, 50, 30)
#: A picture that is a page or a script at the same time was made to deceive.
_PAGE = re.compile(rb"<(?:script|html|!doctype|\?php)", re.IGNORECASE)

# Pillow compares the size in the file's header with this before it decodes anything.
Image.MAX_IMAGE_PIXELS = MOST_PIXELS
warnings.simplefilter("error", Image.DecompressionBombWarning)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as we encoded it."""

    content: bytes
    media_type: str
    width: int
    height: int


def prepared(file: bytes, longest: int) -> Picture:
    """The picture in a PNG, JPEG, WebP or GIF file (its first frame), upright, in sRGB, as WebP of at most 500 kB.

    Its longer side has at most `longest` pixels; it is never enlarged. Raises Invalid for whatever is no such picture,
    is cut short, or is too large to be read safely.
    """
    if not file:
        raise Invalid(N_("The file is empty. Choose a picture."))
    if len(file) > LARGEST_FILE:
        raise Invalid(N_("The picture is larger than 5 MB. Save it smaller, then choose it again."))
    if _PAGE.search(file) or zipfile.is_zipfile(io.BytesIO(file)):
        raise Invalid(
            N_("The file is a picture and something else at once. Save the picture anew, then choose that file.")
        )
    return _encoded(_decoded(file, longest))


def _decoded(file: bytes, longest: int) -> Image.Image:
    try:
        image: Image.Image = Image.open(io.BytesIO(file), formats=_FORMATS)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise _too_large() from error
    except Exception as error:  # What a parser makes of a hostile file is not documented.
        raise Invalid(N_("This is no picture we can read. Choose a PNG, JPEG, WebP or GIF file.")) from error
    if image.width * image.height > MOST_PIXELS:
        raise _too_large()
    try:
        return _upright(image, longest)
    except Exception as error:
        raise Invalid(N_("The picture is damaged or cut short. Save it anew, then choose that file.")) from error


def _too_large() -> Invalid:
    return Invalid(N_("The picture has more than 40 million pixels. Save it smaller, then choose it again."))


def _upright(image: Image.Image, longest: int) -> Image.Image:
    """Decode: scaled down first, so that the rest has little to do."""
    if image.mode.startswith("I"):
        # Sixteen bits a pixel; a plain conversion would cut off what is above 255.
        image = image.point(lambda value: value / 256, "F").convert("L")
    elif image.mode in ("1", "P", "PA") or "transparency" in image.info:
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS, reducing_gap=2.0)
    ImageOps.exif_transpose(image, in_place=True)
    image = _in_srgb(image)
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _in_srgb(image: Image.Image) -> Image.Image:
    """Colours as the file's profile means them; without one, or with a broken one, as they are."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "RGBA", "CMYK", "L"):
        return image
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return image
    return converted or image


def _encoded(image: Image.Image) -> Picture:
    """As good as fits."""
    while True:
        for quality in _QUALITIES:
            target = io.BytesIO()
            # Without these Pillow would take along what it read.
            image.save(target, "WEBP", quality=quality, exif=b"", icc_profile=b"", xmp=b"")
            if target.tell() <= LARGEST_RESULT:
                return Picture(target.getvalue(), "image/webp", image.width, image.height)
        image = image.resize((max(1, image.width * 3 // 4), max(1, image.height * 3 // 4)))
