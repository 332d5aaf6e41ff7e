"""What a user may write: YAML read into validated, frozen settings. No torch."""
