"""One figure in all its formats."""

import json
from pathlib import Path

from zowarmup.analysis import metrics
from zowarmup.analysis.figures import write
from zowarmup.settings import registry
from zowarmup.settings.joblog import log_to

with log_to(snakemake.log[0]):
    draw = registry.load(registry.FIGURES, snakemake.wildcards.figure)
    path = snakemake.input.get("federation")
    federation = json.loads(Path(path).read_text()) if path else None
    write.write(draw(metrics.read(snakemake.input.metrics), federation), snakemake.output)
