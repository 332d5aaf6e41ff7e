"""The types of names, labels and file names in a config: text that files can hold."""

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
LONGEST = 100  # a name becomes part of a folder's name, which may have 255 bytes
INVISIBLE = ("Cc", "Cf", "Zl", "Zp", "Zs")  # categories of Unicode
# Characters that UTF-8 cannot hold, or XML, on which SVG and HTML build.
UNWRITABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def _name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise ValueError("use only letters, digits, '_', '.' and '-', a letter or digit first")
    if len(text) > LONGEST:
        raise ValueError(f"use at most {LONGEST} characters")
    return text


def _label(text: str) -> str:
    """Check a label and strip the blanks around it, which no table shows."""
    if UNWRITABLE.search(text):
        raise ValueError("use characters that a text file can hold")
    if all(unicodedata.category(letter) in INVISIBLE for letter in text):
        raise ValueError("use at least one character that readers can see")
    return text.strip()


def _identifier(text: str) -> str:
    if not NAME.fullmatch(text) or not text.isidentifier():
        raise ValueError("give the name of a function or class in the file")
    return text


def _file(text: str) -> str:
    if not text.strip() or set("{}") & set(text):
        raise ValueError("give a file name without braces, which Snakemake reads as wildcards")
    return text


Name = Annotated[str, AfterValidator(_name)]
Identifier = Annotated[str, AfterValidator(_identifier)]  # of Python
Label = Annotated[str, AfterValidator(_label)]
File = Annotated[str, AfterValidator(_file)]  # a file that a rule reads
