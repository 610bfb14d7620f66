"""Two more caches for the sample shop: see `oneiric-plugin.toml` beside this file."""
