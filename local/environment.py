"""The settings with which the product talks to the local stand-ins instead of Azure.

Only addresses and made-up identities: the code that reads them is the same everywhere.
"""

from collections.abc import Sequence
from pathlib import Path

from local.lifecycle import url_of

BLOB_PORT, QUEUE_PORT, TABLE_PORT = STORAGE_PORTS = (10000, 10001, 10002)

# The provider of Microsoft's example request, which the emulated tenant has registered.
LEARNING_PROVIDER_ID = "01e8f81b-3060-4dec-acf0-0389665a0a38"

# What the platform keeps secret so that only the app itself can ask for its tokens; here everybody may know it.
IDENTITY_HEADER = "local-identity-header"

# The one user-assigned identity of the app in Azure, where storage is reached with it.
CLIENT_ID = "6d3f1f0b-6b1c-4f7d-9a57-0b7a4f6f2c11"

# What the host takes, above what the app takes: the app's own words come first, and not the host's empty 500.
BODY_LIMIT_BYTES = 67_108_864

# Azurite's documented account: https://learn.microsoft.com/azure/storage/common/storage-use-azurite
STORAGE_ACCOUNT = "devstoreaccount1"
STORAGE_ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


# The application as which the app acts in Graph, where it does not act as its managed identity.
GRAPH_CLIENT_ID = "2a9c7f4e-91d3-4b7a-8f7e-3c5d1e0b9a64"

# The application that callers ask a token for, where Microsoft Entra ID lets them in.
API_CLIENT_ID = "b0a1d7c2-5d1c-4c36-9d0b-6f0e3a8c7d21"


def app_environment(
    graph_url: str,
    *,
    storage_ports: tuple[int, int, int] = STORAGE_PORTS,
    certificate: Path | None = None,
    signing_in: Sequence[str] = (),
) -> dict[str, str]:
    """Return the environment variables that make the function app use the emulators.

    Args:
        graph_url: base address of `python -m local graph`, which serves Graph and identity.
        storage_ports: Azurite's blob, queue and table ports.
        certificate: of an Azurite with https; with it, the app shows storage its identity instead of a key.
        signing_in: the client ids of the applications that may call, by Microsoft Entra ID instead of a key; then
            whoever calls has to write what App Service Authentication would say of them, because there is none here.
    """
    return {
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": str(BODY_LIMIT_BYTES),
        **(
            storage_by_identity(storage_ports, certificate)
            if certificate
            else {"AzureWebJobsStorage": storage_connection_string(*storage_ports)}
        ),
        "ACTIVITY_QUEUE": "learning-activities",
        "IDENTITY_ENDPOINT": f"{graph_url}/msi/token",
        "IDENTITY_HEADER": IDENTITY_HEADER,
        "GRAPH_BASE_URL": f"{graph_url}/v1.0",
        "LEARNING_PROVIDER_ID": LEARNING_PROVIDER_ID,
        **(_signing_in(signing_in) if signing_in else {}),
    }


def as_application(login_url: str, certificate: Path) -> dict[str, str]:
    """Return the settings with which the app acts as an application that its managed identity vouches for.

    Args:
        login_url: where `python -m local graph --https` serves Microsoft Entra ID's token endpoint.
        certificate: what it serves it with.
    """
    return {
        "GRAPH_CLIENT_ID": GRAPH_CLIENT_ID,
        "AZURE_AUTHORITY_HOST": login_url,
        # The libraries' way to trust a certificate: https://docs.openssl.org/3.5/man7/openssl-env/
        "SSL_CERT_FILE": str(certificate),
    }


def _signing_in(client_ids: Sequence[str]) -> dict[str, str]:
    """Return the settings of infra/ for callers who sign in, and what the platform sets where it checks them.

    Source: https://learn.microsoft.com/azure/app-service/reference-app-settings
    """
    return {
        "ENTRA_AUTH": "true",
        "ALLOWED_CLIENT_APPLICATIONS": ",".join(client_ids),
        "WEBSITE_AUTH_CLIENT_ID": API_CLIENT_ID,
        "WEBSITE_AUTH_ENABLED": "True",
        "WEBSITE_SITE_NAME": "contoso",
    }


def storage_options(ports: tuple[int, int, int]) -> list[str]:
    """Return the options with which `python -m local storage` serves blobs, queues and tables on these ports."""
    names = ("--blob-port", "--queue-port", "--table-port")
    return [text for name, port in zip(names, ports, strict=True) for text in (name, str(port))]


def storage_by_identity(ports: tuple[int, int, int], certificate: Path) -> dict[str, str]:
    """Return the settings that infra/ makes for storage, with the addresses of an Azurite that has this certificate."""
    urls = {
        f"AzureWebJobsStorage__{service}ServiceUri": f"{url_of(port, scheme='https')}/{STORAGE_ACCOUNT}"
        for service, port in zip(("blob", "queue", "table"), ports, strict=True)
    }
    return {
        **urls,
        "AzureWebJobsStorage__credential": "managedidentity",
        "AzureWebJobsStorage__clientId": CLIENT_ID,
        "AZURE_CLIENT_ID": CLIENT_ID,
        # The libraries' way to trust a certificate: https://docs.openssl.org/3.5/man7/openssl-env/
        "SSL_CERT_FILE": str(certificate),
    }


def storage_connection_string(blob_port: int, queue_port: int, table_port: int) -> str:
    """Return the connection string of an Azurite on these ports."""
    if (blob_port, queue_port, table_port) == STORAGE_PORTS:
        return "UseDevelopmentStorage=true"
    ports = {"Blob": blob_port, "Queue": queue_port, "Table": table_port}
    account = f"DefaultEndpointsProtocol=http;AccountName={STORAGE_ACCOUNT};AccountKey={STORAGE_ACCOUNT_KEY};"
    return account + "".join(f"{name}Endpoint={url_of(port)}/{STORAGE_ACCOUNT};" for name, port in ports.items())
