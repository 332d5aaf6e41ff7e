"""The ClientApp: epochs of SGD on the node's images, as a Flower user writes it."""

import torch
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from plain_fedavg.network import network
from zowarmup.data import dataset_file, federation

app = ClientApp()


def images(context: Context) -> TensorDataset:
    """The node's images."""
    node = context.node_config
    whole = dataset_file.load(node["dataset"])
    rows = federation.load(node["federation"], whole).train[node["partition-id"]]
    x, y = whole.images("train")[rows], whole.labels("train")[rows]
    return TensorDataset(torch.from_numpy(x), torch.from_numpy(y))


@app.train()
def train(message: Message, context: Context) -> Message:
    """Local SGD."""
    torch.set_num_threads(1)
    config, data = context.run_config, images(context)
    model = network()
    model.load_state_dict(message.content["arrays"].to_torch_state_dict())
    optimizer = torch.optim.SGD(model.parameters(), lr=float(config["lr"]))
    batches = DataLoader(data, batch_size=int(config["batch"]), shuffle=True)
    for _ in range(int(config["epochs"])):
        for x, y in batches:
            optimizer.zero_grad()
            cross_entropy(model(x), y).backward()
            optimizer.step()
    content = {
        "arrays": ArrayRecord(model.state_dict()),
        "metrics": MetricRecord({"num-examples": len(data)}),
    }
    return Message(RecordDict(content), reply_to=message)
