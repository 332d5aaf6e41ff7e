"""Writes the federation of one seed: partition, held-out parts and tiers."""

from zowarmup.common.job_log import log_to
from zowarmup.data import dataset_file, federation

with log_to(snakemake.log[0]):
    settings = dict(snakemake.params.settings)
    del settings["dataset"]
    dealt = federation.build(
        dataset_file.load(snakemake.input.data), seed=int(snakemake.wildcards.seed), **settings
    )
    federation.save(dealt, snakemake.output.federation)
