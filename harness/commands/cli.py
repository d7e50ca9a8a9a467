"""The harness's command line: thin commands over the functions that do the work."""

import typer

from contract.errors import run_cli
from harness.commands import (
    data,
    export,
    generating,
    importing,
    look,
    machine,
    models,
    runs,
    synthetic,
    weights,
)

app = typer.Typer(
    name="harness",
    help="Benchmark cell instance segmentation models, each in a container of its own.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(runs.app)
app.add_typer(synthetic.app)
app.add_typer(generating.app)
app.add_typer(look.app)
app.add_typer(export.app)
app.add_typer(models.app)
app.add_typer(machine.app)
data.app.command("import")(importing.import_dataset)
app.add_typer(data.app, name="data")
app.add_typer(weights.app, name="weights")


def main() -> None:
    """The console script."""
    run_cli(app)


if __name__ == "__main__":
    main()
