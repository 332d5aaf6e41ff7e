"""Reads a split of the config, such as 10/90: the share of high-resource clients."""

import re

from zowarmup.config.yaml_file import ConfigError

MEMORY = "memory"  # the split in which each client's memory budget decides


def high_clients(split: str, clients: int) -> int:
    """The number of high-resource clients among K, in a split like 10/90.

    Raises:
        ConfigError: the shares do not add up to 100, or no client is high-resource.
    """
    shares = re.fullmatch(r"(\d+)/(\d+)", split)
    if not shares or int(shares[1]) + int(shares[2]) != 100:
        raise ConfigError(f"split: {split}: give percentages that add up to 100, such as 10/90")
    count = round(int(shares[1]) / 100 * clients)
    if count == 0:
        raise ConfigError(
            f"split: {split}: leaves no high-resource client among {clients}; "
            "give a larger first share"
        )
    return count
