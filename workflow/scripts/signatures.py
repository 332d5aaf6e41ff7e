"""Failure signatures of all runs, as files and as warnings in the log."""

import logging

from zowarmup.settings.joblog import log_to

with log_to(snakemake.log[0]):
    from zowarmup.analysis import metrics, signatures

    found = signatures.table(metrics.read(snakemake.input.metrics))
    signatures.write(found, snakemake.output)
    for sentence in signatures.sentences(found):
        logging.getLogger("zowarmup").warning(sentence)
