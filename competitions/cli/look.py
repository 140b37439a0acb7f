"""``python -m competitions look NAME``: one offline page on the raw files, before any model."""

from competitions.cli.options import InputOptions, takes


@takes(InputOptions)
def look(options: InputOptions) -> None:
    """Rows, missing values and distributions of the raw files, train beside test, with pictures."""
    from common.day.hosts import MARKER
    from common.day.hosts.simulated import is_simulated
    from common.day.look.page import write_look
    from common.engine.run import Run
    from competitions import find_room
    from competitions.cli.settings import load_inputs

    inputs = load_inputs(options, untuned=True)
    build = options.build / options.name
    shown = find_room(options.name, "day.look").look(inputs.files, inputs.config, Run(build / "look", build / "cache"))
    standin = "a public stand-in in the host's layout" if (inputs.folder / MARKER).exists() else "the host's files"
    basis = "simulated data" if is_simulated(inputs.folder) else standin
    page = write_look(options.name, inputs.folder, basis, shown, build / "look")
    print(f"Look: {page.resolve().as_uri()}")
