"""`python -m oneiric_lab` is `oneiric-lab`."""

import os
import sys

if __name__ == "__main__":
    # Python looks into the working folder first, which may be somebody's workspace. Where we
    # were found there ourselves, it is our own.
    ours = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - before any import
    if sys.path[0] in {"", os.getcwd()} - {ours} and not sys.flags.safe_path:  # noqa: PTH109 - see above
        del sys.path[0]
    from oneiric_lab.cli import main

    raise SystemExit(main())
