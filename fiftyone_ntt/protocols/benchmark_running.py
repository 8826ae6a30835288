"""Running a published protocol: draw references, build a bank, segment, score; draw after draw."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fiftyone_ntt.coco.findings import Findings
from fiftyone_ntt.coco.folder_runs import Progress
from fiftyone_ntt.coco.labelling import build_bank_from_coco, segment_folder
from fiftyone_ntt.coco.reading import read_coco
from fiftyone_ntt.coco.references import references_by_class
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.pipeline import Pipeline
from fiftyone_ntt.core.settings import (
    Mode,
    ProposalSettings,
    check_mode,
    check_stored_mode,
    is_stored_mode,
    usual_threshold,
)
from fiftyone_ntt.drawing.sheet_drawing import save_reference_sheet
from fiftyone_ntt.errors import InputError, StoreError
from fiftyone_ntt.models.loading import Models, load_models
from fiftyone_ntt.protocols.catalogue import PROTOCOLS, Part, Protocol
from fiftyone_ntt.protocols.choosing import distinct_counts, reference_counts
from fiftyone_ntt.protocols.data import as_content, require_images
from fiftyone_ntt.protocols.draws import INCLUSIVE, PIXELS, Draw, Setup
from fiftyone_ntt.protocols.published import SEEDS
from fiftyone_ntt.protocols.record import Benchmark, resume_benchmark
from fiftyone_ntt.store.atomic import make_folder, require_writable, write_atomically
from fiftyone_ntt.store.own_files import COCO_FILE
from fiftyone_ntt.store.proposal_store import ProposalStore, default_store

OnDraw = Callable[[Draw], None]
_MAX_SHOWN = 5


@dataclass(frozen=True, eq=False)
class _RunContext:
    """What all draws of one call share."""

    protocol: Protocol
    models: Models
    setup: Setup
    store: ProposalStore | None
    keep_results: bool
    sheets: bool
    progress: Callable[[str], Progress] | None


def run_benchmark(
    protocol: str,
    data: str | Path,
    output: str | Path,
    *,
    models: str | Models = "paper",
    device: str = "cpu",
    shots: Sequence[int] | None = None,
    seeds: Sequence[int] = SEEDS,
    parts: Sequence[str] | None = None,
    mode: str = "paper",
    points_per_side: int = 32,
    crops: int = 0,
    confidence_threshold: float | None = None,
    store: ProposalStore | None = None,
    keep_results: bool = False,
    sheets: bool = False,
    on_draw: OnDraw = lambda draw: None,
    progress: Callable[[str], Progress] | None = None,
) -> Benchmark:
    """Run a published few-shot protocol, as far as it is not done yet.

    Proposals depend on no reference: they are computed once per image, kept in the store, and serve
    every draw. The same call after an interruption goes on where it stopped, with the very image;
    more shots, seeds or parts may be added later.

    Args:
        protocol: `coco-fewshot`, `coco-20i`, `voc`, `lvis`, `cd-fsod` or `toy`.
        data: folder of the datasets, as published; what is missing is named.
        output: folder of the outcome, made if need be: `benchmark.json`, and a folder per draw with
            the references chosen and their bank.
        models: a named set or loaded models.
        device: where a named set runs: `cpu`, `cuda`, `auto`, ...
        shots: references per class; the published numbers when None.
        seeds: of the choice of references; one draw each. Where the references are published there
            is one draw, whatever the seeds.
        parts: only these folds, splits or sets; all when None.
        mode: `"paper"`, the published method, `"best"`, more accurate, or `"adaptive"`, whose
            proposals depend on the bank, so that every draw runs the networks; see `segment`.
        points_per_side: prompts per row and column of the grid.
        crops: parts of the images that are looked at besides the whole, 0, 4 or 9; see `segment`.
        confidence_threshold: of `coco-20i`: only instances of at least this score are drawn, 0..1;
            None for 0.5, in mode `"best"` 0.3, where it is right as often.
        store: of the proposals; the default store when None. Not in mode `"adaptive"`.
        keep_results: leave each draw's COCO results (`results.json`) in its folder.
        sheets: draw each draw's references into `references.png` in its folder.
        on_draw: called with each draw, finished now or before.
        progress: makes a draw's progress function, by its title.

    Returns:
        All draws in `output`, also those of earlier calls; print it for a table.

    Raises:
        InputError: no such protocol or part, data are missing, an image cannot be read.
        StoreError: `output` holds another benchmark, or cannot be written.
        ModelError: the models cannot be loaded.

    Example:
        >>> found = ntt.run_benchmark("toy", coco, "toy", models="demo", points_per_side=4)
        >>> [draw] = found.draws
        >>> draw.references, draw.images
        ({'bird': 1, 'boat': 1}, 10)
        >>> 0 < draw.metrics["masks AP"] < 1
        True
    """
    grid = ProposalSettings(points_per_side=points_per_side, crops=crops)
    checked = check_mode(mode)
    kept = _resolve_store(store, checked)
    if confidence_threshold is None:
        confidence_threshold = usual_threshold(checked)
    if not 0 <= confidence_threshold <= 1:
        raise InputError(f"confidence_threshold is {confidence_threshold}. Pass a number in 0..1.")
    chosen, found, wanted = check_request(protocol, data, parts, shots, seeds)
    loaded = load_models(models, device=device) if isinstance(models, str) else models
    setup = Setup(
        protocol,
        loaded.name,
        loaded.encoder.identity,
        loaded.segmenter.identity,
        checked,
        grid.points_per_side,
        confidence_threshold if "mIoU" in chosen.headline else None,
        INCLUSIVE if checked == "paper" else PIXELS,
        grid.crops,
    )
    work = _RunContext(chosen, loaded, setup, kept, keep_results, sheets, progress)
    folder = Path(output)
    benchmark = resume_benchmark(folder, setup)
    make_folder(folder)
    for part in found:
        benchmark = _with_part_data(benchmark, part, folder)
    for part, count, seed in _planned_draws(found, wanted, seeds):
        draw = benchmark.find(part.name, count, seed)
        if draw is None:
            draw = _run_draw(work, part, folder / part.name, count, seed)
            benchmark = benchmark.with_draw(draw)
            benchmark.save(folder)
        on_draw(draw)
    if kept is not None:
        kept.keep_within_limit()
    return benchmark


def _resolve_store(given: ProposalStore | None, mode: Mode) -> ProposalStore | None:
    """The store to use: the default one only if the mode can use any."""
    if given is None and not is_stored_mode(mode):
        return None
    check_stored_mode(mode)
    return given or default_store()


def check_request(
    protocol: str,
    data: str | Path,
    parts: Sequence[str] | None,
    shots: Sequence[int] | None,
    seeds: Sequence[int],
) -> tuple[Protocol, list[Part], list[int]]:
    """The protocol, its parts and the shots that arguments of `run_benchmark` stand for.

    Raises:
        InputError: there are none such, or data are missing.
    """
    chosen = _protocol(protocol)
    found = _parts(chosen, Path(data), parts)
    _check_numbers("seeds", seeds, 0)
    return chosen, found, _check_numbers("shots", chosen.shots if shots is None else shots, 1)


def _protocol(name: str) -> Protocol:
    if name not in PROTOCOLS:
        raise InputError(f"there is no protocol {name!r}. Use one of: {', '.join(PROTOCOLS)}.")
    return PROTOCOLS[name]


def _parts(protocol: Protocol, data: Path, names: Sequence[str] | None) -> list[Part]:
    """The parts asked for, their files present."""
    wanted = protocol.parts if names is None else tuple(dict.fromkeys(names))
    unknown = [name for name in wanted if name not in protocol.parts]
    if unknown or not wanted:
        what = f"{protocol.part_word or 'part'} {', '.join(unknown)}".strip()
        raise InputError(f"{protocol.name} has no {what}. It has: {', '.join(protocol.parts)}.")
    parts = [protocol.part(data.expanduser(), name) for name in wanted]
    for source in {part.source for part in parts}:
        files = [path for part in parts if part.source == source for path in part.files]
        source.require(parts[0].root, dict.fromkeys(files))
    return parts


def _check_numbers(name: str, values: Sequence[int], least: int) -> list[int]:
    if not values or min(values) < least:
        raise InputError(f"{name} are {list(values)}. Pass whole numbers of at least {least}.")
    return list(dict.fromkeys(values))


def _with_part_data(benchmark: Benchmark, part: Part, folder: Path) -> Benchmark:
    """The benchmark with this part's data, which must be those it was begun with."""
    files = {
        path: (part.root / path).stat().st_size
        for path in part.files
        if (part.root / path).is_file()
    }
    if benchmark.data.get(part.name, files) != files:
        raise StoreError(
            f"{folder} was begun with other files of {part.source.name}. Choose another --output."
        )
    targets = folder / part.name / "targets.json"
    if part.name not in benchmark.data or not targets.exists():
        file = part.targets()
        require_images(part.root, file)
        make_folder(targets.parent)
        write_atomically(targets, COCO_FILE.content(as_content(file)), COCO_FILE)
        benchmark = benchmark.with_part(part.name, files)
        benchmark.save(folder)
    return benchmark


