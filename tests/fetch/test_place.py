"""Where a clip's root is, and what data may not make us read."""

import pytest
from xxhash import xxh3_64_intdigest

from audio_flan.fetch import BASE_VARIABLE, ShardClip, locate
from audio_flan.fetch.place import check_path, local_file
from audio_flan.release.sources import UrlRange
from audio_flan.shards import MANIFEST_NAME, Cell, make_cell
from audio_flan.waveform import ClipError, ClipFault
from audio_flan.waveform.sources import UrlSource
from audio_flan.waveform.urls import without_credentials


@pytest.fixture(autouse=True)
def no_base(monkeypatch):
    monkeypatch.delenv(BASE_VARIABLE, raising=False)


def test_the_base_of_a_cell_counts_least(monkeypatch, tmp_path):
    base, root = "hf://datasets/ORG/NAME@main", "https://host/root/"
    assert locate(base) == base
    assert locate(base, root) == "https://host/root"
    monkeypatch.setenv(BASE_VARIABLE, f"{tmp_path}/")
    assert locate(base) == locate(base, root) == locate("", root) == locate("") == str(tmp_path)
    monkeypatch.setenv(BASE_VARIABLE, "s3://bucket/copy/")
    assert locate(base, root) == "s3://bucket/copy"
    # A folder that the caller names is what the caller means.
    assert locate(base, str(tmp_path)) == locate("", f"file://{tmp_path}") == str(tmp_path)


@pytest.mark.parametrize(
    ("root", "shown"),
    [
        ("https://acct.blob/x/root?sig=SECRET", "https://acct.blob/x/root"),
        ("https://acct.blob/x/root/?sig=a/b@c", "https://acct.blob/x/root"),
        ("https://user:SECRET@host:80/root", "https://host:80/root"),
        ("https://SECRET@host/root", "https://host/root"),
        ("http://user:SE@CRET@host", "http://host"),
        ("https://host/a:b@c/root", "https://host/a:b@c/root"),
        ("sftp://user:SECRET@host/root", "sftp://user@host/root"),
        ("HTTPS://user:SECRET@host/root?sig=SECRET", "HTTPS://host/root"),
        (
            "abfss://container@account.dfs.core.windows.net/x",
            "abfss://container@account.dfs.core.windows.net/x",
        ),
        ("simplecache::https://user:SECRET@host/root?sig=SECRET", "simplecache::https://host/root"),
        ("hf://datasets/ORG/NAME@main/x", "hf://datasets/ORG/NAME@main/x"),
        ("/data/what?/a@b", "/data/what?/a@b"),
        ("file:///data/what?", "file:///data/what?"),
        ("https://[bad?sig=SECRET", "https://[bad"),
        ("", ""),
    ],
)
def test_what_is_shown_of_a_root(root, shown):
    assert without_credentials(root) == shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("hf://datasets/ORG/NAME/who is it?.wav", "hf://datasets/ORG/NAME/who is it?.wav"),
        ("sftp://user:SECRET@host/a?b.wav", "sftp://user@host/a?b.wav"),
        ("https://user:SECRET@host/a%3Fb.wav?sig=SECRET", "https://host/a%3Fb.wav"),
        ("HTTP://user:SECRET@host/a.wav", "HTTP://host/a.wav"),
    ],
)
def test_what_is_shown_of_a_file(url, shown):
    assert UrlSource(url).location == shown
    assert UrlRange(url, 5, 7, "x.wav").location == f"{shown}/x.wav at 5+7"
    assert "SECRET" not in f"{UrlSource(url)!r}{UrlRange(url, 5, 7, 'x.wav')!r}"


@pytest.mark.parametrize(
    "root", ["https://acct.blob/x/root?sig=SECRET", "https://user:SECRET@acct.blob/x/root"]
)
def test_a_clip_gives_no_credentials_away(root):
    place = Cell("", "audio/a/a-00000.tar", "x", "wav", 0, 10, 0)
    for clip in (ShardClip(place, root), ShardClip(place._replace(base=root))):
        assert clip.cell()[1].startswith("audioflan://https/acct.blob/x/root/audio/a/a-00000.tar/x.wav?")
        assert clip.location == "https://acct.blob/x/root/audio/a/a-00000.tar/x.wav at 0+10"
    assert "SECRET" not in repr(ShardClip(place, root))
    with pytest.raises(ClipError) as caught:
        locate("ssh://user:SECRET@host/x?sig=SECRET")
    assert "SECRET" not in str(caught.value)


