"""The functions that the modules of `flower_app/` call: Flower's messages in and out.

A client process is started for each message, so a module is imported where it is needed.
"""

import logging
import sys

from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.serverapp import Grid

from zowarmup.common.errors import UserError, explain
from zowarmup.flower.messages import HELLO, Request
from zowarmup.flower.settings import node_settings


def serve(grid: Grid, context: Context) -> None:
    """Train; an error of the user is one line in the log, and ends the run as failed."""
    from zowarmup.flower import server

    _log()
    try:
        server.serve(grid, context.run_config)
    except Exception as error:
        if (sentence := explain(error)) is None:
            raise
        logging.getLogger("zowarmup").error(sentence)
        sys.exit(1)


def hello(message: Message, context: Context) -> Message:
    """Answer the server's hello, or say why not."""
    from zowarmup.flower import client

    _log()
    try:
        settings = node_settings(context.node_config, context.run_config)
        job = str(message.content.config_records[HELLO]["job"])
        content = client.hello(settings, job).record()
    except UserError as error:
        content = RecordDict({"refused": ConfigRecord({"reason": str(error)})})
    return Message(content, reply_to=message)


def answer(message: Message, context: Context) -> Message:
    """Answer a request."""
    from zowarmup.flower import client

    _log()
    settings = node_settings(context.node_config, context.run_config)
    reply = client.answer(settings, Request.of(message.content))
    return Message(reply.record(), reply_to=message)


def _log() -> None:
    """Write the log's lines to the standard error, which Flower passes on."""
    logger = logging.getLogger("zowarmup")
    if not logger.handlers:  # one process of Flower's simulation serves many nodes
        logger.setLevel(logging.INFO)
        logger.addHandler(handler := logging.StreamHandler())
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
        logger.propagate = False
