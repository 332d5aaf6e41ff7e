"""The cells of the studies of a config, and checks of the names that it refers to."""

import difflib
import itertools
from collections.abc import Iterator, Mapping, Sequence

from zowarmup.config.own import phases_of, settings_in
from zowarmup.config.phase import RATES
from zowarmup.config.registry import ENGINE_OPTIONS, ENGINES, LANGUAGE, NETWORKS
from zowarmup.config.schema import Config, Part, Study, Value
from zowarmup.config.tables_and_figures import FIGURES, SHOWS, TABLES, shows
from zowarmup.config.yaml_file import ConfigError
from zowarmup.plan.resolve import Overrides

# `snakemake <study>` trains a study, so a study cannot be named like a rule.
RULES = (
    "all", "dataset", "federation", "warmup", "select", "train", "collect_metrics",
    "collect_trials", "table", "figure", "claims", "measure", "curvature",
    "signatures", "front_page", "check_own", "probed_warmup",
)  # fmt: skip


def grid_of(algorithm: str, key: str) -> str:
    """The key of a rate's grid: `zo` for its lr, `fedadam.client_lr` for another rate."""
    return algorithm if key == "lr" else f"{algorithm}.{key}"


def grids(config: Config) -> list[str]:
    """The keys of the grids of all rates that an algorithm can have."""
    return [
        grid_of(name, key)
        for key in RATES
        for name, phase in phases_of(config).items()
        if key in phase.model_fields
    ]


def parts(config: Config, name: str, study: Study) -> Iterator[tuple[str, Part, tuple[int, ...]]]:
    """Yield (place in the config, part, seeds) for a study itself, then for each of its parts."""
    seeds, place = seed_list(config.seeds, "seeds"), f"studies.{name}"
    also = {f"{place}.also.{key}": part for key, part in study.also.items()}
    for where, part in ({place: study} | also).items():
        own = seeds if part.seeds is None else seed_list(part.seeds, f"{where}.seeds")
        seeds = own if part is study else seeds
        yield where, part, own


def cells(where: str, study: Part) -> Iterator[tuple[str, str, Overrides]]:
    """(method, variant, overrides) of every cell; the variant is empty for points of a grid.

    Raises:
        ConfigError: the study names neither methods nor variants, or names something twice.
    """
    if not study.methods and not study.variants:
        raise ConfigError(f"{where}: name at least one method or variant")
    lists: list[tuple[str, Sequence[Value]]] = [("methods", study.methods), *study.grid.items()]
    for key, values in lists:
        _check_once(f"{where}: {key}", values)
    grids = itertools.product(*study.grid.values())
    points = [dict(zip(study.grid, values, strict=True)) for values in grids]
    for method, point in itertools.product(study.methods, points):
        yield method, "", {**study.set, **point}
    for (variant, cell), point in itertools.product(study.variants.items(), points):
        yield cell.method, variant, {**study.set, **point, **cell.set}


def check_variants(config: Config, where: str, part: Part) -> None:
    """Check that the method of each variant has what the variant itself sets.

    A grid over several methods may vary what some of them lack; a variant that does has another
    label for the same run.

    Raises:
        ConfigError: names the variant and the setting.
    """
    for name, variant in part.variants.items():
        phases = config.methods[variant.method].phases
        used = [str(phase["algorithm"]) for phase in phases]
        borrows = _borrows(config, [*phases, {**phases[0], **part.set, **variant.set}])
        for key in variant.set:
            algorithm = key.partition(".")[0]
            lacks = algorithm in phases_of(config) and algorithm not in used
            if lacks and not borrows:
                raise ConfigError(
                    f"{where}.variants.{name}.set.{key}: {variant.method} has no phase of "
                    f"{algorithm}; its phases are {' and '.join(used)}"
                )
            if key == "pivot" and len(phases) == 1 and not borrows:
                raise ConfigError(
                    f"{where}.variants.{name}.set.pivot: {variant.method} has one phase, so no "
                    "pivot; leave it out"
                )


def _borrows(config: Config, phases: Sequence[Mapping[str, Value]]) -> bool:
    """Whether some rate is another method's, on which settings of that method's phases act."""
    settings = [settings_in(config, str(phase["algorithm"])) | dict(phase) for phase in phases]
    return any(isinstance(value, dict) for one in settings for value in one.values())


def tuned_overrides(config: Config, part: Part, overrides: Overrides) -> Overrides:
    """The overrides under which the selections of a cell run: with `same_as` the other study's."""
    passed: list[str] = []
    while (name := part.same_as) is not None:
        if name in passed:
            raise ConfigError(
                f"studies.{name}.same_as: {' and '.join(passed)} take their learning rates from "
                "each other; leave same_as out of one"
            )
        passed.append(name)
        part = config.studies[name]
        overrides = {**part.set, **{key: v for key, v in overrides.items() if key in part.grid}}
    return overrides


