"""The options of a run, stated once: Python, the command line, ``bench`` and the recorded command read them here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from parface_bench.methods.recipe import variant_of
from parface_bench.registry import METHODS, UserError, catalogue, data_and_split, nearest


@dataclass(frozen=True)
class Option:
    """How a field of :class:`RunOptions` is typed on the command line.

    Attributes:
        flag: ``--name``, or ``--name/--no-name`` for yes or no.
        help: one sentence.
        commands: which commands take it.
        metavar, least: what stands for the value in the help, and the least number that is allowed.
    """

    flag: str
    help: str
    commands: tuple[str, ...] = ("run", "eval", "bench")
    metavar: str | None = None
    least: int | None = None


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What a run is asked to do.

    Attributes:
        method: a registered name, or ``METHOD+VARIANT`` for a variant that has a recipe of its own; for ``train=False``
            also a checkpoint or a run's folder.
        dataset: a registered name; :meth:`of` takes ``DATASET:SPLIT`` as well.
        train: False = predict and score only (``pfbench eval``).
        plugins: files to load plugins from first.
        recipe: a resolved recipe to take as it is, instead of composing one (``pfbench reproduce``).

    The other fields are explained where they stand.
    """

    method: str
    dataset: str
    profile: Annotated[
        str | None, Option("--profile", "quick, full, or one of the method's own; default: full on a GPU, else quick.")
    ] = None
    data_root: Annotated[Path | None, Option("--data-root", "Folder of the data set.")] = None
    name: Annotated[str | None, Option("--name", "What to call files of your own as a data set.", ("run", "eval"))] = (
        None
    )
    base: Annotated[
        int | None,
        Option("--base", "What a table of your own calls the first pixel: 0 or 1.", ("run", "eval"), least=0),
    ] = None
    protocol: Annotated[str | None, Option("--protocol", "Protocol name or .yaml file (default: the data set's).")] = (
        None
    )
    split: Annotated[
        str | None, Option("--split", "Split to score (default: the data set's test splits).", ("run", "eval"))
    ] = None
    seed: Annotated[int, Option("--seed", "Seed of everything random.", ("run", "eval"), least=0)] = 0
    device: Annotated[str, Option("--device", "auto, cpu, cuda or cuda:NUMBER.")] = "auto"
    labels: Annotated[
        int | None,
        Option("--labels", "Train on at most so many labelled faces: the 50 are among the 200.", ("run",), least=2),
    ] = None
    stages: Annotated[str | None, Option("--stages", "Only these stages, for example 1-3,5.", ("run",))] = None
    from_checkpoint: Annotated[
        Path | None,
        Option("--from", "Checkpoint, or run's folder, whose weights the training starts from.", ("run",)),
    ] = None
    out: Annotated[Path, Option("--out", "Folder of runs; a run's own is OUT/DATASET/METHOD/RUN_ID.")] = Path("runs")
    resume: Annotated[bool, Option("--resume", "Resume the newest matching unfinished run.", ("run",))] = False
    limit: Annotated[int | None, Option("--limit", "Maximum faces per split (for trials).", least=2)] = None
    overrides: Annotated[
        tuple[str, ...], Option("--set", "Change a setting of the recipe (repeatable).", metavar="KEY=VALUE")
    ] = ()
    confidence: Annotated[
        str,
        Option(
            "--confidence",
            "Confidence of a landmark: own (the method's), flip (any method) or none.",
            ("run", "eval"),
        ),
    ] = "own"
    metrics: Annotated[
        tuple[str, ...],
        Option("--metric", "Also compute this metric (repeatable).", ("run", "eval"), metavar="NAME"),
    ] = ()
    record: Annotated[
        bool | None,
        Option(
            "--record/--no-record",
            "Add the result to the leaderboard store or not; default: yes, but not with --limit, and not where the "
            "landmarks were not trained yet.",
            ("run", "eval"),
        ),
    ] = None
    store: Annotated[Path | None, Option("--store", "Folder of recorded results.")] = Path("leaderboards")
    train: bool = True
    plugins: tuple[Path, ...] = ()
    recipe: Any = None

    @classmethod
    def of(cls, method: str | Path, dataset: str, **options: Any) -> RunOptions:
        """Options from plain values, checked as far as that needs neither data nor torch; plugins are loaded.

        Raises:
            UserError: an option that does not exist, or a value that cannot be.
        """
        for file in options.get("plugins", ()):
            catalogue.load_file(file)
        known = [f.name for f in fields(cls)]
        for key in options:
            if key not in known:
                raise UserError(f"run has no option {key!r}{nearest(key, known)}")
        for key in ("data_root", "from_checkpoint", "out", "store"):
            if options.get(key) is not None:
                options[key] = Path(options[key])
        for key in ("overrides", "metrics", "plugins"):
            options[key] = tuple(options.get(key) or ())
        dataset, options["split"] = data_and_split(dataset, options.get("split"))
        made = cls(method=str(method), dataset=dataset, **options)
        if made.limit is not None and made.limit < 2:
            raise UserError(f"limit {made.limit}: must be at least 2 faces")
        if made.labels is not None and made.labels < 2:
            raise UserError(f"labels {made.labels}: must be at least 2 labelled faces")
        if made.record and made.store is None:
            raise UserError("record: there is no store to record in; name one with store")
        if not 0 <= made.seed < 1 << 53:
            raise UserError(f"seed {made.seed}: must be from 0 to {(1 << 53) - 1}")
        chosen_stages(made.stages)
        return made

    @property
    def changes(self) -> tuple[str, ...]:
        """All that changes the recipe: the ``--set`` pairs, and what other options stand for."""
        return self.overrides if self.base is None else (*self.overrides, f"dataset.base={self.base}")

    @property
    def records(self) -> bool:
        """Whether a result goes into the store, if nobody says otherwise."""
        if self.store is None or self.record is not None:
            return bool(self.record)
        return self.limit is None

    @property
    def base_method(self) -> str:
        """The registered method of ``METHOD+VARIANT``."""
        return variant_of(self.method)[0]

    def words(self, **changes: Any) -> list[str]:
        """The words of the command line that stand for what is not a default, with some of them changed.

        Places of this machine (``data_root``, ``out``, ``store``) are left out, and a file is its name alone.
        """
        values = {f.name: getattr(self, f.name) for f in fields(self)} | changes
        words = []
        for name, option in command_options("run").items():
            value, default = values[name], getattr(type(self), name)
            if name in ("data_root", "out", "store", "resume", "record") or (value == default and name not in changes):
                continue
            if value is None:
                continue
            for item in value if isinstance(value, tuple) else [value]:
                words += [option.flag, item.name if isinstance(item, Path) else str(item)]
        return words


