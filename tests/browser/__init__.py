"""In a real browser: a package, so that one browser and one server serve all of it."""
