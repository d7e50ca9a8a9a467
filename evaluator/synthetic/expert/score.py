"""Scores the answers of experts by the key."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from contract import CallError
from contract.dataset import read_rows
from contract.names import some
from evaluator.statistics.intervals import Interval, Share, mean_interval, share_interval
from evaluator.synthetic.expert.sheet import ANSWERS, KEY, KEY_CSV

GUESS = 0.5
"""Accuracy of one who guesses: half of the crops are real."""
WORDS = {
    "real": "real",
    "r": "real",
    "synthetic": "synthetic",
    "s": "synthetic",
    "generated": "synthetic",
    "made": "synthetic",
    "fake": "synthetic",
    "": "",
}
Told = Literal["told apart", "not told apart", "mistaken"]


@dataclass(frozen=True, kw_only=True)
class Expert:
    """One expert's answers."""

    name: str
    shown: int
    accuracy: Share
    """Of the crops that were answered; Clopper and Pearson's interval."""
    real_as_real: Share | None
    """Of the real crops; None without an answer to one."""

    @property
    def verdict(self) -> Told:
        """By the interval: all above a guess, all below it, or neither."""
        return judged(self.accuracy.interval)


@dataclass(frozen=True, kw_only=True)
class Pooled:
    """A share over all answers of all experts; items are the draws where there are several."""

    name: str
    answers: int
    items: int
    share: float
    interval: Interval | None
    """95 %; None below 5 items."""


@dataclass(frozen=True, kw_only=True)
class SheetScore:
    """What the answers to one sheet are worth."""

    experts: tuple[Expert, ...]
    accuracy: Pooled
    taken_for_real: tuple[Pooled, ...]
    """Of the crops of each method, the real ones first."""

    @property
    def verdict(self) -> Told:
        """Of all experts together."""
        interval = self.accuracy.interval
        return judged(interval) if interval else "not told apart"


def judged(interval: Interval) -> Told:
    """What an interval of the accuracy says."""
    if interval.low > GUESS:
        return "told apart"
    return "mistaken" if interval.high < GUESS else "not told apart"


def score_answers(answers: Sequence[Path], key: Path | None = None) -> SheetScore:
    """Scores one or more files of answers, each of one or more experts.

    `key` is expert-key.csv, by default that beside the first file or in the folder above. An item
    without an answer is left out. Raises CallError for another sheet's answers, an unknown item or
    word, two answers of one expert to one item, no answer at all, and files that are none.
    """
    truths = _read_key(key or _find_key(answers[0]))
    given: dict[str, dict[str, str]] = defaultdict(dict)
    for path in answers:
        for expert, item, word in _read_answers(path, truths):
            if given[expert].get(item, word) != word:
                raise CallError(
                    f"{path}: {expert or 'an expert without a name'} gives two answers to {item}.",
                    "two experts have the same name, or a file was given twice",
                    "give every expert a name of their own",
                )
            given[expert][item] = word
    answered = {expert: words for expert, words in given.items() if words}
    if not answered:
        raise CallError(
            f"{', '.join(map(str, answers))}: no item is answered.",
            "the column answer is empty",
            "write real or synthetic into it",
        )
    experts = tuple(_expert(name, words, truths) for name, words in sorted(answered.items()))
    correct = _by_item(answered, truths, lambda word, truth: word == truth["truth"])
    as_real = _by_item(answered, truths, lambda word, _: word == "real")
    methods: dict[str, list[str]] = defaultdict(list)
    for item, truth in truths.items():
        if item in as_real:
            methods[_method(truth)].append(item)
    order = sorted(methods, key=lambda name: (name != "real", name))
    return SheetScore(
        experts=experts,
        accuracy=_pooled("all", correct, len(answered)),
        taken_for_real=tuple(
            _pooled(name, {item: as_real[item] for item in methods[name]}, len(answered))
            for name in order
        ),
    )


def _method(truth: Mapping[str, str]) -> str:
    return "real" if truth["truth"] == "real" else truth["method"] or "synthetic"


