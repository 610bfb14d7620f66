"""Drives a system at a stated rate and reports honestly."""
