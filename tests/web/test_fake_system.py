"""The fake system has the same calls as the real one."""

import inspect

import pytest

from omi_actors.system import System
from tests.web.fake_system import FakeSystem

# The command starts and stops a system; the web never does.
LIFE = {"start", "stop", "begin_draining", "count_jobs_under_way", "check_model"}
USED = sorted(name for name in vars(System) if not name.startswith("_") and name not in LIFE)


def parameters_of(function):
    return [(one.name, one.kind, one.default) for one in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize("name", USED)
async def test_fake_system_takes_the_same_calls_as_the_real_one(name):
    real, fake = getattr(System, name), getattr(FakeSystem, name, None)

    if isinstance(real, property):
        assert name in vars(FakeSystem()) or isinstance(fake, property)
    else:
        assert parameters_of(fake) == parameters_of(real)
        assert inspect.iscoroutinefunction(fake) == inspect.iscoroutinefunction(real)


def test_fake_system_has_no_call_that_the_real_one_lacks():
    own = {name for name, value in vars(FakeSystem).items() if inspect.isfunction(value) and not name.startswith("_")}

    assert own <= set(USED)
