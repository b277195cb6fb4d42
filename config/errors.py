"""The error of settings that the program cannot start with.

Not here: what is wrong with them (settings.py, checks.py, env_file.py). Threads: any.
"""


class InvalidSettingError(ValueError):
    """Settings that the program cannot start with. Each of `problems` names a variable and the way out."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
