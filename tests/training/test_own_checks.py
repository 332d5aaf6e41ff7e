"""A check refuses whatever a federated run cannot carry, in one sentence that a user can act on.

Each network and method stands in a file, and goes through the plan and the checks of its config.
"""

import json
from pathlib import Path

import own_code
import pytest
from own_code import CONFIG, METHOD, NETWORK, RECORDED, replaced

OURS = ("in zowarmup", "site-packages", "Traceback")  # a path of code that the user did not write

FORWARD = "return self.head(self.body(x.flatten(1)).relu())"
RATE = "    lr: Rate\n"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return own_code.images(tmp_path_factory.mktemp("images"))


def forward(*lines: str) -> str:
    """The network with another end of forward."""
    return replaced(NETWORK, FORWARD, "\n        ".join(lines))


def built(*lines: str, end: str = FORWARD) -> str:
    """The network with more lines in its __init__."""
    layer = "self.head = nn.Linear(hidden, classes)"
    text = replaced(NETWORK, layer, "\n        ".join((layer, *lines)))
    return replaced(text, FORWARD, end)


FAULTY_NETWORKS: dict[str, tuple[str, list[str]]] = {
    "syntax": (
        replaced(NETWORK, "shape, classes, hidden=8):", "shape, classes, hidden=8:"),
        ["my_net.py, line 6: 'def __init__(self, shape, classes, hidden=8:'", "; correct it"],
    ),
    "import": (
        replaced(NETWORK, "import torch\n", "import torch_missing\n"),
        ["my_net.py, line 1, in <module>: 'import torch_missing'", "No module named 'torch_missi"],
    ),
    "name": (
        replaced(NETWORK, "from torch import nn\n", ""),
        ["my_net.py, line 4, in <module>: 'class Net(nn.Module):'", "name 'nn' is not defined"],
    ),
    "init": (
        replaced(NETWORK, "nn.Linear(hidden, classes)", "nn.Linear(hidden, clases)"),
        ["my_net.py, line 9, in __init__: 'self.head = nn.Linear(hidden, clases)'", "NameError"],
    ),
    "arguments of init": (
        replaced(NETWORK, "shape, classes, hidden=8", "classes, hidden=8").replace(
            "shape[0] * shape[1] * shape[2]", "64"
        ),
        ["my_net.py, line 9, in __init__: 'self.head = nn.Linear(hidden, classes)': TypeError"],
    ),
    "too few arguments": (
        replaced(NETWORK, "shape, classes, hidden=8", "").replace("hidden", "10"),
        ["my_net.py:Net: too many positional arguments", "the shape of an input, the number of"],
    ),
    "forward": (
        forward("x = self.body(x)", "return self.head(x)"),
        ["my_net.py, line 12, in forward: 'x = self.body(x)'", "shapes cannot be multiplied"],
    ),
    "no forward": (
        replaced(NETWORK, "def forward", "def fordward"),
        ["my_net.py: ", 'Module [Net] is missing the required "forward" function; correct it'],
    ),
    "mask": (
        replaced(NETWORK, "def forward(self, x)", "def forward(self, x, mask)"),
        ["my_net.py:Net: forward needs mask beside its input", "give it a default"],
    ),
    "shape of the output": (
        replaced(NETWORK, "nn.Linear(hidden, classes)", "nn.Linear(hidden, 2)"),
        ["forward returns (27, 2) torch.float32 for 27 inputs and 10 classes; return (27, 10)"],
    ),
    "tuple": (
        forward("x = self.body(x.flatten(1))", "return self.head(x), x"),
        ["my_net.py:Net: forward returns a tuple; return one tensor"],
    ),
    "double": (
        built("self.double()"),
        ["parameter body.weight is torch.float64", "call .float()"],
    ),
    "double output": (
        forward("return self.head(self.body(x.flatten(1))).double()"),
        ["forward returns (27, 10) torch.float64", "return (27, 10) torch.float32"],
    ),
    "dropout": (
        built("self.drop = nn.Dropout(0.25)"),
        ["my_net.py:Net: drop is a Dropout that drops a share of 0.25", "set its probability to 0"],
    ),
    "dropout of a recurrent layer": (
        built("self.cell = nn.LSTM(3, 3, 2, dropout=0.1)"),
        ["cell is a LSTM that drops a share of 0.1"],
    ),
    "lazy": (
        built("self.head = nn.LazyLinear(classes)"),
        ["head is a LazyLinear whose sizes are open", "give its number of inputs"],
    ),
    "random forward": (
        forward("return self.head(nn.functional.dropout(self.body(x.flatten(1)), 0.5))"),
        ["gives another output for the same input; take randomness out of forward"],
    ),
    "nan": (
        forward("return self.head(torch.log(-1 - self.body(x.flatten(1)) ** 2))"),
        ["has the loss nan at its first weights"],
    ),
    "gradient of nan": (
        forward("return self.head((self.body(x.flatten(1)) * 0).abs().sqrt())"),
        ["has a gradient that is not finite at its first weights"],
    ),
    "no gradient": (
        forward("with torch.no_grad():", "    return self.head(self.body(x.flatten(1)))"),
        ["has an output without gradient; do not detach it"],
    ),
    "input": (
        forward("x += 1", FORWARD),
        ["my_net.py:Net: changes its input in forward; work on a copy"],
    ),
    "calls in place": (
        built(
            "self.register_buffer('calls', torch.zeros(1))",
            end=f"self.calls += 1\n        {FORWARD}",
        ),
        ["my_net.py:Net: changes calls in forward, which no round averages; leave that out"],
    ),
    "calls": (
        built(
            "self.register_buffer('calls', torch.zeros(1))",
            end=f"self.calls = self.calls + 1\n        {FORWARD}",
        ),
        ["my_net.py:Net: changes calls in forward, which no round averages; leave that out"],
    ),
    "batch norm": (
        built("self.norm = nn.BatchNorm1d(8)"),
        ["Net: norm is a BatchNorm1d whose running statistics no round averages: use LayerNorm"],
    ),
    "random constant": (
        built("self.register_buffer('noise', torch.randn(3))"),
        ["noise does not train, but is drawn at random", "give it fixed values"],
    ),
    "numpy": (
        built(
            "import numpy",
            "self.head.bias.data += torch.from_numpy(numpy.random.rand(classes)).float()",
        ),
        ["starts from other weights each time; draw them with torch alone"],
    ),
    "nothing trains": (
        built("self.requires_grad_(False)"),
        ["Net has no parameter that trains; give it one, with requires_grad=True"],
    ),
    "no module": (
        "def Net(shape, classes):\n    return lambda x: x\n",
        ["my_net.py:Net: returns a function; return an nn.Module"],
    ),
    "nothing": (
        "def Net(shape, classes):\n    network = None\n",
        ["my_net.py:Net: returns a NoneType; return an nn.Module"],
    ),
    "no factory": ("Net = 3\n", ["my_net.py", "'int' object is not callable"]),
    "batch": (
        forward("x = x.flatten(1)", "return self.head(self.body(x - x.mean(0)))"),
        ["mixes the inputs of a batch", "StaticNorm"],
    ),
}


