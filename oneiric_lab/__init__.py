"""Which value, which component, which release is in force, why, and what a change would do."""
