"""Errors that the user can mend."""


class UserError(ValueError):
    """Bad input; the message is one sentence that names the file or key, the fault and the mend."""
