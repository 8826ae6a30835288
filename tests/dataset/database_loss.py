"""A process whose own MongoDB is killed while it writes.

Run as `python -m tests.dataset.database_loss FOLDER`: it prints, as JSON, by action what was raised
when the database was killed in the middle of it, after how many seconds, and what the same call
gave once the database was back.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from pymongo import monitoring

from tests.database import PrivateDatabase

WAIT_MS = 1000
"""How long the driver looks for a server that does not answer; 30 s unless one says otherwise."""
JOURNAL_S = 0.2
"""By then MongoDB has what it acknowledged on disk; a kill before that may lose it."""
AFTER = ("segment", "boxes_to_masks", "draw_memory_bank")
"""Actions whose database is killed between two writes, the others' in the middle of one."""
WRITES = ("insert", "update", "delete", "findAndModify")


class DatabaseKiller(monitoring.CommandListener):
    """Kills the database right before or after the next write to samples."""

    moment: Literal["before", "after"] | None = None

    def __init__(self, database: PrivateDatabase) -> None:
        self.database = database
        self.killed_at = 0.0
        self.writing: int | None = None

    def started(self, event: Any) -> None:
        if event.command_name in WRITES:
            target = str(event.command.get(event.command_name))
            if target.startswith("samples."):
                self.writing = event.request_id
                if self.moment == "before":
                    self._kill()

    def succeeded(self, event: Any) -> None:
        if self.moment == "after" and event.request_id == self.writing:
            time.sleep(JOURNAL_S)
            self._kill()

    def failed(self, event: Any) -> None: ...

    def _kill(self) -> None:
        self.moment = None
        self.killed_at = time.monotonic()
        self.database.kill()


def actions(dataset: Any, folder: Path) -> dict[str, Callable[[], object]]:
    import fiftyone_ntt as ntt
    from tests.dataset.colour_models import colour_models

    models = colour_models()
    store = folder / "store"
    options: Any = {"models": models, "store": store, "chunk_size": 2}

    def segment(field: str) -> Any:
        return ntt.segment(dataset, "all", field, points_per_side=8, **options)

    # Each has what it works on: a run to relabel, to undo, to delete.
    segment("known")
    segment("unwanted")
    segment("regretted")
    file = ntt.export_coco(dataset, "ground_truth", folder / "instances.json").path
    images = Path(dataset.first().filepath).parent
    (unwanted,) = [
        key for key, run in ntt.list_prediction_runs(dataset).items() if run["field"] == "unwanted"
    ]
    return {
        "segment": lambda: segment("predictions"),
        "relabel": lambda: ntt.relabel(
            dataset, "all", "relabelled", store=store, points_per_side=8
        ),
        "boxes_to_masks": lambda: ntt.boxes_to_masks(
            dataset, "ground_truth", "masks", models=models, chunk_size=2
        ),
        "draw_memory_bank": lambda: ntt.draw_memory_bank(dataset, "all", models=models),
        "import_coco": lambda: ntt.import_coco(images, file, dataset, field="imported"),
        "evaluate": lambda: ntt.evaluate(
            dataset, "known", "ground_truth", eval_key="seen", iou="boxes"
        ),
        "tag_references": lambda: ntt.tag_references(dataset, "ground_truth", tag="chosen"),
        "undo": lambda: ntt.undo(dataset, "regretted"),
        "delete_run_predictions": lambda: ntt.delete_run_predictions(dataset, unwanted),
    }


def loss(act: Callable[[], object], killer: DatabaseKiller, moment: Any) -> dict[str, Any]:
    """What comes of an action whose database is killed, and of the same call afterwards."""
    killer.moment = moment
    try:
        act()
        raised, message = "nothing", ""
    except Exception as error:
        raised, message = type(error).__name__, str(error)
    seconds = time.monotonic() - killer.killed_at
    assert killer.moment is None, f"there was no write: {raised} {message}"
    killer.database.start()
    try:
        again = str(act())
    except Exception as error:
        again = f"{type(error).__name__}: {error}"
    return {"raised": raised, "message": message, "seconds": seconds, "again": again}


def main(folder: Path) -> None:
    database = PrivateDatabase()
    uri = f"mongodb://127.0.0.1:{database.port}/?serverSelectionTimeoutMS={WAIT_MS}"
    os.environ.update(database.environment() | {"FIFTYONE_DATABASE_URI": uri})
    database.start()
    killer = DatabaseKiller(database)
    monitoring.register(killer)  # before FiftyOne connects
    try:
        import fiftyone as fo

        import fiftyone_ntt as ntt
        from tests.dataset.colour_models import colour_models
        from tests.dataset.scenes import add_scenes

        dataset = fo.Dataset("scenes", persistent=True)
        add_scenes(dataset, folder, 6)
        ntt.build_memory_bank(dataset[:2], "ground_truth", models=colour_models(), name="all")
        found = {
            name: loss(act, killer, "after" if name in AFTER else "before")
            for name, act in actions(dataset, folder).items()
        }
        print(json.dumps({"uri": uri, "port": database.port, "losses": found}))
    finally:
        database.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