def _planned_draws(
    parts: Sequence[Part], shots: Sequence[int], seeds: Sequence[int]
) -> Iterator[tuple[Part, int, int | None]]:
    """Seed by seed, so that an interrupted benchmark has whole rows."""
    for index, seed in enumerate(dict.fromkeys(seeds)):
        for part in parts:
            for count in shots:
                if not part.has_published_references(count):
                    yield part, count, seed
                elif index == 0:
                    yield part, count, None


def _run_draw(work: _RunContext, part: Part, folder: Path, shots: int, seed: int | None) -> Draw:
    """One draw; what an interrupted call left of it is used."""
    own = folder / f"{shots}-shot" / ("published" if seed is None else f"seed-{seed}")
    targets, results = folder / "targets.json", own / "results.json"
    references = own / "references.json"
    if not references.exists():
        content = part.references(shots, seed or 0)
        for made in (own.parent, own):
            make_folder(made)
        write_atomically(references, COCO_FILE.content(content), COCO_FILE)
    if work.sheets:
        groups = references_by_class(read_coco(references), part.root, Findings(published=True))
        save_reference_sheet(groups, own / "references.png")
    require_writable(results, COCO_FILE)
    if not results.exists():
        _segment_targets(work, part, own, targets, results)
    outcome = work.protocol.score(results, targets, work.setup.confidence_threshold or 0.0)
    chosen = json.loads(references.read_text())
    draw = Draw(
        part.name,
        shots,
        seed,
        outcome.metrics,
        outcome.classes,
        reference_counts(chosen),
        distinct_counts(chosen),
        images=len(json.loads(targets.read_text())["images"]),
        detections=len(json.loads(results.read_text())),
    )
    if not work.keep_results:
        results.unlink()
    return draw


