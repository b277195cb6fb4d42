"""The file example.env: made from the settings, so that it cannot be out of date.

Not here: the settings (variables.py). Threads: none. Run `python -m config.example > config/example.env` to renew it.
"""

import sys

from config.describing import default_of, groups, range_of, variables_of

_HEAD = "# Every setting with its meaning and default. Copy to .env and uncomment what you change.\n"


def example_env() -> str:
    """Return example.env as text: every setting commented out, at its default, by subject."""
    blocks = [_HEAD]
    for group in groups():
        blocks.append(f"# --- {group.title}\n")
        for field in group.fields.values():
            name, *others = variables_of(field)
            also = f" (also: {', '.join(others)})" if others else ""
            bounds = range_of(field)
            within = f" Range: {bounds[0]} to {bounds[1]}." if bounds else ""
            blocks.append(f"# {field.description}{within}{also}\n#{name}={default_of(field)}\n")
    return "\n".join(blocks)


if __name__ == "__main__":
    sys.stdout.write(example_env())
