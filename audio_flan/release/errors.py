"""What is wrong with a tree as a whole, as opposed to one line or one clip of it."""


class ReleaseError(ValueError):
    """A root that cannot be read as a release: not there, empty, or of another form."""
