# Resolves the config into named jobs; the library answers the rules' questions about these jobs. This file
# does not import torch, because every job of a cluster reads the file again.

import sys

# Jobs run the code beside the Snakefile, not an installed version.
CHECKOUT = workflow.basedir
sys.path.insert(0, CHECKOUT)

from zowarmup.common import preflight
from zowarmup.common.errors import UserError
from zowarmup.plan.workflow import Workflow, image_mb

try:
    preflight.check(CHECKOUT)
    preflight.import_in_jobs_from(CHECKOUT)
    WORK = Workflow(workflow.configfiles, workflow.config_settings.config, CHECKOUT)
    if workflow.is_main_process:  # a job of a cluster reads this while other jobs write results
        for warning in WORK.check_results():
            print(f"zowarmup: {warning}", file=sys.stderr)
except UserError as error:
    sys.exit(f"zowarmup: {error}")  # a WorkflowError would show a traceback below the message

CONFIG = WORK.config


wildcard_constraints:
    **WORK.constraints(),


def ask(question, rule):
    """Return a function of wildcards, which asks the library a question about a job of the rule."""

    def answer(wildcards):
        return question(WORK.job(rule, wildcards))

    return answer


def data_places(wildcards, output):
    """Return the paths of data. Snakemake compares no functions of outputs, so moved files rerun nothing."""
    return WORK.places(wildcards.dataset)


def claims_file(wildcards):
    """Return the claims file; a function, so that Snakemake does not read the name as a pattern."""
    return WORK.claims


def earlier_trials(wildcards):
    """Return the file of earlier trials, if any; a function for the same reason."""
    return WORK.earlier or []


def training_mb(wildcards, input, attempt):
    return attempt * WORK.training_mb(input.data)


def training_minutes(wildcards, attempt):
    """The time limit of an attempt; a second attempt resumes the work of the first."""
    return attempt * CONFIG.jobs.minutes


def federation_mb(wildcards, input, attempt):
    return attempt * (1000 + image_mb(input.data))


def small_mb(wildcards, attempt):
    return attempt * 2000


def measuring_mb(wildcards, attempt):
    return attempt * 4000


def small_minutes(wildcards, attempt):
    return attempt * 30
