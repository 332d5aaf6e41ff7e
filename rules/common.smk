# Resolves the config into named work, and answers the rules' questions about it. No torch here:
# every job of a cluster reads this file again.

import os
import re
import sys
from pathlib import Path

# The code beside the Snakefile runs, whatever else is installed or was named.
CHECKOUT = workflow.basedir
sys.path.insert(0, CHECKOUT)

from zowarmup.common import preflight, relative_paths, user_paths
from zowarmup.common.code_digest import code_digest
from zowarmup.common.errors import UserError
from zowarmup.config import registry
from zowarmup.plan import job_digest, replaced_data, snapshots, source_record
from zowarmup.plan.paths import MEMORY_ROLES, Paths
from zowarmup.plan.plan import plan

try:
    preflight.check(CHECKOUT)
    preflight.import_in_jobs_from(CHECKOUT)
    PLAN = plan(workflow.configfiles, workflow.config_settings.config)
    CLAIMS = relative_paths.find("claims", PLAN.config.claims, workflow.configfiles, CHECKOUT)
    if workflow.is_main_process:  # a job of a cluster may look while another folder is being made
        user_paths.folder(f"results/{PLAN.name}", "results")
        snapshots.check(Paths(PLAN))
        replaced_data.check_folders(Paths(PLAN))
        # Snakemake itself can only say that params have changed, and knows nothing of results
        # that it did not make.
        for sentence in replaced_data.changed(Paths(PLAN)):
            remedy = (
                "Snakemake recreates it and what follows from it; results that another copy or "
                "`zowarmup run` made need --forcerun dataset for that"
            )
            print(f"zowarmup: {sentence}; {remedy}", file=sys.stderr)
except UserError as error:
    sys.exit(f"zowarmup: {error}")  # a WorkflowError would show a traceback below the sentence

NAME, CONFIG, PATHS = PLAN.name, PLAN.config, Paths(PLAN)
GPUS = CONFIG.engine.processes if CONFIG.engine.device == "cuda" else 0
SCRIPTS = f"{workflow.basedir}/workflow/scripts"


def one_of(names):
    """Any of the names and nothing else: a dot in one is a dot."""
    return "|".join(map(re.escape, names)) or "-"


wildcard_constraints:
    name=one_of([NAME]),
    scope="|studies/[^/]+/",
    dataset=one_of(CONFIG.datasets),
    federation=one_of(CONFIG.federations),
    warmup=one_of(PLAN.warmups),
    run=one_of(PLAN.runs),
    selection=one_of(PLAN.selections),
    study=one_of(CONFIG.studies),
    model=one_of(CONFIG.memory.models),
    role=one_of(MEMORY_ROLES),
    table=one_of(registry.TABLES),
    figure=one_of(registry.FIGURES),
    seed=r"\d+",


def code(script, *modules):
    """Digest of a script and of the modules that a job names; a change of them reruns the job."""
    return code_digest(modules, f"{SCRIPTS}/{script}.py")


def code_of(script, spec):
    """The same for a job that trains: its phases' algorithms, its network, its engine."""
    return code(script, *job_digest.modules(spec))


def image_mb(input):
    """Two copies of the images, in MB: as read, and as used."""
    return 2 * os.path.getsize(input.data) // 10**6


def training_mb(wildcards, input, attempt):
    """Every process that shares a run has the images, the libraries and the network to itself."""
    return attempt * CONFIG.engine.processes * (CONFIG.jobs.memory_mb + image_mb(input))


def training_minutes(wildcards, attempt):
    """A job that met its limit goes on where it was, so a second attempt need not start over."""
    return attempt * CONFIG.jobs.minutes


def dealing_mb(wildcards, input, attempt):
    return attempt * (1000 + image_mb(input))


def small_mb(wildcards, attempt):
    return attempt * 2000


def measuring_mb(wildcards, attempt):
    return attempt * 4000


def small_minutes(wildcards, attempt):
    return attempt * 30


def dataset_settings(wildcards):
    return CONFIG.datasets[wildcards.dataset].model_dump(exclude={"data_dir"})


def dataset_dir(wildcards, output):
    """Where the files are; not compared, since it takes an output: a move of them reruns nothing."""
    return CONFIG.datasets[wildcards.dataset].data_dir


def dataset_contents(wildcards):
    """What is in the files; a change of it reruns the job and all that follows from it."""
    data = PATHS.dataset(wildcards.dataset)
    return source_record.compared(data, CONFIG.datasets[wildcards.dataset])


def federation_settings(wildcards):
    return CONFIG.federations[wildcards.federation].model_dump()


def federation_data(wildcards):
    return PATHS.dataset(CONFIG.federations[wildcards.federation].dataset)


def warmup_spec(wildcards):
    return PLAN.warmups[wildcards.warmup]


def warmup_code(wildcards):
    return code_of("warmup", warmup_spec(wildcards))


def warmup_inputs(wildcards):
    return PATHS.warmup_inputs(wildcards.warmup, wildcards.seed)


def run_spec(wildcards):
    return PLAN.runs[wildcards.run]


def run_code(wildcards):
    return code_of("train", run_spec(wildcards))


def run_inputs(wildcards):
    return PATHS.run_inputs(wildcards.run, wildcards.seed)


def selection_spec(wildcards):
    return PLAN.selections[wildcards.selection]


def selection_code(wildcards):
    return code_of("select", selection_spec(wildcards))


def selection_inputs(wildcards):
    return PATHS.selection_inputs(wildcards.selection)


def measure_settings(wildcards):
    return PATHS.memory_settings()


def measure_code(wildcards):
    return code("measure", registry.module_of(registry.NETWORKS, wildcards.model))


def claims_file(wildcards):
    """A function, whose result Snakemake does not read as a pattern."""
    return CLAIMS


def scope_cells(wildcards):
    return PATHS.cells(wildcards.scope)


def scope_inputs(wildcards):
    return PATHS.collect_inputs(wildcards.scope)


def table_code(wildcards):
    return code("table", registry.module_of(registry.TABLES, wildcards.table))


def table_inputs(wildcards):
    return PATHS.table_inputs(wildcards.table)


def figure_code(wildcards):
    return code("figure", registry.module_of(registry.FIGURES, wildcards.figure))


def figure_inputs(wildcards):
    return PATHS.figure_inputs(wildcards.figure)


def figure_federations(wildcards):
    return PATHS.federations(wildcards.figure)


def menu_labels(wildcards):
    """What the report's menu says of a table or figure: its name, and the studies it shows."""
    kind = "table" if "table" in wildcards.keys() else "figure"
    name = wildcards[kind]
    return {kind: name.replace("_", " "), "study": ", ".join(registry.SHOWS.get(name, ()))}
