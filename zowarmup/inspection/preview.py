"""`zowarmup preview`: tables, figures and verdicts of the runs that have finished so far."""

from collections import Counter
from pathlib import Path

from tqdm import tqdm

from zowarmup.analysis import metrics
from zowarmup.analysis.claims import judge, schema
from zowarmup.analysis.claims import write as claims
from zowarmup.analysis.collect import rows, trials
from zowarmup.analysis.figures import make as figures
from zowarmup.analysis.tables import make as tables
from zowarmup.analysis.template import render
from zowarmup.common.errors import UserError
from zowarmup.common.files import atomic_write_text
from zowarmup.config.tables_and_figures import SHOWS, shows
from zowarmup.inspection.facts import Facts
from zowarmup.plan.earlier_trials import EarlierTrials
from zowarmup.plan.paths import Inputs, Paths
from zowarmup.plan.plan import Cell
from zowarmup.plan.specs import TrainingSpec
from zowarmup.storage import finished

ENDINGS = {"table": (".csv", ".md", ".html"), "figure": (".svg", ".png")}


class Preview:
    """Writes to a folder of its own what the whole workflow would write to results/<name>.

    claims, earlier: the file of claims, and that of earlier trials if the config has one.
    """

    def __init__(self, paths: Paths, output: Path, claims: str, earlier: str | None) -> None:
        self.paths, self.output = paths, output
        self.claims, self.earlier = claims, earlier
        self.cells = [place for place in paths.cells("") if self._finished(*place)]
        self.metrics, self.trials = str(output / "metrics.csv"), str(output / "trials.csv")

    def write(self) -> Facts:
        """Write the files; return how many runs of each study they show, and what is left out.

        Raises:
            UserError: no run has finished, or a file of a finished one is damaged.
        """
        if not self.cells:
            raise UserError(
                f"{self.paths.root}: no run of this config has finished; `zowarmup status` says "
                "how far they are"
            )
        self.output.mkdir(parents=True, exist_ok=True)
        rows.collect([self.paths.described(*place) for place in self.cells], self.metrics)
        self._write_trials()
        drawn, left_out = self._draw()
        verdicts = judge.judge(metrics.read(self.metrics), schema.read(self.claims))
        claims.write(verdicts, [self.output / f"claims{ending}" for ending in ENDINGS["table"]])
        facts = {"finished": self._finished_of_all(), "left_out": left_out}
        page = self.output / "index.html"
        atomic_write_text(
            page, render("preview.html", name=self.paths.plan.name, drawn=drawn, **facts)
        )
        return {"page": str(page)} | facts

    def _finished(self, cell: Cell, seed: int) -> bool:
        """Whether every file behind a cell exists, and was made with the settings of the config."""
        if not all(Path(file).is_file() for file in self.paths.work_of([(cell, seed)])):
            return False
        spec = self.paths.plan.runs[cell.run]
        trained: dict[str, TrainingSpec] = {}
        if spec.warmup:
            trained[self.paths.warmup(spec.warmup, seed)] = self.paths.plan.warmups[spec.warmup]
        if spec.own_phases:
            trained[self.paths.run(cell.run, seed)] = spec
        return not any(finished.change(Path(f, "run.json"), one) for f, one in trained.items())

    def _finished_of_all(self) -> dict[str, str]:
        """Return for each study how many of its runs have finished, each seed counted."""
        done = Counter(cell.study for cell, _ in self.cells)
        of = Counter(cell.study for cell, _ in self.paths.cells(""))
        return {study: f"{done[study]} of {number} runs" for study, number in of.items()}

    def _write_trials(self) -> None:
        """Write the trials of finished selections, and earlier ones; no file without any."""
        decides, earlier = self.paths.plan.decides, EarlierTrials(self.earlier).trials
        files = {name: self.paths.selection(name) for name in self.paths.plan.selections}
        files = {name: file for name, file in files.items() if Path(file).is_file()}
        digests = {name: key for name, key in decides.items() if name in files or key in earlier}
        if digests:
            trials.collect([*files.values()], digests, self.earlier, self.trials)

    def _draw(self) -> tuple[dict[str, list[str]], list[dict[str, str]]]:
        """Write tables and figures; return their names, and why others are left out."""
        config = self.paths.plan.config
        drawn: dict[str, list[str]] = {rule: [] for rule in ENDINGS}
        left_out = []
        for rule, names in (("table", config.tables), ("figure", config.figures)):
            for name in tqdm(names, f"{rule}s", unit=rule, disable=None, leave=False):
                inputs = self._inputs(rule, name)
                reason = self._reason(name, inputs) or self._write(rule, name, inputs)
                if reason:
                    left_out.append({"what": f"{rule} {name}", "why": reason})
                else:
                    drawn[rule].append(name)
        return drawn, left_out

    def _reason(self, name: str, inputs: Inputs) -> str:
        """Return why something cannot be shown yet, or ""."""
        if not any(shows(name, cell.study) for cell, _ in self.cells):
            return f"no run of {' or '.join(SHOWS[name])} has finished"
        files = [
            file for one in inputs.values() for file in ([one] if isinstance(one, str) else one)
        ]
        lacking = [file for file in files if not Path(file).is_file()]
        return f"{lacking[0]} does not exist yet" if lacking else ""

    def _inputs(self, rule: str, name: str) -> Inputs:
        own: Inputs = {"metrics": self.metrics, "trials": [self.trials]}
        inputs = self.paths.shown_inputs(rule, name, "")
        return {key: own.get(key, files) for key, files in inputs.items()}

    def _write(self, rule: str, name: str, inputs: Inputs) -> str:
        """Write the files; return why that cannot be done with these runs alone, or ""."""
        folder = self.output / f"{rule}s"
        folder.mkdir(exist_ok=True)
        files = [folder / f"{name}{ending}" for ending in ENDINGS[rule]]
        probed, federations = self.paths.probed(name), self.paths.federations(name)
        try:
            if rule == "table":
                tables.make(name, inputs, files)
            else:
                figures.make(name, inputs, files, federations=federations, probed=probed)
        except metrics.MetricsError as error:
            return str(error)
        return ""
