def make() -> int:
    return 1
