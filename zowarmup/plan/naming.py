"""Short names for distinct pieces of work."""

import itertools
import json
from collections.abc import Callable

from zowarmup.common.json_value import Json
from zowarmup.config.phase import AUTO
from zowarmup.config.schema import Value
from zowarmup.config.yaml_file import ConfigError
from zowarmup.plan.checks import Draft
from zowarmup.plan.resolve import NAMES, Overrides

Of = Callable[[Overrides], Draft]


class Names:
    """Gives equal pieces of work one name, and different ones different names."""

    def __init__(self) -> None:
        self.given: dict[tuple[str, str], str] = {}

    def name(
        self,
        kind: str,
        base: str,
        draft: Draft,
        of: Of,
        overrides: Overrides,
        rates: Json,
        apart: str = "",
    ) -> str:
        """Return a short name: the base, the split if it matters, and the settings that matter.

        Args:
            kind: "run", "warmup" or "selection"; names are distinct within a kind.
            of: returns the draft for other overrides.
            rates: the learning rates, where drafts may differ only in their selections.
            apart: a word for the rates, added where another draft has the name; then numbers are.
        """
        key = kind, json.dumps([draft.identity, rates], sort_keys=True)
        if key not in self.given:
            words = [base]
            for setting, value in overrides.items():
                rest = {name: v for name, v in overrides.items() if name != setting}
                if draft.job.split if setting == "split" else _differs(of, rest, draft):
                    words.append(_slug(setting, value, overrides))
            short = "-".join(words)
            # On some disks, names that differ only in the case of letters are one folder.
            taken = {other.casefold() for (k, _), other in self.given.items() if k == kind}
            plain = [short, f"{short}-{apart}"] if apart else [short]
            wanted = itertools.chain(plain, (f"{plain[-1]}-{i}" for i in itertools.count(2)))
            self.given[key] = next(name for name in wanted if name.casefold() not in taken)
        return self.given[key]


def _differs(of: Of, overrides: Overrides, draft: Draft) -> bool:
    """Return whether these overrides give another draft, or no valid draft."""
    try:
        return of(overrides).identity != draft.identity
    except ConfigError:
        return True


def _slug(key: str, value: Value, overrides: Overrides) -> str:
    if key in NAMES:
        return str(value).replace("/", "-")
    if isinstance(value, dict):
        words = ["pivot", *(str(v) for v in value.values())]
        return "-".join(words) if key == "pivot" else "same-lr"
    if value == AUTO or (key == "pivot" and isinstance(value, str)):
        return f"{key.rpartition('.')[2]}-{value}"
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        value = "-".join(map(str, value))
    setting = key.rpartition(".")[2]
    twins = [other for other in overrides if other.rpartition(".")[2] == setting]
    return f"{key if len(twins) > 1 else setting}{value}"
