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

_AFTER_S = 1.0


class Bar:
    """Takes what `verbs.scan` tells of its progress. As a context it clears itself away."""

    def __init__(self, face: Face) -> None:
        self.face = face
        self._begun_s = time.monotonic()
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
        if time.monotonic() - self._begun_s < _AFTER_S:
            return
        from portulan.text.scan import progress_text

        bar, task = self._shown or self._open()
        bar.update(task, total=progress.of, completed=progress.done, told=progress_text(self.face.voice, progress))

    def _open(self) -> tuple[RichProgress, TaskID]:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

        console = Console(file=self.face.err, width=self.face.width, no_color=not self.face.colour, markup=False, highlight=False)
        bar = Progress(BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[told]}", markup=False), console=console, transient=True)
        bar.start()
        self._shown = bar, bar.add_task("", told="")
        return self._shown
