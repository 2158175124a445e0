"""Charts in the manner of the paper's Figures 2 and 3. The one file that imports Altair."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from audio_flan.analysis.statistics.counts import cross_tabulate
from audio_flan.analysis.statistics.paper import printed_counts, reference
from audio_flan.extras import require
from audio_flan.shards.atomic import output_path, write_atomically
from audio_flan.taxonomy import resolve_config

if TYPE_CHECKING:
    from collections.abc import Iterable

    import altair as alt

    from audio_flan.analysis.statistics.measured import Stats
    from audio_flan.shards import RowCount

SUFFIXES: Final = (".svg", ".png")
_WIDTH: Final = 480
_PIXELS_PER_POINT: Final = 2.0
_COLOURS: Final = {"understanding": "#3b6ea8", "generation": "#d9822b"}
_BAR: Final = "#7a9cc0"
_PRINTED: Final = "#b03030"


class _Share(NamedTuple):
    """A bar of the chart of attributes, and where the paper's number stands beside it."""

    domain: str
    attribute: str
    percent: float
    printed_percent: float | None


def check_can_draw(path: Path | None = None) -> None:
    """Make sure that charts can be drawn, and that a file of that name can be written, before long work.

    Raises
    ------
    ImportError
        When the extra ``report`` is not installed.
    ValueError
        When `path` ends in neither ``.svg`` nor ``.png``.
    """
    if path is not None and path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"a plot is {' or '.join(SUFFIXES)}, got {path.name!r}")
    require("altair", "charts")
    require("vl_convert", "charts")


def charts_of(stats: "Stats") -> dict[str, str]:
    """Draw the charts for which there are numbers.

    Returns
    -------
    dict
        SVG by title.
    """
    import vl_convert

    figures = _figures(stats).items()
    return {title: vl_convert.vegalite_to_svg(_specification(figure)) for title, figure in figures}


def charts_of_paper() -> dict[str, str]:
    """Draw the same charts from the numbers that the paper prints.

    Returns
    -------
    dict
        SVG by title.
    """
    import vl_convert

    printed = reference().attribute_shares.domains.items()
    shares = [
        _Share(domain, name, share, None)
        for domain, each in printed
        for name, share in each.shares_percent.items()
    ]
    parts = {
        "Rows by major task, as the paper prints them": _majors(printed_counts()),
        "Audio attributes: share of occurrences, as far as the paper prints them": _attributes(shares),
    }
    figures = ((title, _below_one_another(title, charts)) for title, charts in parts.items())
    return {title: vl_convert.vegalite_to_svg(_specification(figure)) for title, figure in figures}


def write_plot(stats: "Stats", path: Path) -> None:
    """Write the charts, one below the other, as one picture.

    Raises
    ------
    ValueError
        When there is nothing to draw, or the name does not end in ``.svg`` or ``.png``.
    """
    check_can_draw(path)
    import altair as alt
    import vl_convert

    figures = list(_figures(stats).values())
    if not figures:
        raise ValueError("there are no rows to draw")
    whole = _specification(alt.vconcat(*figures, spacing=40))
    if path.suffix.lower() == ".svg":
        write_atomically(output_path(path), vl_convert.vegalite_to_svg(whole).encode())
    else:
        write_atomically(output_path(path), vl_convert.vegalite_to_png(whole, scale=_PIXELS_PER_POINT))


def _figures(stats: "Stats") -> "dict[str, alt.VConcatChart]":
    """Return a figure with a chart for each domain, by title."""
    parts = {}
    if stats.rows:
        parts["Rows by major task"] = _majors(stats.counts)
    if stats.attributes is not None and stats.attributes.shares:
        title = "Audio attributes: share of occurrences, computed (bar) and printed in the paper (line)"
        parts[title] = _attributes(
            [
                _Share(
                    each.domain,
                    f"{each.group}: {each.attribute}" if each.group else each.attribute,
                    each.share_percent,
                    each.paper_share_percent,
                )
                for each in stats.attributes.shares
            ]
        )
    return {title: _below_one_another(title, charts) for title, charts in parts.items()}


def _below_one_another(title: str, charts: "list[alt.Chart | alt.LayerChart]") -> "alt.VConcatChart":
    import altair as alt

    figure: alt.VConcatChart = alt.vconcat(*charts, title=title).resolve_scale(color="shared")
    return figure


def _specification(chart: "alt.VConcatChart") -> dict[str, Any]:
    """Return a whole picture as Vega-Lite."""
    styled = chart.properties(background="white").configure_view(stroke=None)
    specification: dict[str, Any] = styled.configure_title(anchor="start", offset=8).to_dict()
    return specification


def _majors(counts: "Iterable[RowCount]") -> "list[alt.Chart | alt.LayerChart]":
    """Return a chart for each domain, each with its own scale: speech has 46 times as many rows as music."""
    import altair as alt

    by_domain: dict[str, list[dict[str, Any]]] = {}
    for cell in cross_tabulate(counts, ("major",)):
        task = resolve_config(cell.key[0]).tasks[0]
        value = {"major": task.major, "rows": cell.rows, "direction": task.direction}
        by_domain.setdefault(task.domain, []).append(value)
    charts: list[alt.Chart | alt.LayerChart] = []
    for domain, values in by_domain.items():
        base = alt.Chart(alt.InlineData(values=values), title=alt.Title(domain, frame="group")).encode(
            x=alt.X("rows:Q", title="rows", axis=alt.Axis(format=",d", tickCount=4)),
            y=alt.Y("major:N", sort=None, title=None, axis=alt.Axis(labelLimit=320)),
        )
        scale = alt.Scale(domain=list(_COLOURS), range=list(_COLOURS.values()))
        bars = base.mark_bar().encode(color=alt.Color("direction:N", scale=scale, title="direction"))
        numbers = base.mark_text(align="left", dx=4).encode(text=alt.Text("rows:Q", format=","))
        charts.append((bars + numbers).properties(width=_WIDTH))
    return charts


def _attributes(shares: "Iterable[_Share]") -> "list[alt.Chart | alt.LayerChart]":
    """Return a chart for each domain."""
    import altair as alt

    by_domain: dict[str, list[dict[str, Any]]] = {}
    for each in shares:
        value = {"attribute": each.attribute, "share": each.percent, "printed": each.printed_percent}
        by_domain.setdefault(each.domain, []).append(value)
    charts: list[alt.Chart | alt.LayerChart] = []
    for domain, values in by_domain.items():
        y = alt.Y("attribute:N", sort=None, title=None, axis=alt.Axis(labelLimit=320))
        base = alt.Chart(alt.InlineData(values=values), title=alt.Title(domain, frame="group")).encode(y=y)
        bars = base.mark_bar(color=_BAR).encode(x=alt.X("share:Q", title="% of occurrences in the domain"))
        lines = base.mark_tick(color=_PRINTED, thickness=2.5, opacity=1).encode(x="printed:Q")
        charts.append((bars + lines).properties(width=_WIDTH))
    return charts
