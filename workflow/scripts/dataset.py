"""The images: from their source into the one file that every job reads."""

from zowarmup.data import datasets
from zowarmup.settings.joblog import log_to

with log_to(snakemake.log[0]):
    settings = dict(snakemake.params.settings)
    found = datasets.load_source(settings.pop("source"), **settings)
    datasets.save(found, snakemake.output.data)
