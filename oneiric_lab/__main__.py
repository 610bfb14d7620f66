"""`python -m oneiric_lab` is `oneiric-lab`."""

from oneiric_lab.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
