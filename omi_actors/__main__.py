"""`python -m omi_actors` is `omi-actors`."""

from omi_actors.cli import main

if __name__ == "__main__":
    main()
