"""The settings of a user: YAML read into validated, frozen settings. No torch."""
