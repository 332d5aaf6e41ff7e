"""The JSON schema of a config, by which editors complete and check it.

    python config/render_schema.py           write config/schema.json
    python config/render_schema.py --check   exit 1 if it is stale

The pydantic models that read a config give the schema. It does not check names across keys, such
as a method of a study; reading the config does.
"""

import json
import sys
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from zowarmup.config.datasets import KINDS as DATA_KINDS
from zowarmup.config.datasets import FileData
from zowarmup.config.phase import Settings
from zowarmup.config.phase_settings import PHASES
from zowarmup.config.registry import ENGINES, NETWORKS
from zowarmup.config.schema import Config
from zowarmup.config.tables_and_figures import FIGURES, TABLES

Schema = dict[str, Any]
FILE = Path(__file__).with_name("schema.json")

# The settings in a file of the user's own are known only to that file.
OWN_ALGORITHM: Schema = {
    "type": "object",
    "properties": {"file": {"type": "string"}, "class": {"type": "string"}},
    "additionalProperties": True,
}


def schema() -> Schema:
    """The schema of one file; nothing is required, since a file may extend another one."""
    models: list[type[Settings]] = [Config, *PHASES.values()]
    _, whole = models_json_schema([(model, "validation") for model in models])
    own = {name: whole["$defs"][name]["properties"] for name in ("Config", "Engine", "Memory")}
    own["Config"]["extends"] = {"type": "string", "description": "a file that this one changes"}
    own["Config"]["algorithms"] = {
        "type": "object",
        "properties": {},
        "additionalProperties": OWN_ALGORITHM,
    }
    own["Config"]["datasets"]["additionalProperties"] = _data()
    own["Config"]["model"]["anyOf"].insert(0, {"enum": [*NETWORKS]})
    own["Engine"]["name"]["enum"] = [*ENGINES]
    own["Memory"]["models"]["items"]["enum"] = [*NETWORKS]
    own["Config"]["tables"]["items"]["enum"] = [*TABLES]
    own["Config"]["figures"]["items"]["enum"] = [*FIGURES]
    for name, model in PHASES.items():
        reference = {"$ref": f"#/$defs/{model.__name__}"}
        phase = whole["$defs"][model.__name__]["properties"]
        phase |= {"algorithm": {"const": name}, "until": {"type": ["string", "integer"]}}
        own["Config"]["algorithms"]["properties"][name] = reference
    phases: list[Schema] = [{"$ref": f"#/$defs/{model.__name__}"} for model in PHASES.values()]
    own_phase = {"algorithm": {"type": "string", "not": {"enum": [*PHASES]}}}
    phases.append({"type": "object", "properties": own_phase})
    whole["$defs"]["Method"]["properties"]["phases"]["items"] = {"anyOf": phases}
    draft = "https://json-schema.org/draft/2020-12/schema"
    relaxed: Schema = _relaxed(whole)
    return {"$schema": draft, "$ref": "#/$defs/Config"} | relaxed


def _data() -> Schema:
    """The schema of a data set: only one in a Python file has keys of its own.

    An entry may lack the key of its kind, since it may change an entry of another file.
    """
    others = [kind for kind in DATA_KINDS.values() if kind is not FileData]
    return {
        "if": {"properties": {"file": False}},
        "then": {"anyOf": [{"$ref": f"#/$defs/{kind.__name__}"} for kind in others]},
        "else": {"$ref": f"#/$defs/{FileData.__name__}"},
    }


def text() -> str:
    """The schema as JSON, a line for each definition, so that a change shows in few lines."""
    whole = schema()
    lines = [f"{json.dumps(name)}: {json.dumps(part)}" for name, part in whole.pop("$defs").items()]
    return json.dumps(whole)[:-1] + ', "$defs": {\n' + ",\n".join(lines) + "\n}}\n"


def _relaxed(node: Any) -> Any:
    """A schema without titles and required keys, in which null takes a key out."""
    if isinstance(node, list):
        return [_relaxed(part) for part in node]
    if not isinstance(node, dict):
        return node
    kept = {key: _relaxed(part) for key, part in node.items() if key not in ("title", "required")}
    if node.get("type") == "object":
        own = kept.get("properties", {})
        kept["properties"] = {key: _or_null(part) for key, part in own.items()}
        if isinstance(inner := kept.get("additionalProperties"), dict):
            kept["additionalProperties"] = _or_null(inner)
    return kept


def _or_null(part: Schema) -> Schema:
    null = {"type": "null"}
    choices = part["anyOf"] if set(part) == {"anyOf"} else [part]
    return {"anyOf": choices if null in choices else [*choices, null]}


def main() -> int:
    """Write the file, or check it."""
    if "--check" in sys.argv:
        return int(FILE.read_text(encoding="utf-8") != text())
    FILE.write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
