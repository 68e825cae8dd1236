"""A bar on standard error while a scan runs, on a terminal only, and only when it takes longer than a second."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from portulan.cli.face import Face
    from portulan.model.scan import Progress

_AFTER_S, _EVERY_S = 1.0, 0.1


class Bar:
    """Takes what `verbs.scan` tells of its progress. As a context it clears itself away."""

    def __init__(self, face: Face) -> None:
        self.face = face
        self._next_s = time.monotonic() + _AFTER_S
        self._shown: tuple[RichProgress, TaskID] | None = None

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._shown is not None:
            self._shown[0].stop()

    @property
    def wanted(self) -> bool:
        """Whether anybody sees it."""
        return self.face.err.isatty()

    def take(self, progress: Progress) -> None:
        """Show how far it is."""
        now_s = time.monotonic()
        if now_s < self._next_s:
            return
        self._next_s = now_s + _EVERY_S
        from portulan.text.scan import progress_text

        bar, task = self._shown or self._open()
        bar.update(task, total=progress.of, completed=progress.done, told=progress_text(self.face.voice, progress))
        bar.refresh()

    def _open(self) -> tuple[RichProgress, TaskID]:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

        console = Console(file=self.face.err, width=self.face.width, no_color=not self.face.colour, markup=False, highlight=False)
        columns = BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[told]}", markup=False)
        bar = Progress(*columns, console=console, transient=True, auto_refresh=False)  # no thread of its own beside the scan
        bar.start()
        self._shown = bar, bar.add_task("", told="")
        return self._shown
