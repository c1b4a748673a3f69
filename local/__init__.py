"""What stands in for Azure on a laptop: a Functions host, Graph and identity emulators, Azurite.

It never imports the product, nor does the product import it: both sides meet on sockets and in environment variables.
"""
