"""The file example.env: made from the settings, so that it cannot be out of date.

Not here: the settings (variables.py). Threads: none. Run `python -m config.example > config/example.env` to renew it.
"""

import sys

from config.settings import Settings, as_given, variables_of

_HEAD = "# Every setting with its meaning and default. Copy to .env and uncomment what you change.\n"


def example_env() -> str:
    """Return example.env as text: every setting commented out, at its default, in the order of the class."""
    blocks = [_HEAD]
    for field in Settings.model_fields.values():
        name, *others = variables_of(field)
        also = f" (also: {', '.join(others)})" if others else ""
        default = as_given(field.default) if field.default_factory is None else ""
        bounds = _bounds(list(field.metadata))
        blocks.append(f"# {field.description}{bounds}{also}\n#{name}={default}\n")
    return "\n".join(blocks)


def _bounds(metadata: list[object]) -> str:
    low = next((getattr(rule, "ge") for rule in metadata if hasattr(rule, "ge")), None)  # noqa: B009 (any rule class)
    high = next((getattr(rule, "le") for rule in metadata if hasattr(rule, "le")), None)  # noqa: B009 (any rule class)
    return "" if low is None else f" Range: {low} to {high}."


if __name__ == "__main__":
    sys.stdout.write(example_env())
