"""The package that is deployed: the app, its requirements for Azure's Linux, and their bytecode, in one zip file.

It builds; it never runs the app and never talks to Azure.
"""