@pytest.mark.parametrize("name", FAULTY_NETWORKS)
def test_a_network_that_no_run_can_carry(name: str, data: Path, tmp_path: Path) -> None:
    text, parts = FAULTY_NETWORKS[name]
    said = own_code.refusal(own_code.write(tmp_path, network=text), data)
    for part in parts:
        assert part in said, said
    assert not any(path in said for path in OURS), said


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        (
            "build: Net",
            "build: Net, hiden: 3",
            ["my_net.py", "unexpected keyword argument 'hiden'"],
        ),
        ("build: Net", "build: Nett", ["networks.Nett.build:", "has no Nett; did you mean Net?"]),
        ("build: Net", "build: Net, hidden: 0.5", ["my_net.py, line 8, in __init__", "TypeError"]),
        ("my_net.py", "my_nets.py", ["networks.Net.file: ", "my_nets.py: No such file"]),
        ("{name: plain}", "{name: batched}", ["engine batched cannot stack Net", "vmap or plain"]),
        (
            "engine:",
            "jobs: {memory_mb: 1}\nengine:",
            ["need about ", "`jobs.memory_mb` to ", "batches"],
        ),
        ("engine:", "width: 2\nengine:", ["width: 2: ", "takes no keywords `width` and `scale`"]),
    ],
)
def test_a_config_that_does_not_fit_the_network(
    old: str, new: str, parts: list[str], data: Path, tmp_path: Path
) -> None:
    network = replaced(NETWORK, "hidden=8", "hidden=2000") if "memory" in new else NETWORK
    config = own_code.write(tmp_path, network=network, config=replaced(CONFIG, old, new))
    said = own_code.refusal(config, data)
    for part in parts:
        assert part in said, said


