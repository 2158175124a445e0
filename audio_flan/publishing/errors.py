"""Why a root cannot be published, in one message with the remedy."""


class PublishError(RuntimeError):
    """A root that cannot be rebased or published as it is."""
