"""What keeps a package from being built."""


class PackageError(Exception):
    """There is no package until a person changes something; the message is for that person."""
