"""The models there are: folders with a model.yaml, here or with the package, and named images."""

import os
import re
import site
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from contract import CallError, ModelCard, read_card, sha256_json, sha256_tree
from contract.errors import did_you_mean
from contract.names import holds_files
from contract.profiles import read_profile
from contract.schema import Contract, Freedom
from contract.start import SHIPPED_WEIGHTS

SOURCES = Path(__file__).resolve().parents[2]
"""Holds contract/, containers/ and harness/: a checkout, or where the package is installed."""
BASE_PARTS = ("containers/base", "contract")
"""What the base image is built from, below SOURCES."""
SKIPPED_FOLDERS = {"base", "template"}
ALL = "all"
"""Among the names of models: every segmenter and control, peers too."""
INSTALLED = ".installed"
"""In a folder of packages: it is complete."""
APART = frozenset({"profiles", SHIPPED_WEIGHTS})


@dataclass(frozen=True, kw_only=True)
class Model:
    """One model: its card, and the folder it is built from (None for a foreign image)."""

    card: ModelCard
    folder: Path | None
    called: str | None = None
    """In the run folder, where one model is there under several names."""

    @property
    def name(self) -> str:
        """The name used on the command line and in the run folder."""
        return self.called or self.card.name

    @property
    def learns(self) -> bool:
        """Whether it is trained before it predicts or generates."""
        return "train" in self.card.verbs

    @property
    def generates(self) -> bool:
        """Whether it makes labelled images, and predicts nothing."""
        return "generate" in self.card.verbs

    @property
    def image(self) -> str:
        """The image that runs it."""
        return self.card.image or f"cellbench/{self.card.name}:plain"

    @property
    def module(self) -> str:
        """The Python module that serves it, as imported from `import_root`."""
        folder, root = self._folder(), self.import_root
        parts = folder.relative_to(root).parts
        return ".".join((*parts, Path(self.card.entry).stem))

    @property
    def import_root(self) -> Path:
        """The folder that holds `containers/`."""
        for parent in self._folder().parents:
            if parent.name == "containers":
                return parent.parent
        raise CallError(f"{self.folder} does not lie below a folder named containers.")

    @property
    def packages(self) -> Path | None:
        """Where a peer's packages lie, which lead those of this environment; None for others."""
        return Path(sys.prefix) / self.name if self.card.peer else None

    @property
    def lacks_packages(self) -> bool:
        """Whether it has packages of its own, and they are not installed here."""
        return self.packages is not None and not (self.packages / INSTALLED).is_file()

    @property
    def python_path(self) -> str:
        """PYTHONPATH for a process that runs `module`."""
        own = [] if self.packages is None else [self.packages]
        return python_path(*own, self.import_root, SOURCES)

    @property
    def runs_locally(self) -> bool:
        """Whether the local runner can run it, its packages given: it has Python sources here."""
        return self.folder is not None and (self.folder / self.card.entry).exists()

    @property
    def is_built_here(self) -> bool:
        """Whether its image is built from sources here; a foreign image is not."""
        return self.folder is not None and not self.card.image

    def sources_sha256(self) -> str | None:
        """Hash of everything that its image is built from; None for a foreign image."""
        if self.folder is None or self.card.image:
            return None
        return sha256_json([sha256_tree(self.folder), base_sha256()])

    def code_sha256(self) -> str | None:
        """Hash of what its results depend on: the sources without profiles, prose and weights.

        Profiles and weights are inputs of a step by themselves.
        """
        if self.folder is None or self.card.image:
            return None
        code = [
            path
            for path in self.folder.rglob("*")
            if path.suffix != ".md" and not APART.intersection(path.relative_to(self.folder).parts)
        ]
        return sha256_json([sha256_tree(self.folder, code), base_sha256()])

    @property
    def shipped_weights(self) -> Path | None:
        """The folder of the weights that come with it; None without any."""
        folder = None if self.folder is None else self.folder / SHIPPED_WEIGHTS
        return folder if folder is not None and holds_files(folder) else None

    def profile(self, name: str) -> dict[str, Any]:
        """What a profile says, with those it extends; CallError when the model has none such."""
        return read_profile(self._folder() / "profiles", name)

    def relaxed(self, freedoms: Iterable[Freedom]) -> "Model":
        """The same model with these freedoms beside those of its card."""
        given = tuple(dict.fromkeys((*self.card.relax, *freedoms)))
        return replace(self, card=self.card.model_copy(update={"relax": given}))

    def _folder(self) -> Path:
        if self.folder is None:
            raise CallError(
                f"{self.name} is an image without sources here.",
                do="run it with --runner docker",
            )
        return self.folder


