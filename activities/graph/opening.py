"""The way to Graph that the settings say: as the app's managed identity, or as an application that it vouches for."""

from activities.execution.gateway import GraphGateway
from activities.graph.client import MicrosoftGraph
from activities.graph.throttling import ThrottledGraph
from activities.identity.managed_identity import PatientCredential, managed_identity
from activities.settings import Settings


def open_graph(settings: Settings) -> tuple[GraphGateway, PatientCredential]:
    """Return the way to Graph, and the managed identity's credential."""
    base_url, application = settings.graph_base_url, settings.application
    if application is None:
        microsoft_graph = MicrosoftGraph(base_url=base_url, client_id=settings.azure_client_id)
        return ThrottledGraph(microsoft_graph), microsoft_graph.credential
    from activities.graph.tenants import open_tenants

    identity = managed_identity(settings.azure_client_id)
    tenants = open_tenants(
        application,
        identity,
        lambda credential: ThrottledGraph(MicrosoftGraph(base_url=base_url, credential=credential)),
        default_registration_id=settings.learning_provider_id or "",
    )
    return tenants, identity
