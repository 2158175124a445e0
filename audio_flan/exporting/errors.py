"""Why an export cannot start or go on, in one message with the remedy."""


class ExportError(RuntimeError):
    """An export that cannot start or go on. What is finished stays; the same call resumes."""


class EmptySelectionError(ExportError):
    """Filter, config and split leave no row."""
