"""The loop over rounds, the engines that make it fast, the journal and the checkpoints."""