def _segment_targets(
    work: _RunContext, part: Part, own: Path, targets: Path, results: Path
) -> None:
    bank_file = own / "bank.safetensors"
    if bank_file.exists():
        bank = MemoryBank.load(bank_file)
    else:
        bank = build_bank_from_coco(
            part.root,
            own / "references.json",
            work.models,
            findings=Findings(published=True),
        )
        bank.save(bank_file)
    report = segment_folder(
        part.root,
        targets,
        Pipeline(
            bank,
            work.models.encoder,
            work.models.segmenter,
            check_mode(work.setup.mode),
            ProposalSettings(points_per_side=work.setup.points_per_side, crops=work.setup.crops),
        ),
        results,
        inclusive_boxes=work.setup.boxes == INCLUSIVE,
        store=work.store,
        progress=work.progress(_title(part, own)) if work.progress else None,
        findings=Findings(published=True),
    )
    if report.failures:
        results.unlink()
        reasons = "\n".join(list(report.failures.values())[:_MAX_SHOWN])
        raise InputError(
            f"{len(report.failures)} of {report.images} images cannot be segmented, and a score "
            f"over the rest could not be compared:\n{reasons}"
        )


def _title(part: Part, own: Path) -> str:
    where = "" if part.name == "all" else f"{part.name} "
    return f"{where}{own.parent.name} {own.name}"
