"""Failure signatures of all runs, as files and as warnings in the log."""

import logging

from zowarmup.common.job_log import log_to

with log_to(snakemake.log[0]):
    from zowarmup.analysis import metrics
    from zowarmup.analysis.report import signatures_page
    from zowarmup.analysis.tables import write

    table = signatures_page.table(metrics.read(snakemake.input.metrics))
    write.write(table, snakemake.output)
    for sentence in signatures_page.sentences(table):
        logging.getLogger("zowarmup").warning(sentence)