def _expert(name: str, words: Mapping[str, str], truths: Mapping[str, Mapping[str, str]]) -> Expert:
    right = sum(word == truths[item]["truth"] for item, word in words.items())
    real = [word for item, word in words.items() if truths[item]["truth"] == "real"]
    return Expert(
        name=name or "(no name)",
        shown=len(truths),
        accuracy=share_interval(right, len(words)),
        real_as_real=share_interval(real.count("real"), len(real)) if real else None,
    )


def _by_item(
    answered: Mapping[str, Mapping[str, str]],
    truths: Mapping[str, Mapping[str, str]],
    holds: Callable[[str, Mapping[str, str]], bool],
) -> dict[str, list[bool]]:
    """Item → whether it holds, of every answer."""
    found: dict[str, list[bool]] = defaultdict(list)
    for words in answered.values():
        for item, word in words.items():
            found[item].append(holds(word, truths[item]))
    return found


def _pooled(name: str, found: Mapping[str, Sequence[bool]], experts: int) -> Pooled:
    """Of one expert the exact binomial interval; of several one over items, drawn as a whole."""
    flat = [value for values in found.values() for value in values]
    groups = [item for item, values in found.items() for _ in values]
    if experts == 1:
        interval: Interval | None = share_interval(sum(flat), len(flat)).interval
    else:
        interval = mean_interval(np.array(flat, dtype=np.float64), groups)
    return Pooled(
        name=name,
        answers=len(flat),
        items=len(found),
        share=sum(flat) / len(flat),
        interval=interval,
    )


def _find_key(answers: Path) -> Path:
    for folder in (answers.absolute().parent, answers.absolute().parent.parent):
        if (folder / KEY_CSV).is_file():
            return folder / KEY_CSV
    raise CallError(
        f"No {KEY_CSV} beside {answers} or in the folder above.",
        "the key stays with the one who made the sheet",
        "name it with --key FILE",
    )


def _read_key(path: Path) -> dict[str, dict[str, str]]:
    """Item → its line."""
    lines = _rows(path, KEY)
    if not lines:
        raise CallError(f"{path} has no line.", do="make the sheet again")
    return {line["item"]: line for line in lines}


def _read_answers(
    path: Path, truths: Mapping[str, Mapping[str, str]]
) -> list[tuple[str, str, str]]:
    """Expert, item and answer, of the items that are answered."""
    found, strange = [], []
    sheets = {line["sheet"] for line in truths.values()}
    for number, line in enumerate(_rows(path, ANSWERS), 2):
        if line["sheet"] and line["sheet"] not in sheets:
            raise CallError(
                f"{path}, line {number}: the answers are to sheet {line['sheet']}, the key is to"
                f" {some(sorted(sheets))}.",
                "the sheet was made again, or the key is that of another one",
                "name the right key with --key FILE",
            )
        # a spreadsheet reads 007 as a number
        item = line["item"].strip().zfill(3)
        if item not in truths:
            raise CallError(
                f"{path}, line {number}: there is no item {line['item']!r} on the sheet.",
                do=f"use the numbers of the sheet, {min(truths)} to {max(truths)}",
            )
        word = line["answer"].strip().lower()
        if word not in WORDS:
            strange.append(f"{line['answer']!r} in line {number}")
        elif WORDS[word]:
            found.append((line["expert"].strip(), item, WORDS[word]))
    if strange:
        raise CallError(
            f"{path}: no answer is {some(strange)}.", do="write real or synthetic, or nothing"
        )
    return found


def _rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    if not path.is_file():
        raise CallError(f"No file {path}.", do="name a file that `evaluator synthetic` wrote")
    rows = read_rows(path)
    missing = [name for name in columns if rows and name not in rows[0]]
    if missing:
        raise CallError(
            f"{path} lacks the columns {', '.join(missing)}.",
            "it is another file, or its first line was changed",
            f"keep the columns {', '.join(columns)}, with commas between",
        )
    return [{name: row.get(name) or "" for name in columns} for row in rows]