def test_a_base_that_is_nowhere_says_what_to_do():
    with pytest.raises(FileNotFoundError, match=f"set {BASE_VARIABLE}"):
        locate("")


@pytest.mark.parametrize(
    "base",
    [
        "file:///etc",
        "/etc",
        "local:///etc",
        "memory://x",
        "zip://a::https://host/b.zip",
        "https://host/a::file:///etc",
        "ssh://host/x",
        "hf://gpt2",
        "hf://datasets/ORG",
        "hf://spaces/ORG/NAME",
        "hf://datasets/../NAME",
        "hf://datasets/ORG/NAME/../../OTHER/NAME",
        "https://host/a/../../b",
        "audioflan://hf/datasets/ORG/NAME",
    ],
)
def test_data_may_not_point_everywhere(base):
    with pytest.raises(ClipError) as caught:
        locate(base)
    assert caught.value.fault is ClipFault.OUTSIDE_ROOT


@pytest.mark.parametrize("base", ["file:///etc", "local:///etc", "ftp://host/x"])
def test_a_cell_that_points_elsewhere_is_refused(base):
    clip = ShardClip.of(make_cell(Cell(base, "audio/a/passwd", "x", "wav", 0, 10, 0)))
    with pytest.raises(ClipError, match="data may not point at"):
        clip.read()


def test_of_the_folders_of_this_machine_only_built_roots_are_read(tmp_path):
    (tmp_path / "audio/a").mkdir(parents=True)
    (tmp_path / "audio/a/a-00000.tar").write_bytes(b"ten bytes.")
    clip = ShardClip.of(
        make_cell(
            Cell(
                tmp_path.as_uri(), "audio/a/a-00000.tar", "x", "wav", 0, 10, xxh3_64_intdigest(b"ten bytes.")
            )
        )
    )
    with pytest.raises(ClipError, match="no built root"):
        clip.read()
    (tmp_path / MANIFEST_NAME).touch()
    assert clip.read() == b"ten bytes."


def test_an_absurd_size_is_refused_before_anything_is_asked_for():
    clip = ShardClip(Cell("https://host.invalid/x", "audio/a/a-00000.tar", "x", "wav", 0, (1 << 30) + 1, 0))
    with pytest.raises(ClipError, match="1,073,741,825 bytes; the limit is"):
        clip.read()


@pytest.mark.parametrize("path", ["", "/etc/passwd", "a//b", "../a", "a/../b", "a/.", "a\\..\\b", "a/.../b"])
def test_a_path_stays_below_the_root(path, tmp_path):
    for check in (check_path, lambda path: local_file(str(tmp_path), path)):
        with pytest.raises(ClipError) as caught:
            check(path)
        assert caught.value.fault is ClipFault.OUTSIDE_ROOT


def test_a_link_out_of_the_root_is_not_followed(tmp_path):
    root = tmp_path / "root"
    (root / "audio/a").mkdir(parents=True)
    (tmp_path / "secret").write_bytes(b"secret" * 10)
    (root / "audio/a/a-00000.tar").symlink_to(tmp_path / "secret")
    (root / "audio/b").symlink_to(tmp_path)
    for shard in ("audio/a/a-00000.tar", "audio/b/secret"):
        with pytest.raises(ClipError) as caught:
            ShardClip(Cell("", shard, "x", "wav", 0, 6, 0), str(root)).read()
        assert caught.value.fault is ClipFault.OUTSIDE_ROOT
    (root / "audio/c").symlink_to(root / "audio/a")
    (root / "audio/a/inside").write_bytes(b"x")
    assert local_file(str(root), "audio/c/inside") == str(root / "audio/c/inside")
    with pytest.raises(FileNotFoundError, match="nothing"):
        local_file(str(root), "audio/a/nothing")
