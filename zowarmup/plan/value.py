"""The base of the values that travel from the plan to the jobs as plain JSON."""

import json
from collections.abc import Callable, Mapping
from typing import Self

from pydantic import ValidationError, model_serializer

from zowarmup.config.phase import Settings

Plain = Mapping[str, object]  # JSON values by name


class Value(Settings):
    """Settings that plain JSON values describe, as Snakemake and run.json hold them."""

    @classmethod
    def read(cls, raw: Plain) -> Self:
        """The value that plain JSON values describe.

        Raises:
            ValueError: names the first field that does not fit.
        """
        try:
            return cls.model_validate_json(json.dumps(raw, default=dict))
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"]))
            raise ValueError(f"{cls.__name__}: {field}: {first['msg']}") from None

    @model_serializer(mode="wrap")
    def _without_absent(self, dump: Callable[[Self], dict[str, object]]) -> dict[str, object]:
        """Leave out optional fields that are None, because the run does not use them."""
        optional = {name for name, f in type(self).model_fields.items() if not f.is_required()}
        return {k: v for k, v in dump(self).items() if v is not None or k not in optional}
