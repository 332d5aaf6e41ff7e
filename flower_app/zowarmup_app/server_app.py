"""The ServerApp; see zowarmup/flower/server.py."""

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from zowarmup.flower import apps

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Train the run that the settings name."""
    apps.serve(grid, context)
