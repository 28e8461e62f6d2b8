"""Terms of a movie's text: Porter's own examples, what is folded, dropped and kept whole."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_assets.algorithms.catalogue.text import fold, movie_terms, name_term, stem, text_terms

NAMES = st.text(st.characters(categories=["L", "M", "N", "P", "Z"]), max_size=30)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        # From the tables of Porter (1980), one of each step.
        ("caresses", "caress"),
        ("ponies", "poni"),
        ("plastered", "plaster"),
        ("motoring", "motor"),
        ("hopping", "hop"),
        ("filing", "file"),
        ("happy", "happi"),
        ("relational", "relat"),
        ("vietnamization", "vietnam"),
        ("electriciti", "electr"),
        ("hopefulness", "hope"),
        ("adjustable", "adjust"),
        ("probate", "probat"),
        ("controll", "control"),
    ],
)
def test_stems_are_those_of_porters_paper(word: str, expected: str) -> None:
    assert stem(word) == expected


def test_a_text_is_folded_cut_into_words_without_stop_words_and_stemmed() -> None:
    assert text_terms("The Détective's 3 relational PONIES aren't in the 1990s!") == [
        "detect",
        "relat",
        "poni",
    ]


@pytest.mark.parametrize("text", ["", "  ", "42 — 1999!", "the and of", "I a x", "'s n't"])
def test_a_text_without_words_has_no_terms(text: str) -> None:
    assert text_terms(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Detective O'Brien hunts the 'Chosen One'", ["detect", "brien", "hunt", "chosen"]),
        ("L'Amour d’Artagnan, 'til dawn", ["amour", "artagnan", "til", "dawn"]),
        ("The dogs' rock'n'roll", ["dog", "rock", "roll"]),
    ],
)
def test_an_apostrophe_in_names_and_quotes_loses_no_word(text: str, expected: list[str]) -> None:
    assert text_terms(text) == expected


@pytest.mark.parametrize("clitic", ["n't", "'s", "'d", "'m", "'t", "'ll", "'re", "'ve", "n’t", "’s", "’VE"])
def test_english_clitics_are_dropped(clitic: str) -> None:
    assert text_terms(f"Wizard{clitic} castle") == ["wizard", "castl"]


@given(st.text(max_size=60))
def test_case_does_not_matter_and_terms_are_letters(text: str) -> None:
    terms = text_terms(text)
    assert terms == text_terms(text.casefold())
    assert all(term.isalpha() and term == term.casefold() for term in terms)


@pytest.mark.parametrize(
    ("name", "folded"),
    [("Amélie", "amelie"), ("STRAßE", "strasse"), ("Ødegård", "odegard"), ("Łódź", "lodz"), ("Æon", "aeon")],
)
def test_accents_are_taken_away_and_letters_stay(name: str, folded: str) -> None:
    assert fold(name) == folded


@given(NAMES)
def test_folding_twice_is_folding_once(name: str) -> None:
    assert fold(fold(name)) == fold(name)


def test_a_name_is_one_term_of_its_kind() -> None:
    assert name_term("director", "Alfonso Cuarón") == "director:alfonsocuaron"
    assert name_term("keyword", "based on novel") == "keyword:basedonnovel"
    assert name_term("actor", "O'Brien, Ben 12") == "actor:obrienben12"
    assert name_term("keyword", "3d") == "keyword:3d"
    assert name_term("actor", "王家衛") == "actor:王家衛"
    assert name_term("actor", " - ") == ""


@given(NAMES, st.sampled_from(["actor", "director"]))
def test_spaces_and_signs_in_names_do_not_matter(name: str, kind: str) -> None:
    spaced = "".join(f"{letter} " for letter in name)
    assert name_term(kind, spaced) in (name_term(kind, name), "") or name_term(kind, name) == ""
    assert not set(name_term(kind, name).removeprefix(f"{kind}:")) & set(
        string.whitespace + string.punctuation
    )


def test_an_actor_is_not_a_director_of_that_name_nor_a_word() -> None:
    terms = movie_terms(
        {"overview": "Clint rides."},
        {"actor": ["Clint"], "director": ["Clint"]},
        repeats={"overview": 1, "actor": 1, "director": 1},
    )
    assert terms == ["clint", "ride", "actor:clint", "director:clint"]


def test_repeats_are_weights_and_a_kind_not_named_counts_not_at_all() -> None:
    terms = movie_terms(
        {"overview": "Ships", "tagline": "Storms"},
        {"keyword": ["sea", "…"], "actor": ["Ada"]},
        repeats={"overview": 1, "keyword": 3, "tagline": 0},
    )
    assert terms == ["ship", *["keyword:sea"] * 3]
