"""Read a split of the config, such as 10/90, where 10 % of the clients are high-resource."""

import re

from zowarmup.config.yaml_file import ConfigError

MEMORY = "memory"  # the split in which a client's memory budget decides its tier
GIVEN = "given"  # the data say which clients there are, or which of them are high-resource


def high_share(split: str) -> float:
    """Return the share of high-resource clients in a split like 10/90.

    Raises:
        ConfigError: the percentages do not add up to 100.
    """
    shares = re.fullmatch(r"(\d+)/(\d+)", split)
    if not shares or int(shares[1]) + int(shares[2]) != 100:
        raise ConfigError(f"split: {split}: give percentages that add up to 100, such as 10/90")
    return int(shares[1]) / 100


def high_clients(split: str, clients: int) -> int:
    """Return the number of high-resource clients among K clients for a split like 10/90.

    Raises:
        ConfigError: the shares do not add up to 100, or no client is high-resource.
    """
    count = round(high_share(split) * clients)
    if count == 0:
        raise ConfigError(
            f"split: {split}: leaves no high-resource client among {clients}; "
            "give a larger first share"
        )
    return count
