"""A machine for the doctor, with a folder, an env file and an environment of its own."""

from pathlib import Path
from typing import Any

import pytest

from omi_actors.clock import SystemClock
from omi_actors.doctor.examine import examine
from omi_actors.doctor.finding import Machine, State
from scripts.lab.replay.server_process import find_free_port


class ExaminedMachine:
    """The machine under examination: set variables, write the env file, and ask for findings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env_file = folder / ".env"
        self.variables = {"DATA_DIR": str(folder / "data"), "PORT": str(find_free_port())}
        self.machine: dict[str, Any] = {"clock": SystemClock()}

    def findings(self, state):
        machine = Machine(environment=self.variables, **self.machine)
        return [finding for finding in examine(self.env_file, machine) if finding.state is state]

    def problem(self):
        """Return the only problem."""
        (problem,) = self.findings(State.PROBLEM)
        assert problem.fix
        assert problem.fix not in problem.said
        return problem

    def notes(self):
        return [f"{found.said} | {found.fix}" for found in self.findings(State.NOTE)]

    @property
    def has_no_problem(self):
        return self.findings(State.PROBLEM) == []


@pytest.fixture
def patient(tmp_path):
    patient = ExaminedMachine(tmp_path)
    assert patient.has_no_problem  # later findings were planted
    return patient
