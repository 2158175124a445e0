"""The tables of a release and of a built root."""
