"""Writes the images of a source into the one file that every job reads."""

from zowarmup.common.job_log import log_to
from zowarmup.config.schema import Dataset
from zowarmup.jobs import dataset

with log_to(snakemake.log[0]):
    params = snakemake.params
    settings = Dataset(**params.settings, data_dir=params.data_dir)
    dataset.make(settings, params.contents, snakemake.output.data)
