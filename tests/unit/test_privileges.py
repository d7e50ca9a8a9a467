"""What a container asks of its output folder before any work."""

from pathlib import Path

import pytest

from contract import CallError, privileges
from contract.privileges import IN_CONTAINER, OUTPUT, refuse_unmounted

OVERLAY = "21 20 0:20 / / rw - overlay overlay rw\n"
BIND = "22 21 8:1 /home/me/masks /out rw - ext4 /dev/sda1 rw\n"


@pytest.fixture
def mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(IN_CONTAINER, "1")
    monkeypatch.setattr(privileges, "MOUNTS", tmp_path / "mountinfo")
    return tmp_path / "mountinfo"


def test_nothing_at_out_is_refused(mounts: Path) -> None:
    mounts.write_text(OVERLAY)
    with pytest.raises(CallError, match="No folder is mounted at /out") as caught:
        refuse_unmounted(OUTPUT)
    assert "mkdir -p masks" in caught.value.do


def test_a_mount_and_other_folders_are_fine(mounts: Path) -> None:
    mounts.write_text(OVERLAY + BIND)
    refuse_unmounted(OUTPUT)
    mounts.write_text(OVERLAY)
    refuse_unmounted(Path("/data/masks"))
    mounts.unlink()
    refuse_unmounted(OUTPUT)


def test_outside_a_container_nobody_is_asked(mounts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts.write_text(OVERLAY)
    monkeypatch.delenv(IN_CONTAINER)
    refuse_unmounted(OUTPUT)
