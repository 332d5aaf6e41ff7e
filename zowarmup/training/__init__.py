"""The loop over rounds: warm-up, run, selection, evaluation, costs, replay."""
