"""What is common to all sections: both templates show every block, and the twin lacks nothing."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markupsafe import Markup
from PIL import Image as Pillow

from contract.written import Written
from evaluator.report import ReportPaths, build_report, sections
from evaluator.report.data import DatasetImage, Model, ReportData, SeedRun
from evaluator.report.drawing import Figure
from evaluator.report.numbers import Numbers
from evaluator.report.read.run import load_report
from evaluator.report.render import html, markdown
from evaluator.report.section import (
    Beside,
    Block,
    Callout,
    Fold,
    Panel,
    Panels,
    Part,
    Section,
    Text,
    Viewer,
    note,
    prose,
)
from evaluator.report.sections import ORDER, make_sections
from evaluator.report.sections.models import pretraining
from evaluator.report.tables import Column, Row, Table, escape_markdown
from tests.unit.report_fixtures import make_run
from tests.unit.scored_runs import model_record

ODD = "</p><b>a|b*c_d [e](f) &amp; `g`"


class Shown(HTMLParser):
    """The pieces of text of the page's contents, and the words for its pictures."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.pictures: list[str] = []
        # The viewer's controls are of no use in Markdown, and the figures are files there.
        aside = r'<div id="viewer-box".*?</noscript>|<script.*?</script>|<svg.*?</svg>|no picture'
        self.feed(re.sub(aside, "", page.split('<main id="content">')[1], flags=re.DOTALL))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.pictures.append(str(dict(attributes)["alt"]))

    def handle_data(self, data: str) -> None:
        if text := " ".join(data.split()):
            self.texts.append(text)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("sections"))


@pytest.fixture(scope="module")
def report(run: Path) -> ReportPaths:
    return build_report(run, run / "report")


@pytest.fixture(scope="module")
def data(run: Path) -> ReportData:
    return load_report(run)


def flat(text: str) -> str:
    """Markdown without its marks, so that pieces of the page's text can be looked for."""
    plain = re.sub(r"\\([\\`*_\[\]<>|#~$])", r"\1", text).replace("&amp;", "&")
    return " ".join(plain.split())


def test_the_markdown_twin_says_everything_that_the_page_says(report: ReportPaths) -> None:
    page = Shown(report.index_html.read_text("utf-8").split("<footer>")[0])
    twin = flat(report.report_md.read_text("utf-8"))
    assert len(page.texts) > 500
    assert [text for text in page.texts if text not in twin] == []
    assert len(page.pictures) > 30
    assert [alt for alt in page.pictures if f"![{alt}](figures/" not in twin] == []
    assert "(index.html#viewer)" in twin


def test_the_pictures_of_the_markdown_twin_are_there(report: ReportPaths) -> None:
    linked = re.findall(r"\]\(figures/([^)]+)\)", report.report_md.read_text("utf-8"))
    assert len(linked) == len(set(linked))
    assert sorted(linked) == sorted(path.name for path in report.figures.iterdir())
    for name in linked:
        if name.endswith(".jpg"):
            with Pillow.open(report.figures / name) as picture:
                assert picture.format == "JPEG"


def test_files_of_an_earlier_report_go(run: Path, tmp_path: Path) -> None:
    first = build_report(run, tmp_path)
    stale = [first.figures / "sample-99-1.jpg", first.tables / "gone.csv"]
    for path in stale:
        path.write_bytes(b"of an earlier report")
        Written(path.parents[1]).note(f"{path.parent.name}/{path.name}")
    before = sorted(path for path in tmp_path.rglob("*") if path not in stale)
    build_report(run, tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_sections_come_in_the_order_of_their_list_with_unique_ids(
    report: ReportPaths, data: ReportData
) -> None:
    made = make_sections(Numbers(data=data))
    ids = [section.id for section in made]
    assert len(set(ids)) == len(ids)
    page = report.index_html.read_text("utf-8")
    assert re.findall(r'<section id="([^"]+)"', page) == ids
    assert re.findall(r'<li><a href="#([^"]+)"', page) == ids
    headings = re.findall(r"^## (.*)$", report.report_md.read_text("utf-8"), re.MULTILINE)
    titles = [section.title for section in made if section.titled]
    assert headings[-len(titles) :] == titles


def test_every_file_of_a_section_is_in_the_list() -> None:
    files = {path.stem for path in Path(sections.__file__).parent.glob("*.py")} - {"__init__"}
    assert sorted(ORDER) == sorted(files)


def every_kind() -> Iterator[Block]:
    table = Table(
        name="t",
        caption=ODD,
        columns=(Column(label="What", kind="text"), Column(label="Much")),
        rows=(Row(cells=(ODD, 0.5)),),
    )
    picture = Panel(label=ODD, note="seen", alt="a picture", jpeg=b"jpeg", width=3, height=2)
    yield prose("A paragraph.", ODD)
    yield note("An explanation.")
    yield Text(lines=("One item.", "Another item."), role="list")
    yield Text(lines=("A warning.",), role="warning")
    yield Callout(title="First of all", lines=("this",), bad=True)
    yield table
    yield Figure(name="f", caption="A drawing.", svg='<svg id="a"></svg>')
    yield Panels(name="p", title="Pictures", panels=(picture, Panel(label="b", note="unseen")))
    yield Viewer(setup=Markup("{}"), images=(), legend=(), threshold=0.5, note="Not all.")
    yield Part(title="A part", tag="marked", note="in words", blocks=(prose("Inside."),))
    yield Fold(title="Folded", blocks=(table,))
    yield Beside(blocks=(table,))


@pytest.mark.parametrize("block", list(every_kind()), ids=lambda block: block.kind)
def test_both_templates_show_every_kind_of_block(data: ReportData, block: Block) -> None:
    section = Section(id="new", title="A new section", blocks=(block,))
    page, twin = html(data, [section]), flat(markdown(data, [section]))
    shown = Shown(page.split("</main>")[0])
    assert "</p><b>" not in page
    assert shown.texts[0] == "A new section"
    assert "## A new section" in twin
    assert [text for text in shown.texts if text not in twin] == []
    assert bool(shown.texts[1:]) != isinstance(block, Viewer)


def test_odd_words_are_plain_in_markdown(data: ReportData) -> None:
    section = Section(id="new", title="New", blocks=(prose(ODD),))
    assert escape_markdown(ODD) in markdown(data, [section])


@pytest.mark.parametrize(
    ("names", "started", "before", "caution"),
    [
        (None, None, "", ""),
        ((), None, "had seen no images", ""),
        (("SA-1B",), "none", "had seen no images", ""),
        (("SA-1B",), None, "pretrained on SA-1B", ""),
        (("SA-1B", "DSB 2018"), None, "SA-1B, DSB 2018", "the source of 2 of 3 test images"),
    ],
)
def test_what_weights_had_seen_is_told(
    names: tuple[str, ...] | None, started: str | None, before: str, caution: str
) -> None:
    record = model_record((0,)).model_copy(update={"pretrained_on": names})
    run = SeedRun(
        seed=0,
        training={"pretrained": started},
        history=(),
        train_usage=None,
        predict_usage=None,
        predictions=(),
        masks=None,
        overlaps=None,
    )
    model = Model(name="m", title="m", kind="segmenter", runs=(run,), record=record)
    sources = ("dsb2018_fluo", "dsb-2018", "bbbc041")
    images = [DatasetImage(name=source, strata={"source": source}) for source in sources]
    told, warned = pretraining(model, images)
    assert before in told
    assert bool(told) == bool(before)
    assert caution in warned
    assert bool(warned) == bool(caution)
