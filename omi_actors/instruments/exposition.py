"""Prometheus's text format of several nodes in one: each sample gets the label `node`.

The nodes may run programs of two versions, so the text of each is the source: this program may not know its metrics.
Not here: the metrics (metrics.py), the reports of nodes (status/nodes.py). Threads: any; pure.
"""

from collections.abc import Iterable, Mapping

_UP = "omi_node_up"
# A histogram's samples have further names than their family.
_ENDS = ("_bucket", "_sum", "_count", "_created")


def merge_metrics(by_node: Mapping[str, str], silent: Iterable[str]) -> str:
    """Return the metrics of all nodes, each family once with its help and type; `silent` nodes are down, no more."""
    heads: dict[str, list[str]] = {}
    samples: dict[str, list[str]] = {}
    for node, text in by_node.items():
        label = _label(node)
        family = ""
        for line in text.splitlines():
            if line.startswith("#"):
                _, kind, family, *_ = line.split(" ", 3)
                head = heads.setdefault(family, [])
                if not any(known.startswith(f"# {kind} ") for known in head):
                    head.append(line)
            elif line:
                samples.setdefault(_family_of(line, family), []).append(_add_label(line, label))
    samples.setdefault(_UP, []).extend(f"{_UP}{{{_label(node)}}} 0" for node in silent)
    lines: list[str] = []
    for family, values in samples.items():
        lines += [*heads.get(family, ()), *values]
    return "\n".join(lines) + "\n"


def _label(node: str) -> str:
    return f'node="{node}"'  # a node's name needs no escapes (NODE_NAME)


def _family_of(line: str, family: str) -> str:
    """Return the family of a sample: that of the head above, whose name the sample's begins with."""
    name = line.partition("{")[0].partition(" ")[0]
    return family if name == family or name.removeprefix(family) in _ENDS else name


def _add_label(line: str, label: str) -> str:
    name, brace, rest = line.partition("{")
    if brace:
        return f"{name}{{{label},{rest}"
    name, _, value = line.partition(" ")
    return f"{name}{{{label}}} {value}"
