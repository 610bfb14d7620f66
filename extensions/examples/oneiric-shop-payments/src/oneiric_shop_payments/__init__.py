"""A payment service in two versions: see `oneiric-plugin.toml` beside this file."""
