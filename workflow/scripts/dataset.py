"""The images: from their source into the one file that every job reads."""

from zowarmup.data import job_dataset
from zowarmup.settings.config import Dataset
from zowarmup.settings.joblog import log_to

with log_to(snakemake.log[0]):
    params = snakemake.params
    settings = Dataset(**params.settings, data_dir=params.data_dir)
    job_dataset.make(settings, params.contents, snakemake.output.data)
