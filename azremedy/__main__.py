"""`python -m azremedy`, the same as the command `azremedy`."""

from __future__ import annotations

from azremedy.cli import main

if __name__ == "__main__":
    main()
