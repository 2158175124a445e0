"""Names of dataset repos on the Hub."""


def check_repo_id(repo_id: str) -> None:
    """Raise `ValueError` unless `repo_id` is ORG/NAME as the Hub has them."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.errors import HFValidationError

    try:
        hf_hub_url(repo_id, "README.md")
    except HFValidationError as error:
        raise ValueError(f"expected ORG/NAME, got {repo_id!r}: {error}") from None
    if "/" not in repo_id:
        raise ValueError(f"expected ORG/NAME, got {repo_id!r}")
