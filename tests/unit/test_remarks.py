"""Remarks are told once for all files that they are made of."""

from evaluator.runs.records import Remark
from evaluator.runs.remarks import SHOWN, score_remarks, told
from tests.unit.scored_runs import score_record


def remark(name: str, text: str, *, suspicious: bool = False) -> Remark:
    return Remark(name=name, part="Tuning", text=text, suspicious=suspicious)


def test_equal_remarks_are_one_sentence_and_suspicious_ones_come_first() -> None:
    found = [
        *(remark(f"{number}.png", "turned") for number in range(5)),
        remark("a.png", "no contrast"),
        remark("x_label.tiff", "one id", suspicious=True),
    ]
    assert told(found) == [
        "Tuning/x_label.tiff: one id",
        "Tuning, 5 files (0.png, 1.png, 2.png and 2 more): turned",
        "Tuning/a.png: no contrast",
    ]
    assert "(0.png, 1.png, 2.png, 3.png, 4.png)" in told(found, every=True)[1]


def test_many_remarks_are_cut_and_counted() -> None:
    record = score_record(warnings={f"{n}.tif": (f"odd {n}",) for n in range(SHOWN + 5)})
    found = score_remarks(record)
    assert len(found) == SHOWN + 1
    assert found[0] == "0.tif: odd 0."
    assert found[-1] == "5 more remarks of this kind are in score.json."
