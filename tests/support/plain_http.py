"""httpx for servers on this machine: nothing here speaks TLS, and reading the certificates takes 50 ms each time."""

import ssl
from functools import partial

import httpx

NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
get = partial(httpx.get, verify=NO_CERTIFICATES)
post = partial(httpx.post, verify=NO_CERTIFICATES)
patch = partial(httpx.patch, verify=NO_CERTIFICATES)
delete = partial(httpx.delete, verify=NO_CERTIFICATES)
request = partial(httpx.request, verify=NO_CERTIFICATES)
