"""Write every document that is made from the program; run as scripts/docs."""

import click

from scripts.lab.docs.pages import PAGES


@click.command()
def main() -> None:
    """Write docs/settings.md, config/example.env, docs/metrics.md and the delivery table of docs/architecture.md."""
    for file, build in PAGES.items():
        file.write_text(build(), encoding="utf-8")
        click.echo(file)


if __name__ == "__main__":
    main()