def python_path(*roots: Path) -> str:
    """PYTHONPATH as it is, with these folders first."""
    # Python finds site-packages by itself; named here, they would hide the standard library.
    found = {"", *site.getsitepackages(), site.getusersitepackages()}
    named = (*map(str, roots), os.environ.get("PYTHONPATH", ""))
    return os.pathsep.join(root for root in dict.fromkeys(named) if root not in found)


def base_sha256() -> str:
    """Hash of what the base image is built from."""
    return sha256_json([sha256_tree(SOURCES / part) for part in BASE_PARTS])


def all_models(unusable: dict[str, CallError] | None = None) -> dict[str, Model]:
    """Every model in ./containers and in the package's containers; the nearer one wins.

    A folder whose model.yaml cannot be used is no model; the reason goes into `unusable` by the
    folder's name, and a model of that name elsewhere does not take its place.
    """
    models: dict[str, Model] = {}
    unusable = {} if unusable is None else unusable
    for root in (Path.cwd() / "containers", SOURCES / "containers"):
        cards = [*root.glob("*/model.yaml"), *root.glob("controls/*/model.yaml")]
        for path in sorted(cards):
            if path.parent.name in SKIPPED_FOLDERS or path.parent.name in unusable:
                continue
            try:
                card = read_card(path.parent)
            except CallError as error:
                unusable[path.parent.name] = error
                continue
            models.setdefault(card.name, Model(card=card, folder=path.parent.resolve()))
    return dict(sorted(models.items(), key=lambda item: (_order(item[1]), item[0])))


def choose_models(names: Iterable[str] | None) -> list[Model]:
    """The named models, else every segmenter, and every control that predicts, but no peer.

    `all` stands for them and the peers. A name with a slash or a colon that is no model here is
    taken for an image that speaks the contract, for prediction alone. Raises CallError for any
    other unknown name, for a model whose model.yaml cannot be used, and when two would have one
    name in the run folder.
    """
    unusable: dict[str, CallError] = {}
    known = all_models(unusable)
    names = None if names is None else list(names)
    for name in names or ():
        if name in unusable:
            raise unusable[name]
    scored = [model.name for model in known.values() if not model.generates]
    if names is None:
        return [known[name] for name in scored if not known[name].card.peer]
    if ALL in names and ALL not in known:
        names = list(dict.fromkeys([*scored, *(name for name in names if name != ALL)]))
    chosen = [known[name] if name in known else _image(name, known) for name in names]
    _refuse_shared_names([*known.values(), *chosen])
    return chosen


def refuse_generators(models: Iterable[Model]) -> None:
    """Raises CallError for a model that makes images and predicts no mask."""
    for model in models:
        if model.generates:
            raise CallError(
                f"{model.name} makes labelled images and predicts no mask.",
                "it is a generator, or a control of theirs",
                f"harness generate {model.name} --data DIR --out DIR --count N",
            )


def spoken(model: Model, contract: Contract) -> Model:
    """The model, called by this contract if it is an image without a model.yaml here."""
    if model.folder is not None or contract == model.card.contract:
        return model
    return replace(model, card=model.card.model_copy(update={"contract": contract}))


def _image(name: str, known: dict[str, Model]) -> Model:
    if "/" in name or ":" in name:
        plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        card = ModelCard(name=plain, title=name, kind="segmenter", verbs=("predict",), image=name)
        return Model(card=card, folder=None)
    raise CallError(
        f"No model {name!r}{did_you_mean(name, known)}",
        "a model is a folder containers/<name> with a model.yaml, or an image name with a / or :",
        f"choose from: {', '.join(known)}",
    )


def _refuse_shared_names(models: Iterable[Model]) -> None:
    by_name: dict[str, Model] = {}
    for model in models:
        other = by_name.setdefault(model.name, model)
        if other != model:
            raise CallError(
                f"{model.image} and {other.image} would both be called {model.name}.",
                "a model's folder in the run is named after its image",
                f"give one of them another name: docker tag {model.image} NAME",
            )


def _order(model: Model) -> tuple[bool, int]:
    return model.card.peer, ("segmenter", "generator", "control").index(model.card.kind)
