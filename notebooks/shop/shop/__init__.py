"""The Paper Boat: a small web shop that the tutorials look into.

Each factory takes its settings, an instance of its settings model, and by keyword the
components that it requires, named by their keys (`-` becomes `_`).
"""
