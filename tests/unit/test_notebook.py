"""The example notebook runs as it is committed, and is committed without outputs."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "examples/compare_two_folders.ipynb"


def test_two_folders_of_masks_become_a_compared_and_plotted_result(tmp_path: Path) -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)

    NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    ).execute()

    compared, errors = code[1].outputs, code[2].outputs
    printed = "".join(output.get("text", "") for output in compared)
    assert printed.startswith("watershed is better than pieces: mean F1 higher by 0.")
    assert any("image/png" in output.get("data", {}) for output in compared)
    assert "'merged'" in "".join(output.text for output in errors)
