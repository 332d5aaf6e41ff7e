"""The names and labels that a config gives to things: text, and such text as files can hold."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Annotated

from pydantic import AfterValidator

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
# A name becomes a folder, and a log of that name with an ending; file systems take 255 bytes. Names
# that are made of several say what a study varies, so they may be longer than those given.
LONGEST, LONGEST_MADE = 100, 240
# Neither XML, so no svg and no HTML, nor UTF-8 can hold these.
UNSEEN = ("Cc", "Cf", "Zl", "Zp", "Zs")  # what no page shows
UNHEARD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def _named(text: str) -> str:
    if not NAME.fullmatch(text):
        raise ValueError("use letters, digits, '_', '.' and '-' alone, a letter or digit first")
    if len(text) > LONGEST:
        raise ValueError(f"use at most {LONGEST} characters")
    return text


def _labelled(text: str) -> str:
    """Blanks around it are dropped: no table shows them."""
    if UNHEARD.search(text):
        raise ValueError("use characters that a text file can hold")
    if all(unicodedata.category(letter) in UNSEEN for letter in text):
        raise ValueError("say what readers shall call it")
    return text.strip()


def _path(text: str) -> str:
    if not text.strip() or set("{}") & set(text):
        raise ValueError("name a file without braces, which are Snakemake's wildcards")
    return text


Name = Annotated[str, AfterValidator(_named)]
Label = Annotated[str, AfterValidator(_labelled)]
File = Annotated[str, AfterValidator(_path)]  # that a rule reads


def alike(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Pairs of names that are one folder where the case of letters does not count."""
    return _twins((name, name.casefold()) for name in names)


def look_alike(labels: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Pairs of names whose labels no reader could tell apart.

    Args:
        labels: (name, label).
    """
    return _twins((n, unicodedata.normalize("NFC", " ".join(text.split()))) for n, text in labels)


def _twins(keyed: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    first: dict[str, str] = {}
    for name, key in keyed:
        if first.setdefault(key, name) != name:
            yield first[key], name
