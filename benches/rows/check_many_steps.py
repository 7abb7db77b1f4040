"""Check of long task sequences: time for many conditions, memory for many steps."""

import measure
from row import limit_row


def sequence(path, n_steps, n_tests):
    """Steps of which each has `n_tests` conditions on variables that no other step tests."""
    text = 'sequence-version = 1\nname = "Long"\n'
    for step in range(n_steps):
        tests = (f'{{ variable = "V{step * n_tests + test}", value = "{test}" }}' for test in range(n_tests))
        condition = f"condition = {{ all = [{', '.join(tests)}] }}\n" if n_tests else ""
        text += f'[[steps]]\ntype = "run-command-line"\nname = "Step {step}"\n{condition}'
        text += f'command-line = "cmd /c exit {step % 10}"\n'
    path.write_text(text)


def rows(bench):
    figures = {}
    for name, n_steps, n_tests in (("tests", 1_000, 30), ("steps", 10_000, 0)):
        sequence(bench.folder / f"{name}.toml", n_steps, n_tests)
        media = measure.manifest(bench.folder, [], name=f"media-{name}.toml")
        media.write_text(media.read_text() + f'[task-sequence]\nfile = "{name}.toml"\n')
        # A sequence without content is complained about, once everything is checked.
        taken = bench.in_turn(None, {name: [bench.program, "check", media]}, codes=(0, 1))
        figures[name] = taken[name]
    wall = measure.median(figures["tests"], "wall")
    yield limit_row("check of 1,000 steps with 30 tests each", wall, 1, "s")
    memory = max(one.memory for one in figures["steps"]) / 1e6
    yield limit_row("check of 10,000 steps, peak memory", memory, 200, "MB", digits=0)
