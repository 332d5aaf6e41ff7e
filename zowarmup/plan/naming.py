"""Short names for distinct pieces of work."""

import itertools
import json
from typing import Any

from zowarmup.config.text import LONGEST_COMPOSED
from zowarmup.config.yaml_file import ConfigError
from zowarmup.plan.resolve import NAMES, Overrides

Spec = dict[str, Any]


class Names:
    """Gives each distinct piece of work one name."""

    def __init__(self) -> None:
        self.given: dict[tuple[str, str], str] = {}

    def name(
        self, kind: str, base: str, spec: Spec, make: Any, overrides: Overrides, rated: list[Any]
    ) -> str:
        """A short name: the base, the split if it matters, and the overrides that matter.

        Args:
            kind: "run", "warmup" or "selection".
            spec: the description of the work.
            make: the function that returns the description under some overrides.
            rated: settings that tell apart equal descriptions with different selections.

        Raises:
            ConfigError: the name would be too long for a folder.
        """
        identity = json.dumps([spec, rated], sort_keys=True)
        if (kind, identity) not in self.given:
            words = [base]
            for key, value in overrides.items():
                rest = {k: v for k, v in overrides.items() if k != key}
                if spec["split"] if key == "split" else _differs(make, rest, spec):
                    words.append(_slug(key, value, overrides))
            name = "-".join(words)
            if len(name) > LONGEST_COMPOSED:
                raise ConfigError(
                    f"{base}: with all that the studies vary, the name of this {kind} has "
                    f"{len(name)} characters, and at most {LONGEST_COMPOSED} are possible: give it "
                    "a shorter name, or vary less"
                )
            # Where the case of letters does not count, names that differ in it are one folder.
            taken = {n.casefold() for (k, _), n in self.given.items() if k == kind}
            numbered = (f"{name}-{i}" for i in itertools.count(2))
            self.given[kind, identity] = next(
                n for n in itertools.chain([name], numbered) if n.casefold() not in taken
            )
        return self.given[kind, identity]


def _differs(make: Any, overrides: Overrides, spec: Spec) -> bool:
    """Whether fewer overrides give another description, or an error."""
    try:
        return bool(make(overrides) != spec)
    except ConfigError:
        return True


def _slug(key: str, value: Any, overrides: Overrides) -> str:
    if key in NAMES:
        return str(value).replace("/", "-")
    if isinstance(value, dict):
        return "same-lr"
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        value = "-".join(map(str, value))
    setting = key.rpartition(".")[2]
    twins = [other for other in overrides if other.rpartition(".")[2] == setting]
    return f"{key if len(twins) > 1 else setting}{value}"
