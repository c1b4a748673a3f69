"""Many activities in one call: accepted at once, worked off in chunks, told in one report."""
