"""A Celery app whose tasks emit; what it has to do lies in files, so that it needs no broker of its own."""

import os
from pathlib import Path

from celery import Celery, Task

from tests.servers.served import create_app, events

folder = Path(os.environ["SERVED_FOLDER"])
app = create_app()
celery = Celery(
    "tasks",
    broker_url="filesystem://",
    broker_transport_options={
        "data_folder_in": str(folder / "queue"),
        "data_folder_out": str(folder / "queue"),
        "control_folder": str(folder / "control"),
    },
    worker_hijack_root_logger=False,
)


@celery.task(name="sell", bind=True)  # type: ignore[untyped-decorator]
def sell(task: Task) -> None:
    """Emit an event with the task's id, and leave a file that says so, and which process did."""
    events.for_app(app).emit("sold", {"task": task.request.id})
    begun = folder / "begun" / str(task.request.id)
    begun.write_text(str(os.getpid()))
    begun.rename(folder / "done" / begun.name)
