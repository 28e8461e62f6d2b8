"""Terms of a movie's text: lowercase, tokens, letters only, no stop words, stems; people and keywords stay whole."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Final

import snowballstemmer
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

__all__ = ["fold", "movie_terms", "name_term", "stem", "text_terms"]

# Letters that Unicode doesn't take apart into a letter and an accent.
_LETTERS: Final = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "’": "'"}
)
_CLITIC: Final = re.compile(r"(?<=\w)(?:n't|'(?:s|d|m|t|ll|re|ve))\b")
_NO_SIGN: Final = re.compile(r"[\W_]+")


def fold(text: str) -> str:
    """Take away case and accents: Amélie → amelie, STRAßE → strasse, Ødegård → odegard."""
    parts = unicodedata.normalize("NFKD", text).casefold()
    return "".join(part for part in parts if not unicodedata.combining(part)).translate(_LETTERS)


def text_terms(text: str) -> list[str]:
    """Stems of the words of a text, in its order, as often as they stand there.

    Case and accents are folded; a word is two letters or more, of whatever script; English clitics (don't, he's,
    we'll) are dropped, and any other apostrophe parts words, as every sign does (O'Brien is o and brien);
    scikit-learn's English stop words are left out; the rest is stemmed by `stem`.
    """
    whole = _CLITIC.sub(" ", fold(text))
    words = "".join(letter if letter.isalpha() else " " for letter in whole).split()
    return [stem(word) for word in words if len(word) > 1 and word not in ENGLISH_STOP_WORDS]


@cache
def stem(word: str) -> str:
    """A lower-case word's stem by Porter's algorithm (Porter 1980)."""
    return str(_PORTER.stemWord(word))


@cache
def name_term(kind: str, name: str) -> str:
    """A name as one term that says of what kind it is: ("director", "Alfonso Cuarón") → "director:alfonsocuaron".

    Signs and spaces go; a name of signs alone has the empty term.
    """
    letters = _NO_SIGN.sub("", fold(name))
    return f"{kind}:{letters}" if letters else ""


def movie_terms(
    texts: Mapping[str, str], names: Mapping[str, Sequence[str]], *, repeats: Mapping[str, int]
) -> list[str]:
    """All terms of a movie, in one list.

    Parameters
    ----------
    texts : overview, tagline, … by kind; their words are stemmed and don't say from which kind they are
    names : keywords, actors, directors, … by kind; each name is one term of its kind
    repeats : how often the terms of a kind count; a kind that isn't named counts not at all
    """
    found = {kind: text_terms(text) for kind, text in texts.items()}
    found |= {kind: _name_terms(kind, of_kind) for kind, of_kind in names.items()}
    return [term for kind, terms in found.items() for term in terms * repeats.get(kind, 0)]


def _name_terms(kind: str, names: Iterable[str]) -> list[str]:
    return [term for name in names if (term := name_term(kind, name))]


_PORTER: Final = snowballstemmer.stemmer("porter")
