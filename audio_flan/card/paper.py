"""The paper, for whoever cites it."""

from typing import Final

PAPER_URL: Final = "https://arxiv.org/abs/2502.16584"
PUBLISHED: Final = "2025-02-23"
"""The day of the paper, and of the preliminary release."""
PUBLISHER: Final = "HKUSTAudio"
"""Who keeps the release on the Hub."""
CITATION: Final = """\
@article{audioflan2025,
  title   = {Audio-FLAN: A Preliminary Release},
  author  = {Xue, Liumeng and Zhou, Ziya and Pan, Jiahao and others},
  journal = {arXiv preprint arXiv:2502.16584},
  year    = {2025}
}"""
