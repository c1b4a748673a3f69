"""The API's two documents, written from the code: OpenAPI 3.1 for programs, a Power Platform connector for makers.

``python -m connector`` writes them, ``python -m connector check`` checks them. Never imported by the app.
"""