ROUND = "return State(state.w - self.step * g), report(cohort, 1, engine.d)"
FAULTY_METHODS: dict[str, tuple[str, list[str]]] = {
    "syntax": (
        replaced(METHOD, "def begin(self, w):", "def begin(self, w)"),
        ["my_method.py, line 15: 'def begin(self, w)': expected ':'; correct it"],
    ),
    "no dataclass": (
        replaced(METHOD, "@dataclass(frozen=True)\n", ""),
        ["algorithms.mine: ", "my_method.py:Mine: write @dataclass(frozen=True) before the class"],
    ),
    "no rate": (
        replaced(METHOD, RATE, ""),
        ["algorithms.mine: ", "my_method.py:Mine: has no learning rate; add the field `lr: Rate`"],
    ),
    "annotation": (
        replaced(METHOD, "step: Positive", "step: Tensor"),
        ["my_method.py:Mine: a config has no type Tensor; use bool, int, float, str, Positive"],
    ),
    "optional": (
        replaced(METHOD, "step: Positive", "step: float | None"),
        ["my_method.py:Mine: a config has no type float | None; use "],
    ),
    "default": (
        replaced(METHOD, "step: Positive = 1.0", "step: Positive = 1 / 3"),
        ["my_method.py:Mine: the default of step is 1 / 3; write a number, text"],
    ),
    "default of nothing": (
        replaced(METHOD, "step: Positive = 1.0", "step: Positive = None"),
        ["my_method.py:Mine: the default of step is None; write a number, text"],
    ),
    "reserved": (
        replaced(METHOD, "step: Positive = 1.0", 'source: str = "here"').replace("self.step", "1"),
        ["my_method.py:Mine: no setting can be called source; rename the field"],
    ),
    "setting of all phases": (
        replaced(METHOD, "step: Positive = 1.0", "rounds: int = 3").replace("self.step", "1"),
        ["my_method.py:Mine: no setting can be called rounds; rename the field"],
    ),
    "private": (
        replaced(METHOD, "step: Positive = 1.0", "_step: float = 3").replace("self.step", "1"),
        ["my_method.py:Mine: no setting can be called _step; rename the field"],
    ),
    "import": (
        replaced(METHOD, "import difference", "import differences"),
        ["my_method.py, line 3, in <module>: ", "cannot import name 'differences'"],
    ),
    "no begin": (
        replaced(METHOD, "def begin", "def start"),
        ["my_method.py:Mine: has no method begin; write it"],
    ),
    "no round": (
        replaced(METHOD, "def round", "def rounds"),
        ["my_method.py:Mine: has no method round; write it"],
    ),
    "round": (
        replaced(METHOD, "report(cohort, 1, engine.d)", "report(cohort, 1, engine.size)"),
        [f"my_method.py, line 22, in round: {replaced(ROUND, 'engine.d', 'engine.size')!r}"],
    ),
    "type of the state": (
        replaced(METHOD, "        return State(w)", "        return w"),
        ["my_method.py:Mine.begin: gives a Tensor; give a State"],
    ),
    "shape of the state": (
        replaced(METHOD, "State(state.w - self.step * g)", "State((state.w - g)[1:])"),
        ["Mine.round: gives a model of (609,) torch.float32; give all (610,) parameters"],
    ),
    "precision of the state": (
        replaced(METHOD, "State(state.w - self.step * g)", "State((state.w - g).double())"),
        ["Mine.round: gives a model of (610,) torch.float64", "as torch.float32"],
    ),
    "server": (
        replaced(METHOD, "State(state.w - self.step * g)", 'State(state.w - g, {"t": t})'),
        ["Mine.round: gives a int for server['t']; give a tensor"],
    ),
    "no report": (
        replaced(METHOD, ", report(cohort, 1, engine.d)", ""),
        ["Mine.round: gives a State; give a new State and a Report"],
    ),
    "nothing": (
        replaced(METHOD, ROUND, "new = state.w - self.step * g"),
        ["Mine.round: gives a NoneType; give a new State and a Report"],
    ),
    "type of the report": (
        replaced(METHOD, "report(cohort, 1, engine.d)", "None"),
        ["Mine.round: gives a NoneType; give a Report"],
    ),
    "lengths of the report": (
        replaced(RECORDED, "Report([4] * n,", "Report([4],"),
        ["Mine.round: bytes_up has 1 numbers for 2 clients; give one for each client"],
    ),
    "in place": (
        replaced(METHOD, "State(state.w - self.step * g)", "State(state.w.sub_(g))"),
        ["Mine.round: changes state.w; compute a new tensor"],
    ),
    "random": (
        replaced(METHOD, "- self.step * g)", "- g * torch.rand(1))").replace(
            "from dataclasses", "import torch\nfrom dataclasses"
        ),
        ["Mine.round: gives another model for the same arguments", "`seeds`"],
    ),
    "little noise": (
        replaced(METHOD, "- self.step * g)", "- self.step * g + 1e-12 * torch.rand(1))").replace(
            "from dataclasses", "import torch\nfrom dataclasses"
        ),
        ["my_method.py:Mine: draws from a global generator of random numbers", "`seeds`"],
    ),
    "random begin": (
        replaced(METHOD, "return State(w", "random.random(); return State(w").replace(
            "from dataclasses", "import random\nfrom dataclasses"
        ),
        ["my_method.py:Mine: draws from a global generator of random numbers"],
    ),
    "apply": (
        replaced(RECORDED, "lr=record.lr", "lr=record.lr / 2").replace(
            "return self.apply(state, record, seeds),",
            "return State(step(state.w, coefficients(record, 1), u, scale=1.0, lr=self.lr)),",
        ),
        ["my_method.py:Mine: apply does not repeat the step of round from its record"],
    ),
    "no record": (
        replaced(RECORDED, "2 * sum(cohort.sizes), 0, record)", "2 * sum(cohort.sizes), 0)"),
        ["Mine.round: it has `apply`, so put the record into the Report"],
    ),
    "record": (
        replaced(RECORDED, "make_record(t, cohort", "make_record(t + 1, cohort"),
        ["Mine.round: found a record of round 2, but expected round 1"],
    ),
    "report of a record": (
        replaced(RECORDED, "    def report(", "    def reports(").replace(
            "self.report(cohort", "self.reports(cohort"
        ),
        ["my_method.py:Mine: has no method report; write it"],
    ),
}


