"""The ServerApp: Flower's strategy, with the time at the end of each round."""

import time

from flwr.app import ArrayRecord, Context
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

from plain_fedavg.network import network

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Train."""
    config = context.run_config
    clients = int(config["clients"])
    strategy = FedAvg(fraction_evaluate=0.0, min_train_nodes=clients, min_available_nodes=clients)

    def ended(t: int, arrays: ArrayRecord) -> None:
        print(f"plain round {t} at {time.time():.2f}", flush=True)

    arrays = ArrayRecord(network().state_dict())
    strategy.start(grid, arrays, num_rounds=int(config["rounds"]), evaluate_fn=ended)
