"""Writes the data of a source into the one file that every job reads."""

from zowarmup.common.job_log import log_to
from zowarmup.config import datasets
from zowarmup.jobs import dataset

with log_to(snakemake.log[0]):
    params = snakemake.params
    settings = datasets.read({**params.settings, **params.places})
    dataset.make(settings, params.contents, snakemake.output.data)
