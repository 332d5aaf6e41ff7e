# One target per study: `snakemake pivot` trains only this study and makes its tables and figures, under
# results/{name}/studies/pivot/.
for study in CONFIG.studies:

    rule:
        name:
            study
        input:
            **WORK.paths.targets(f"studies/{study}/"),
        localrule: True
