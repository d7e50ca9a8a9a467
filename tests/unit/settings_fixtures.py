"""The settings of the models' profiles, as tests need them."""

import importlib
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel

from contract.settings import read_settings
from tests.programs import ROOT

PROFILES = ["tiny", "quick", "report", "upstream", "weights", "tune"]
MODELS = ["unet", "maunet", "lstmunet", "nnunet", "sac"]
Kind = TypeVar("Kind", bound=BaseModel)


def segmenter_of(model: str) -> Any:
    """A model's class, which imports no torch before it is used."""
    return importlib.import_module(f"containers.{model}.segmenter").Segmenter


def profile_values(model: str, profile: str, **changes: Any) -> dict[str, Any]:
    """All settings of a model's profile with changes, checked as `train` checks them."""
    overrides = [f"{key}={_written(value)}" for key, value in changes.items()]
    folder = ROOT / "containers" / model / "profiles"
    return read_settings(folder, profile, overrides, segmenter_of(model).settings)


def changed(settings: Kind, **values: Any) -> Kind:
    """A copy with other values, which nobody checks."""
    return settings.model_copy(update=values)


def _written(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True).removesuffix("...\n").strip()
