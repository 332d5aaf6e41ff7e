"""One figure in all its formats."""

import json
from pathlib import Path

from zowarmup.analysis import metrics
from zowarmup.analysis.figures import write
from zowarmup.settings import registry
from zowarmup.settings.joblog import log_to

with log_to(snakemake.log[0]):
    draw = registry.load(registry.FIGURES, snakemake.wildcards.figure)
    federation = snakemake.input.get("federation")
    held = json.loads(Path(federation).read_text()) if federation else None
    write.write(draw(metrics.read(snakemake.input.metrics), held), snakemake.output)
