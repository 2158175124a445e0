"""The Hub: whether it answers, who is logged in, and where its files are kept."""

import os
import shutil
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from huggingface_hub import constants, get_session, get_token
from huggingface_hub.utils._headers import build_hf_headers

from audio_flan._version import __version__
from audio_flan.installation.findings import Finding, State
from audio_flan.waveform.sources import network_errors

_LOW_BYTES: Final = 1_000_000_000
_LOGIN: Final = "hf auth login"
_hub = partial(Finding, "hub")


class Answer(NamedTuple):
    """What the Hub says of the token that was sent, if one was."""

    status: int
    """Of HTTP."""
    user: str
    """Empty where it does not say."""
    seconds: float
    """That it took."""


def check_hub(timeout_s: float) -> Iterator[Finding]:
    """Ask the Hub once who has the user's token, and look at ``HF_HOME``."""
    token, endpoint = get_token(), constants.ENDPOINT
    if constants.HF_HUB_OFFLINE:
        found = f"{endpoint} is not asked: HF_HUB_OFFLINE is set"
        yield _hub("endpoint", State.MISSING, found, "unset HF_HUB_OFFLINE, unless this is meant")
        yield login(token is not None, None)
    else:
        answer, problem = None, ""
        try:
            answer = _ask(f"{endpoint}/api/whoami-v2", token, timeout_s)
        except OSError as error:
            problem = str(error)
        yield reachable(endpoint, answer, problem)
        yield login(token is not None, answer)
    yield _home(Path(constants.HF_HOME))


def _ask(url: str, token: str | None, timeout_s: float) -> Answer:
    headers = build_hf_headers(token=token or False, library_name="audio-flan", library_version=__version__)
    begin = time.monotonic()
    with network_errors(url):
        response = get_session().get(url, headers=headers, timeout=timeout_s)
        user = str(response.json().get("name", "")) if response.status_code == 200 else ""
    return Answer(response.status_code, user, time.monotonic() - begin)


def reachable(endpoint: str, answer: Answer | None, problem: str) -> Finding:
    """Judge the answer: a refusal is one, too, but an error of the server is not."""
    if answer is None:
        remedy = "check the network, HTTPS_PROXY and HF_ENDPOINT; what is on this disk needs no Hub"
        return _hub("endpoint", State.MISSING, problem, remedy)
    if answer.status >= 500:
        found = f"{endpoint} answers with HTTP {answer.status}"
        return _hub("endpoint", State.MISSING, found, "try again later, or check HF_ENDPOINT")
    return _hub("endpoint", State.OK, f"{endpoint} answers within {answer.seconds:.2f} s")


def login(has_token: bool, answer: Answer | None) -> Finding:
    """Judge what is known of the user's token."""
    if not has_token:
        found = "no token; public data needs none"
        return _hub("login", State.MISSING, found, f"for gated and private data, and to publish: {_LOGIN}")
    if answer is not None and answer.status in (401, 403):
        remedy = f"{_LOGIN}, or set or unset HF_TOKEN"
        return _hub("login", State.MISSING, "the Hub refuses the token", remedy)
    if answer is not None and answer.user:
        return _hub("login", State.OK, f"as {answer.user}")
    return _hub("login", State.OK, "there is a token; whose it is, is not known here")


def _home(folder: Path) -> Finding:
    there = next(each for each in (folder, *folder.parents) if os.path.exists(each))  # noqa: PTH110 - Path.exists raises in Python 3.11
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        found = f"{folder} cannot be written"
        return _hub("HF_HOME", State.BROKEN, found, "set HF_HOME to a folder that you may write to")
    free = shutil.disk_usage(there).free
    found = f"{folder}, {free / 1e9:,.1f} GB free"
    remedy = "free some space, or set HF_HOME to a folder on a larger disk" if free < _LOW_BYTES else ""
    return _hub("HF_HOME", State.OK, found, remedy)
