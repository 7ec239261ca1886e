"""What `rivelin up` does beside its processes goes on, whatever one round of it met."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

import deploy.mending
from deploy.mending import keep_mending
from deploy.settings import Settings
from deploy.supervisor import Supervisor
from deploy.up import _do_chores_until_cancelled


@pytest.fixture
def settings(tmp_path):
    """A home in which the file that tells of the broker cannot be read."""
    settings = Settings(home=tmp_path / "home")
    settings.make_folders()
    settings.broker_file.mkdir()
    return settings


@contextlib.asynccontextmanager
async def kept(work):
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(said, count):
    async with asyncio.timeout(5):
        while len(said) < count:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.005)


async def test_the_hourly_chores_outlive_an_error_of_the_system_and_tell_it(settings):
    said, supervisor = [], Supervisor(settings)
    try:
        async with kept(_do_chores_until_cancelled(supervisor, None, said.append)) as task:
            await until(said, 1)
            assert said == ["chores: not done this hour: IsADirectoryError"]
            assert not task.done()
    finally:
        settings.broker_file.rmdir()
        supervisor.close()


async def test_open_transactions_are_looked_for_again_and_what_went_wrong_is_told_once(
    settings, monkeypatch
):
    looks, said = [], []
    monkeypatch.setattr(deploy.mending, "LOOK_SECONDS", 0.001)
    monkeypatch.setattr(deploy.mending, "mend", counted(deploy.mending.mend, looks))
    async with kept(keep_mending(settings, said.append)) as task:
        await until(looks, 3)
        assert not task.done()
    assert said == ["open transactions were not looked for: IsADirectoryError"]


def counted(look, looks):
    async def counting(*call):
        looks.append(call)
        return await look(*call)

    return counting