def seed_list(seeds: int | list[int], where: str) -> tuple[int, ...]:
    """The seeds of a number n (0 .. n-1) or of a list.

    Raises:
        ConfigError: the list is empty or names a seed twice.
    """
    if isinstance(seeds, list) and (not seeds or len(set(seeds)) < len(seeds)):
        raise ConfigError(f"{where}: give each seed once, and at least one")
    return tuple(range(seeds) if isinstance(seeds, int) else seeds)


def check_references(config: Config) -> None:
    """Check that every name in the config exists, and that no label stands for two things.

    Raises:
        ConfigError: names the key and the possible values.
    """
    _check_names(config)
    _check_apart(config)
    for key, names in (("tables", config.tables), ("figures", config.figures)):
        for name in names:
            if not any(shows(name, study) for study in config.studies):
                raise ConfigError(
                    f"{key}: {name} shows the study {' or '.join(SHOWS[name])}, which is not in "
                    "`studies`; remove this entry, or add the study"
                )
    if "memory" in config.tables and not config.memory.models:
        raise ConfigError("memory.models: name at least one network, for the table `memory`")
    if "memory_growth" in config.figures and not config.memory.growth:
        raise ConfigError(
            "memory.growth: give `models` and `contexts`, for the figure `memory_growth`"
        )
    for name in RULES:
        if name in config.studies:
            raise ConfigError(f"studies.{name}: a rule has this name already; rename the study")


def _check_apart(config: Config) -> None:
    """Check that disks can tell names apart, and that readers can tell labels apart."""
    for key in ("datasets", "federations", "methods", "studies"):
        for twin, name in _twins({name: name.casefold() for name in getattr(config, key)}):
            raise ConfigError(
                f"{key}.{name}: only the case of letters tells this name from {twin}, and on some "
                "disks they would be one folder; rename one of them"
            )
    labels = {name: " ".join(method.label.split()) for name, method in config.methods.items()}
    for twin, name in _twins(labels):
        raise ConfigError(
            f"methods.{name}.label: {twin} is called {labels[twin]!r} too, so tables and figures "
            "could not tell them apart; change one of the labels"
        )


def _twins(keys: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield pairs of names that have the same key."""
    first: dict[str, str] = {}
    for name, key in keys.items():
        if first.setdefault(key, name) != name:
            yield first[key], name


def _check_names(config: Config) -> None:
    growth = config.memory.growth.models if config.memory.growth else []
    same_as = {
        where: [part.same_as]
        for name, study in config.studies.items()
        for where, part, _ in parts(config, name, study)
        if part.same_as is not None
    }
    for key, table, names in (
        ("tables", TABLES, config.tables),
        ("figures", FIGURES, config.figures),
        ("engine.name", ENGINES, [config.engine.name]),
        ("engine.options", ENGINE_OPTIONS.get(config.engine.name, ()), config.engine.options),
        ("algorithms", phases_of(config), config.algorithms),
        ("selection.grid", grids(config), config.selection.grid),
        ("selection.joint_grid", grids(config), config.selection.joint_grid),
        ("selection.rounds", config.rounds, config.selection.rounds),
        *((f"{where}.same_as", config.studies, other) for where, other in same_as.items()),
        ("memory.models", NETWORKS, config.memory.models),
        ("memory.growth.models", LANGUAGE, growth),
    ):
        for name in names:
            if name not in table:
                fix = f"use one of {', '.join(table)}" if table else "remove it"
                raise ConfigError(f"{key}: there is no {name}; {fix}")
        _check_once(key, [*names])


def check_marks(config: Config) -> None:
    """Check that a phase ends at every mark: under a misspelt name the old number would stay.

    Raises:
        ConfigError: names the mark and the fix.
    """
    phases = [phase for method in config.methods.values() for phase in method.phases]
    ends = [phase.get("until") for phase in [*phases, *config.algorithms.values()]]
    used = [until for until in ends if isinstance(until, str)]
    for mark in config.rounds:
        if mark not in used:
            near = difflib.get_close_matches(mark, used, n=1)
            fix = f"did you mean {near[0]}?" if near else "remove it"
            raise ConfigError(f"rounds.{mark}: no phase of `methods` ends at {mark}; {fix}")


def _check_once(key: str, values: Sequence[Value]) -> None:
    if twice := [value for i, value in enumerate(values) if value in values[:i]]:
        raise ConfigError(f"{key}: {twice[0]} is given twice; remove one")
