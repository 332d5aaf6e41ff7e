"""The tables and figures that a config can name, and the studies that each shows.

Entries are as in `registry`: "module:function".
"""

TABLES = {
    "main": "zowarmup.analysis.tables.studies:main",
    "pivot": "zowarmup.analysis.tables.studies:pivot",
    "distribution": "zowarmup.analysis.tables.studies:distribution",
    "server": "zowarmup.analysis.tables.studies:server",
    "server_sweep": "zowarmup.analysis.tables.studies:server_sweep",
    "architecture": "zowarmup.analysis.tables.studies:architecture",
    "steps": "zowarmup.analysis.tables.studies:steps",
    "sweeps": "zowarmup.analysis.tables.studies:sweeps",
    "participation": "zowarmup.analysis.tables.studies:participation",
    "studies": "zowarmup.analysis.tables.every_study:table",
    "bits_per_byte": "zowarmup.analysis.tables.bits_per_byte:table",
    "depth": "zowarmup.analysis.tables.depth:table",
    "variance": "zowarmup.analysis.tables.variance:table",
    "costs": "zowarmup.analysis.tables.costs:costs",
    "gradient_quality": "zowarmup.analysis.tables.gradient_quality:table",
    "memory": "zowarmup.analysis.tables.costs:memory",
    "adaptive_pivot": "zowarmup.analysis.tables.adaptive_pivot:table",
    "learning_rates": "zowarmup.analysis.tables.learning_rates:table",
}

FIGURES = {
    "training_curves": "zowarmup.analysis.figures.curves:training_curves",
    "pivot": "zowarmup.analysis.figures.sweeps:pivot",
    "distribution": "zowarmup.analysis.figures.strips:distribution",
    "federation": "zowarmup.analysis.figures.federation:figure",
    "server": "zowarmup.analysis.figures.strips:server",
    "server_sweep": "zowarmup.analysis.figures.sweeps:server_sweep",
    "architecture": "zowarmup.analysis.figures.sweeps:architecture",
    "steps": "zowarmup.analysis.figures.curves:steps",
    "S": "zowarmup.analysis.figures.sweeps:S",
    "sensitivity": "zowarmup.analysis.figures.sweeps:sensitivity",
    "alpha": "zowarmup.analysis.figures.sweeps:alpha",
    "clients": "zowarmup.analysis.figures.sweeps:clients",
    "studies": "zowarmup.analysis.figures.every_study:figure",
    "depth": "zowarmup.analysis.figures.depth:figure",
    "participation": "zowarmup.analysis.figures.sweeps:participation",
    "costs": "zowarmup.analysis.figures.sweeps:costs",
    "gradient_quality": "zowarmup.analysis.figures.gradient_quality:figure",
    "estimator": "zowarmup.analysis.figures.curves:estimator",
    "recall": "zowarmup.analysis.figures.recall:figure",
    "adaptive_pivot": "zowarmup.analysis.figures.adaptive_pivot:figure",
    "learning_rates": "zowarmup.analysis.figures.learning_rates:figure",
    "memory_growth": "zowarmup.analysis.figures.memory_growth:figure",
    "bits_curves": "zowarmup.analysis.figures.bits_curves:figure",
}

_MAIN = (
    "training_curves",
    "federation",
    "recall",
    "costs",
    "memory",
    "learning_rates",
    "memory_growth",
    "bits_curves",
)

# The studies that a table or figure shows: by default the study with the same name.
SHOWS: dict[str, tuple[str, ...]] = {name: (name,) for name in (*TABLES, *FIGURES)} | {
    **dict.fromkeys(_MAIN, ("main",)),
    "sweeps": (
        *("S", "tau", "eps", "lr", "seeds_shared", "alpha", "clients", "extreme", "width"),
        *("heterofl", "fedkseed", "memory", "estimator"),
    ),
    "sensitivity": ("tau", "eps", "lr"),
    "gradient_quality": ("main",),
    "studies": (),  # every study
    "bits_per_byte": (),
}


def shows(name: str, study: str) -> bool:
    """Whether a table or figure shows a study."""
    return not SHOWS[name] or study in SHOWS[name]


NEED_TRIALS = ("learning_rates",)  # tables and figures that read trials of learning rates too
NEED_CURVATURE = ("depth",)  # tables and figures that read curvatures beside the metrics
NEED_PROBES = ("adaptive_pivot",)  # figures that read probes beside the metrics
NEED_MEMORY = ("memory",)  # tables that read measurements of memory beside the metrics
NEED_GROWTH = ("memory_growth",)  # figures that read them at several lengths of the context
NEED_FEDERATION = ("federation",)  # figures that read a federation file beside the metrics
