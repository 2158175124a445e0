"""The ``datasets`` builder: every domain, major and minor task and group of the taxonomy is a config."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
from datasets.builder import BuilderConfig

from audio_flan.fetch import ShardCache, lend_token
from audio_flan.loading.built import keep_quarantine
from audio_flan.loading.dataset import AudioFlanStream
from audio_flan.loading.examples import RowExamples, StreamExamples
from audio_flan.loading.features import list_kind, row_features
from audio_flan.loading.info import LazyAudioInfo
from audio_flan.loading.localise import localise
from audio_flan.loading.ordered_examples import OrderedExamples
from audio_flan.loading.tables import as_tables
from audio_flan.mixing import Plan
from audio_flan.release import ReleaseError
from audio_flan.streaming import OnError, ReleaseRows, RowSource, RowStream, Wish, open_root
from audio_flan.streaming.ledger import Ledger
from audio_flan.streaming.ordered import OrderedStream
from audio_flan.streaming.rows import MAX_CONSECUTIVE_FAILURES
from audio_flan.streaming.shard_rows import ShardRows
from audio_flan.streaming.share import Share
from audio_flan.taxonomy import list_configs, resolve_config

BUILDER_VERSION = "1.0.0"
"""Part of the cache key: raise it whenever the rows change, as ``datasets`` does not see the code change."""
_ROWS_PER_TABLE = 1000


@dataclass
class AudioFlanConfig(BuilderConfig):  # type: ignore[misc]
    """One of the 112 configs, over one tree.

    Attributes
    ----------
    root : str
        Folder, ``ORG/NAME`` on the Hub, or URL of the data in any form.
    on_error : {"raise", "skip", "null"}
    max_consecutive_failures : int, optional
        As in `audio_flan.stream`.
    revision : str, optional
        Branch, tag or commit on the Hub.
    facts_dir : str, optional
        Where facts about the tree are kept; below ``HF_HOME`` by default.
    fingerprint : str
        Changes with the files of the tree, and the cache folder with it; and with what `datasets`
        calls its lists, as versions below 4 cannot read the tables of newer ones.
    """

    root: str = ""
    on_error: OnError = "raise"
    max_consecutive_failures: int | None = MAX_CONSECUTIVE_FAILURES
    revision: str | None = None
    facts_dir: str | None = None
    fingerprint: str = ""


class AudioFlan(datasets.ArrowBasedBuilder):  # type: ignore[misc]
    """Rows of Audio-FLAN with sound.

    Examples
    --------
    >>> AudioFlan(config_name="speech_asr", root="demo").as_streaming_dataset(split="train")  # doctest: +SKIP
    """

    BUILDER_CONFIG_CLASS = AudioFlanConfig
    BUILDER_CONFIGS = [  # noqa: RUF012 - as datasets declares it
        AudioFlanConfig(name=name, version=datasets.Version(BUILDER_VERSION)) for name in list_configs()
    ]
    DEFAULT_CONFIG_NAME = "all"
    info: datasets.DatasetInfo

    def __init__(
        self,
        cache_dir: str | None = None,
        dataset_name: str | None = None,
        config_name: str | None = None,
        *,
        plan: Plan | None = None,
        ledger: Ledger | None = None,
        shard_cache: ShardCache | None = None,
        **kwargs: Any,  # noqa: ANN401 - as the base class
    ) -> None:
        config_name = resolve_config(config_name or self.DEFAULT_CONFIG_NAME).name
        self._plan, self._ledger = plan, ledger
        self._source: RowSource | None = None
        root = kwargs.get("root")
        if root:
            self._source = open_root(
                root,
                token=kwargs.get("token"),
                revision=kwargs.get("revision"),
                cache_dir=kwargs.get("facts_dir"),
                shard_cache=shard_cache,
            )
            kwargs["root"] = self._source.root  # absolute: it is part of the cache key
            lend_token(self._source.root, kwargs.get("token"))
            kwargs["fingerprint"] = f"{self._source.fingerprint}-{list_kind()}"
        super().__init__(cache_dir, dataset_name or "audio_flan", config_name, **kwargs)
        self._features = kwargs.get("features") or row_features()
        self.info.features = self._features

    def _info(self) -> datasets.DatasetInfo:
        return datasets.DatasetInfo(
            description="Audio-FLAN: instruction tuning for speech, music and sound.",
            features=row_features(),
            homepage="https://arxiv.org/abs/2502.16584",
        )

    @property
    def source(self) -> RowSource:
        """The data it reads.

        Raises
        ------
        ReleaseError
            When it was made without ``root=``.
        """
        if self._source is None:
            raise ReleaseError("say where the data is: AudioFlan(config_name=..., root=...)")
        return self._source

    def as_dataset(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the base class
        """Return the prepared dataset, or one for each split."""
        # An info that was read back from the cache calls its audio plain Audio, as all that is stored does.
        self.info = LazyAudioInfo(**vars(self.info) | {"features": self._features})
        return super().as_dataset(*args, **kwargs)

    def as_streaming_dataset(self, split: Any = None, base_path: str | None = None) -> Any:  # noqa: ANN401
        """Return the rows of a split, or of several that are joined by ``+``, or a dict of all splits.

        Several are one stream, in which each split follows the one before it.

        Raises
        ------
        ValueError
            For a split that the config does not have.
        """
        if split is None or ("+" not in str(split) and str(split) != "all"):
            return super().as_streaming_dataset(split=split, base_path=base_path)
        found = self._splits_found(is_streaming=True)
        named = found if str(split) == "all" else [word.strip() for word in str(split).split("+")]
        if not set(named) <= set(found):
            raise ValueError(f"Bad split: {split}. Available splits: {found}")
        if len(set(named)) < len(named):
            raise ValueError(f"Bad split: {split} names a split twice, and a stream gives each row once")
        return self._streamed(tuple(named), datasets.NamedSplit("+".join(named)))

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:  # noqa: ANN401
        config = resolve_config(self.config.name)
        splits = self._splits_found(is_streaming=dl_manager.is_streaming)
        return [
            datasets.SplitGenerator(
                name=split, gen_kwargs={"files": self.source.files(config, [split]), "split": split}
            )
            for split in splits
        ]

    def _splits_found(self, *, is_streaming: bool) -> list[str]:
        config = resolve_config(self.config.name)
        source = self.source
        if is_streaming:
            splits = source.splits_allowed(config)
        else:
            if isinstance(source, ReleaseRows):
                source = self._source = ReleaseRows(localise(source.release, config, self.token))
            splits = source.splits_with_rows(config)
        if not splits:
            raise ReleaseError(
                f"{source.root} has no rows of {config.name!r}; audio-flan info shows what it has"
            )
        return splits

    def _generate_tables(self, files: list[Any], split: str) -> Iterator[tuple[int, pa.Table]]:
        stream = RowStream(self.source, self._wish((split,)), files)
        yield from enumerate(as_tables(stream, _ROWS_PER_TABLE))
        keep_quarantine(Path(self._output_dir), split, files, stream.quarantine)

    def _get_examples_iterable_for_split(self, split_generator: datasets.SplitGenerator) -> StreamExamples:
        return self._examples((split_generator.gen_kwargs["split"],))

    def _examples(self, splits: tuple[str, ...]) -> StreamExamples:
        wish = self._wish(splits)
        if isinstance(self.source, ShardRows):
            return OrderedExamples(
                OrderedStream(self.source, wish, Share(), plan=self._plan, ledger=self._ledger)
            )
        if self._plan is not None or self._ledger is not None:
            raise ValueError(
                f"{self.source.root} is a release, which is streamed without plans and ledgers; "
                "`audio-flan build` makes a form of it that has both"
            )
        files = {file.path: file for split in splits for file in self.source.files(wish.config, [split])}
        return RowExamples(RowStream(self.source, wish, list(files.values())))

    def _as_streaming_dataset_single(
        self, splits_generator: datasets.SplitGenerator, *_: object, **__: object
    ) -> AudioFlanStream:
        return self._streamed((splits_generator.gen_kwargs["split"],), splits_generator.name)

    def _streamed(self, splits: tuple[str, ...], name: object) -> AudioFlanStream:
        return AudioFlanStream(self._examples(splits), info=self.info, split=name)

    def _wish(self, splits: tuple[str, ...]) -> Wish:
        config = self.config
        return Wish(
            resolve_config(config.name),
            splits,
            on_error=config.on_error,
            max_consecutive_failures=config.max_consecutive_failures,
        )