def command_options(command: str) -> dict[str, Option]:
    """The options that a command takes, by field name, in their order."""
    found = {}
    for name, hint in get_type_hints(RunOptions, include_extras=True).items():
        for option in getattr(hint, "__metadata__", ()):
            if command in option.commands:
                found[name] = option
    return found


def chosen_stages(text: str | None) -> list[int] | None:
    """``"1-3,5"`` -> [1, 2, 3, 5].

    Raises:
        UserError: not such a list.
    """
    if not text:
        return None
    out: list[int] = []
    for piece in text.split(","):
        first, dash, last = piece.strip().partition("-")
        numbers = [first, last] if dash else [first]
        if not all(n.isdecimal() and len(n) < 5 for n in numbers) or int(first) < 1:
            raise UserError(f"--stages {text}: write numbers and ranges from 1, for example 1-3,5")
        out += range(int(first), int(last or first) + 1)
    if not out:
        raise UserError(f"--stages {text}: names no stage")
    return sorted(set(out))


def owners_files(method: str, dataset: str) -> Iterable[str]:
    """Names of the plugin files that a method and a data set came from."""
    from parface_bench.registry import DATASETS

    owners = [kind.spec(name).owner for kind, name in ((METHODS, method), (DATASETS, dataset)) if name in kind]
    return dict.fromkeys(Path(owner).name for owner in owners if owner.endswith(".py"))
