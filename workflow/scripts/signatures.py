"""Writes the failure signatures of all runs, and logs them as warnings."""

import logging

from zowarmup.common.job_log import log_to

with log_to(snakemake.log[0]):
    from zowarmup.analysis import metrics
    from zowarmup.analysis.report import signatures_page

    table = signatures_page.table(metrics.read(snakemake.input.metrics))
    signatures_page.write(table, snakemake.output)
    for sentence in signatures_page.sentences(table):
        logging.getLogger("zowarmup").warning(sentence)