@pytest.mark.parametrize("name", FAULTY_METHODS)
def test_a_method_that_no_run_can_carry(name: str, data: Path, tmp_path: Path) -> None:
    text, parts = FAULTY_METHODS[name]
    said = own_code.refusal(own_code.write(tmp_path, method=text), data)
    for part in parts:
        assert part in said, said
    assert not any(path in said for path in OURS), said


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("class: Mine", "class: Mien", ["algorithms.mine.class: ", "no Mien; did you mean Mine?"]),
        ("class: Mine", "class: 3", ["algorithms.mine.class: give a text"]),
        (
            "class: Mine, ",
            "",
            ["algorithms.mine.class: give a text; an algorithm of your own needs"],
        ),
        ("lr: 0.1", "lr: 0.1, stepp: 2", ["algorithms.mine.stepp", "did you mean step?"]),
        ("lr: 0.1", "lr: 0.1, step: fast", ["algorithms.mine.step: ", "number"]),
        ("lr: 0.1", "lr: 0.1, step: -1", ["algorithms.mine.step: ", "greater than 0"]),
        ("my_method.py", "my_methods.py", ["algorithms.mine.file: ", "No such file"]),
    ],
)
def test_a_config_that_does_not_fit_the_method(
    old: str, new: str, parts: list[str], data: Path, tmp_path: Path
) -> None:
    said = own_code.refusal(own_code.write(tmp_path, config=replaced(CONFIG, old, new)), data)
    for part in parts:
        assert part in said, said


@pytest.mark.parametrize("method", [METHOD, RECORDED], ids=["models", "records"])
def test_what_fits_passes(method: str, data: Path, tmp_path: Path) -> None:
    """One check for the phases of the method, one for those of FedAvg on the network."""
    files = own_code.check(own_code.write(tmp_path, method=method), data)
    facts = [json.loads(file.read_text()) for file in files]
    assert sorted(fact["methods"] for fact in facts) == [[], ["mine"]]
    assert {fact["d"] for fact in facts} == {64 * 8 + 8 + 8 * 10 + 10}
    assert all(1 < fact["loss"] < 4 for fact in facts)


def test_a_network_may_make_tensors_of_its_own(data: Path, tmp_path: Path) -> None:
    """On the CPU, where nearly every network leaves the device out."""
    text = forward("x = x.flatten(1) + torch.arange(64) / 64", "return self.head(self.body(x))")
    assert own_code.check(own_code.write(tmp_path, network=text), data)


HETEROFL = replaced(
    CONFIG, "algorithm: mine, clients: all", "algorithm: heterofl, clients: all, lr: 0.1"
)


def test_heterofl_tries_to_cut_the_network(data: Path, tmp_path: Path) -> None:
    """Before a warm-up trains that the phase would follow."""
    said = own_code.refusal(own_code.write(tmp_path, config=HETEROFL), data)
    assert "Net has no narrower version" in said
    assert "the keywords `width`, a multiple of its channels, and `scale`" in said
    wide = replaced(NETWORK, "hidden=8", "hidden=8, width=1.0, scale=1.0").replace(
        "super().__init__()", "super().__init__()\n        hidden = int(hidden * width)"
    )
    assert len(own_code.check(own_code.write(tmp_path, network=wide, config=HETEROFL), data)) == 2


def test_a_check_has_a_client_of_each_tier(data: Path, tmp_path: Path) -> None:
    """For a method that knows them; `low` names clients of the cohort alone."""
    lines = "        assert len(cohort.low) == 1 < len(cohort.clients)\n        orders = "
    tiers = "    tiered: ClassVar[bool] = True\n    lr: Rate\n"
    text = replaced(METHOD, "        orders = ", lines, RATE, tiers)
    text = f"from typing import ClassVar\n{text}"
    assert own_code.check(own_code.write(tmp_path, method=text), data)
