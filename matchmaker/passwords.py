"""Which new passwords are taken: long enough, hard to guess, not made of what is known of their owner, not breached."""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterable
from typing import Any

from flask_security import PasswordUtil
from flask_security.utils import password_breached_validator
from zxcvbn import zxcvbn

from .services import accounts
from .wording import _

SHORTEST, LONGEST = 12, 128
#: Of zxcvbn's 0 to 4: over a hundred million guesses.
_LEAST_SCORE = 3
#: What zxcvbn reads; whatever follows a strong beginning does not weaken it.
_READ = 72
#: What zxcvbn reads as other letters. It tries every combination, which takes a minute when all of them are there.
_SUBSTITUTES = "4@8({[<369&#!1/|0$5+7%2"
_MOST_SUBSTITUTES = 6
#: Everybody who guesses tries these.
_OURS = ("matchmaker", "match", "maker")
#: zxcvbn keeps the words of the password in hand in one place for all threads.
_one_at_a_time = threading.Lock()


class Passwords(PasswordUtil):
    """Judges new passwords for all forms and commands."""

    def validate(self, password: str, is_register: bool, **known: Any) -> tuple[list[str] | None, str]:
        """What is wrong with a password, if anything, and its normal form.

        `known` is a `user`, or the `email` and `name` of somebody who is about to be one.
        """
        normal = self.normalize(password)
        told = accounts.known_of(known["user"].id) if "user" in known else (known.get("email"), known.get("name"))
        if not SHORTEST <= len(normal) <= LONGEST:
            return [_("Use %(least)s to %(most)s characters.", least=SHORTEST, most=LONGEST)], normal
        if not hard_to_guess(normal, [*_OURS, *(text for text in told if text)]):
            return [
                _(
                    "This password is easy to guess: it is common, or made of your name, your address, your "
                    "organisation or ours. Take four unusual words."
                )
            ], normal
        return password_breached_validator(normal), normal


def hard_to_guess(password: str, known: Iterable[str]) -> bool:
    """Whether guessing takes too long even for somebody who knows these texts: with them, and with them left out."""
    words = sorted({word for text in known for word in _words(text)}, key=len, reverse=True)
    folded = _folded(password)
    rest = folded
    for word in words:
        rest = rest.replace(word, "")
    return _score(folded, words) >= _LEAST_SCORE and (rest == folded or _score(rest, words) >= _LEAST_SCORE)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKD", text).casefold()


def _words(text: str) -> Iterable[str]:
    """The words of a text of three letters and more, and all of it in one."""
    parts = re.findall(r"\w+", _folded(text))
    return (word for word in (*parts, "".join(parts)) if len(word) > 2)


def _score(password: str, words: list[str]) -> int:
    if not password:
        return 0
    password = password[:_READ]
    substitutes = [letter for letter in dict.fromkeys(password) if letter in _SUBSTITUTES]
    # A letter of no word and no keyboard is as hard to guess as these are in no word.
    password = password.translate({ord(letter): "§" for letter in substitutes[_MOST_SUBSTITUTES:]})
    with _one_at_a_time:
        score: int = zxcvbn(password, user_inputs=words)["score"]
    return score
