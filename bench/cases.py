"""What the circumstances of a measurement are called, in the tables and in results.json. Pure."""

VALID, WITHOUT, PACKAGED = "valid bytecode", "no bytecode", "from the package"


def warm(callers: int, latency_seconds: float) -> str:
    """Return what so many callers are called, while Graph takes so long to answer."""
    return f"{callers} caller{'s' if callers > 1 else ''}, {latency(latency_seconds)}"


def latency(seconds: float) -> str:
    """Return what it is called that Graph takes so long to answer."""
    return f"Graph {seconds * 1000:.0f} ms"


def after(creates: int) -> str:
    """Return what a process is called that did so much."""
    return f"after {creates:,} create{'s' if creates > 1 else ''}"


def activities(count: int) -> str:
    """Return what so many activities are called."""
    return f"{count:,}"
