"""How many requests it takes from `load_dataset` to the first sound, and what a failing one does."""

from collections import Counter

import pytest
from marks import quick

from hub.clients import ask_client
from hub.large import enlarge

REPO = "HKUSTAudio/Audio-FLAN"
FIRST_SOUND = """
import json, os, sys
from huggingface_hub import get_session
module, repo, config = sys.argv[1:]
rows = __import__(module).load_dataset(repo, config, streaming=True)["train"]
get_session().get(f"{os.environ['HF_ENDPOINT']}/loaded")
row = next(iter(rows))
clips = [audio for column in ("input_audio", "output_audio") for audio in row[column]]
print(json.dumps([row["uuid"], [len(audio["array"]) for audio in clips]]))
"""


def requests_of(hub, home, module, config, **environment):
    """Requests of the call and from there to the first sound; redirects count."""
    hub.redirects = True
    row = ask_client(hub, home, FIRST_SOUND, module, REPO, config, **environment)
    assert all(row[1])
    paths = [exchange.path for exchange in hub.log]
    loaded = paths.index("/loaded")
    return loaded, len(paths) - loaded - 1


@pytest.mark.parametrize("form", quick(1, ["indexed", "embedded"]))
@pytest.mark.parametrize(("config", "limit"), quick(1, [("speech_asr", 14), ("speech", 16)]))
def test_a_few_requests_lead_to_the_first_sound(hub, repos, tmp_path, form, config, limit):
    hub.add(REPO, repos[form])
    call, first = requests_of(hub, tmp_path / "plain", "datasets", config)
    assert call <= limit
    assert first <= 6
    hub.forget()
    ours = requests_of(hub, tmp_path / "ours", "audio_flan", config)
    assert ours[0] <= call
    assert ours[1] <= first


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "kind", "config", "limit"),
    [
        ("indexed", "audio", "speech_asr", 14),
        ("indexed", "audio", "speech", 16),
        ("embedded", "data", "speech_asr", 14),
        # The list of the row files of speech alone has nine pages, and the client reads some of them twice.
        ("embedded", "data", "speech", 30),
    ],
)
def test_so_they_do_among_twenty_thousand_files(hub, repos, tmp_path, form, kind, config, limit):
    hub.add(REPO, tmp_path / "repo", more_files=enlarge(repos[form], tmp_path / "repo", kind))
    call, first = requests_of(hub, tmp_path / "plain", "datasets", config)
    assert call <= limit
    assert first <= 6
    hub.forget()
    ours = requests_of(hub, tmp_path / "ours", "audio_flan", config)
    assert ours[0] <= 3
    assert ours[1] <= first


@pytest.mark.parametrize("form", quick(1, ["indexed", "embedded"]))
def test_each_request_may_fail_once(hub, repos, tmp_path, form):
    hub.add(REPO, repos[form])
    requests_of(hub, tmp_path / "well", "audio_flan", "speech_asr")
    requests = [each[:2] for each in hub.log if each.kind.startswith(("file", "cdn"))]
    seen = Counter()
    for method, path in requests:
        # Each is sent once more after it has failed.
        hub.fail(500, path, method=method, first=2 * seen[method, path] + 1)
        seen[method, path] += 1
    hub.forget()
    requests_of(hub, tmp_path / "ill", "audio_flan", "speech_asr")
    assert hub.requests["fault"] == len(requests) >= 4


@pytest.mark.slow
@pytest.mark.parametrize("module", ["datasets", "audio_flan"])
@pytest.mark.parametrize("form", ["indexed", "embedded"])
def test_the_token_of_a_gated_repo_stays_with_the_hub(hub, repos, tmp_path, form, module):
    hub.add(REPO, repos[form], token="hf_right")
    requests_of(hub, tmp_path, module, "speech_asr", HF_TOKEN="hf_right")
    assert hub.requests["cdn GET"]
    assert hub.requests["leaked token"] == hub.requests["refused"] == 0
