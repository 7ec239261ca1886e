"""A store of a projection that outlives its process, which may die at every statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import event

from deploy.simulate.loop import Killed

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumers.projection import Projection
    from consumers.store import ProjectionStore
    from deploy.simulate.world import World


class _DiedWithinError(Exception):
    """The process died within a transaction."""


def durable_store(world: World, projection: Projection) -> ProjectionStore:
    """Make the product's own store, in memory, of which only the world lets go.

    A process that dies within a transaction leaves it to be rolled back, as SQLite does when it
    opens the file the next time.
    """
    linked: Any = world.product.module("consumers.store").ProjectionStore

    class Durable(linked):  # type: ignore[misc] # a class made just now has no type
        is_writing = False

        def commit(self, *changes: Any, **more: Any) -> None:  # noqa: ANN401 - as the product's
            self._write(super().commit, *changes, **more)

        def sent(self, *notices: Any) -> None:  # noqa: ANN401 - as the product's
            self._write(super().sent, *notices)

        def close(self) -> None:
            pass

        def dispose(self) -> None:
            super().close()

        def step(self, *_: object) -> None:
            try:
                if self.is_writing:
                    world.step()
            except Killed:
                raise _DiedWithinError from None  # anything else costs SQLAlchemy its connection

        def _write(self, write: Callable[..., None], *given: Any, **more: Any) -> None:  # noqa: ANN401 - as given
            self.is_writing = True
            try:
                write(*given, **more)
            except _DiedWithinError:
                raise Killed from None
            finally:
                self.is_writing = False
            world.step()

    store: Any = Durable.in_memory(projection)
    engine = store._engine  # noqa: SLF001 - where a process may die is no business of the product's
    event.listen(engine, "before_cursor_execute", store.step)
    event.listen(engine, "commit", store.step)
    return store  # type: ignore[no-any-return] # it is one
