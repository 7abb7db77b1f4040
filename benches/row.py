"""Rows of the table: what a file in `benches/rows` gets and returns.

Each of those files has a function `rows(bench)` that yields [`Row`]s, and may have `NEEDS`, a list of programs. It puts
its content into `bench.folder`, which is its own, and leaves it there for the next time.
"""

import statistics
from dataclasses import dataclass
from pathlib import Path

import measure


@dataclass
class Bench:
    """Folder of a row, number of rounds, and program to measure."""

    folder: Path
    rounds: int
    program: Path

    def in_turn(self, prepare, commands, synced=False, warmup=1, codes=(0,)):
        """Runs commands in turn, `rounds` times each after `warmup` rounds that don't count. `commands` are argument
        lists by name; `prepare` is called with the name before each, and may be `None`. Each has to end
        with one of these exit codes. Returns lists by name."""
        taken = {name: [] for name in commands}
        for number in range(warmup + self.rounds):
            for name, command in commands.items():
                if prepare is not None:
                    prepare(name)
                one = measure.run(command, self.folder, sync=synced, codes=codes)
                if number >= warmup:
                    taken[name].append(one)
        return taken


@dataclass
class Row:
    """Line of the table. `ratio` is that of the figures unless the target is an absolute one."""

    work: str
    figure: str
    compared: str
    ratio: float | None
    target: str
    is_met: bool

    def format(self, columns):
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        verdict = "" if self.is_met else "missed"
        return columns.format(self.work, self.figure, self.compared, ratio, self.target, verdict).rstrip()


def ratio_row(work, own, tool, other, limit, what="wall"):
    """Row whose target is the median of the ratios `own / other`, round by round. `limit` is the greatest good one;
    `tool` is the name of the other program; `what` is a field of `measure.Taken` in seconds."""
    pairs = zip(own, other, strict=True)
    ratio = statistics.median(getattr(one, what) / getattr(two, what) for one, two in pairs)
    figures = [f"{measure.median(taken, what):.3f} s" for taken in (own, other)]
    return Row(work, figures[0], f"{tool} {figures[1]}", ratio, f"≤ {limit:.1f}", ratio <= limit)


def limit_row(work, own, limit, unit, compared="", digits=2):
    """Row whose target is absolute: `own` and `limit` are numbers of `unit`."""
    target = f"≤ {limit:g} {unit}"
    return Row(work, f"{own:.{digits}f} {unit}", compared, None, target, own <= limit)
