"""The console command ``noise-scheduler``; its commands are in `noise_scheduler.commands`.

Public: `main`.
"""

from __future__ import annotations

import sys

from .extras import MissingExtraError, need


def main() -> None:
    """Run the command; without the extra ``cli``, say what to install."""
    try:
        need("typer", extra="cli")
    except MissingExtraError as error:
        print(f"noise-scheduler: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    from .commands import app

    app(prog_name="noise-scheduler")


if __name__ == "__main__":
    main()
