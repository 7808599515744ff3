"""Words that promise something good for the environment without saying how much, against what, or proven by whom.

The European Union's directive 2024/825 names such claims; the list follows it, in the five languages in which most
listings come. A word on it is a reason to look for a number, never a reason to reject.
"""

from __future__ import annotations

import re

_WORDS = {
    "en": (
        r"eco[- ]?friendly",
        r"environment(?:ally)?[- ]friendly",
        r"climate[- ](?:friendly|neutral|positive)",
        r"(?:carbon|co2|co₂)[- ](?:neutral|negative|positive|free)",
        r"(?:net|near)[- ]zero",
        r"zero[- ](?:emissions?|carbon|waste|impact)",
        r"emission[- ]free",
        r"100 ?% (?:green|clean|natural|sustainable|renewable|recyclable|biodegradable)",
        r"(?:fully|completely|totally) (?:green|clean|sustainable|biodegradable)",
        r"biodegradable",
        r"non[- ]toxic",
        r"chemical[- ]free",
        r"planet[- ]friendly",
        r"good for the (?:planet|environment)",
        r"greenest",
        r"sustainable solution",
        r"green (?:solution|technology|energy)",
    ),
    "fr": (
        r"éco[- ]?responsables?",
        r"écologiques?",
        r"respectueu(?:x|se|ses) de l['’]environnement",
        r"neutres? (?:en|pour le) (?:carbone|climat)",
        r"neutralité carbone",
        r"zéro (?:émissions?|carbone|déchets?)",
        r"100 ?% (?:verte?|propre|naturel(?:le)?|durable|écologique)",
        r"biodégradables?",
        r"non toxiques?",
        r"bons? pour la planète",
        r"énergie verte",
    ),
    "es": (
        r"ecológic[oa]s?",
        r"eco[- ]?amigables?",
        r"amigables? con el (?:medio ?ambiente|planeta)",
        r"respetuos[oa]s? con el medio ?ambiente",
        r"(?:carbono|climáticamente) neutr[oa]s?",
        r"neutr[oa]s? en carbono",
        r"cero (?:emisiones|carbono|residuos)",
        r"100 ?% (?:verde|limpi[oa]|natural|sostenible|ecológic[oa])",
        r"biodegradables?",
        r"no tóxic[oa]s?",
        r"energía verde",
    ),
    "de": (
        r"klima(?:neutral|freundlich|positiv)\w{0,2}",
        r"umwelt(?:freundlich|schonend|verträglich)\w{0,2}",
        r"(?:co2|co₂)[- ](?:neutral|frei)\w{0,2}",
        r"emissionsfrei\w{0,2}",
        r"null[- ]?emission(?:en)?",
        r"ökologisch\w{0,2}",
        r"100 ?% (?:grün|sauber|natürlich|nachhaltig|ökologisch)\w{0,2}",
        r"biologisch abbaubar\w{0,2}",
        r"schadstofffrei\w{0,2}",
        r"grüne energie",
    ),
}
#: Chinese writes no spaces between words.
_CHINESE = "碳中和|零碳|零排放|零污染|绿色环保|环保|纯天然|无毒无害|可降解|百分百绿色|气候中和"

_BETWEEN_SPACES = "|".join(word for words in _WORDS.values() for word in words)
_CLAIM = re.compile(rf"(?<!\w)(?:{_BETWEEN_SPACES})(?!\w)|{_CHINESE}", re.IGNORECASE)
_MOST = 20


def vague_claims(text: str) -> tuple[str, ...]:
    """The vague claims in a text, each once, in the order in which they come."""
    found = {" ".join(match[0].split()).lower(): None for match in _CLAIM.finditer(text)}
    return tuple(found)[:_MOST]
