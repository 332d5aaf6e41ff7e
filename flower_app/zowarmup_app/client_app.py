"""The ClientApp; see zowarmup/flower/client.py."""

from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from zowarmup.flower import apps

app = ClientApp()


@app.query()
def hello(message: Message, context: Context) -> Message:
    """Say who this node is."""
    return apps.hello(message, context)


@app.train()
def answer(message: Message, context: Context) -> Message:
    """Do what the server asks."""
    return apps.answer(message, context)
