"""The settings with which the product talks to the local stand-ins instead of Azure.

Only addresses and made-up identities: the code that reads them is the same everywhere.
"""

from local.lifecycle import url_of

BLOB_PORT, QUEUE_PORT, TABLE_PORT = STORAGE_PORTS = (10000, 10001, 10002)

# The provider of Microsoft's example request, which the emulated tenant has registered.
LEARNING_PROVIDER_ID = "01e8f81b-3060-4dec-acf0-0389665a0a38"

# What the platform keeps secret so that only the app itself can ask for its tokens; here everybody may know it.
IDENTITY_HEADER = "local-identity-header"

# Azurite's documented account: https://learn.microsoft.com/azure/storage/common/storage-use-azurite
STORAGE_ACCOUNT = "devstoreaccount1"
STORAGE_ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def app_environment(graph_url: str, *, storage_ports: tuple[int, int, int] = STORAGE_PORTS) -> dict[str, str]:
    """Return the environment variables that make the function app use the emulators.

    Args:
        graph_url: base address of `python -m local graph`, which serves Graph and identity.
        storage_ports: Azurite's blob, queue and table ports.
    """
    return {
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "AzureWebJobsStorage": storage_connection_string(*storage_ports),
        "ACTIVITY_QUEUE": "learning-activities",
        "IDENTITY_ENDPOINT": f"{graph_url}/msi/token",
        "IDENTITY_HEADER": IDENTITY_HEADER,
        "GRAPH_BASE_URL": f"{graph_url}/v1.0",
        "LEARNING_PROVIDER_ID": LEARNING_PROVIDER_ID,
    }


def storage_options(ports: tuple[int, int, int]) -> list[str]:
    """Return the options with which `python -m local storage` serves blobs, queues and tables on these ports."""
    names = ("--blob-port", "--queue-port", "--table-port")
    return [text for name, port in zip(names, ports, strict=True) for text in (name, str(port))]


def storage_connection_string(blob_port: int, queue_port: int, table_port: int) -> str:
    """Return the connection string of an Azurite on these ports."""
    if (blob_port, queue_port, table_port) == STORAGE_PORTS:
        return "UseDevelopmentStorage=true"
    ports = {"Blob": blob_port, "Queue": queue_port, "Table": table_port}
    account = f"DefaultEndpointsProtocol=http;AccountName={STORAGE_ACCOUNT};AccountKey={STORAGE_ACCOUNT_KEY};"
    return account + "".join(f"{name}Endpoint={url_of(port)}/{STORAGE_ACCOUNT};" for name, port in ports.items())
