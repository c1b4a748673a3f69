"""A certificate for servers on this machine, made when it is needed: nothing that could be trusted elsewhere is kept.

It makes files and serves nothing. The cryptography package comes with azure-identity.
"""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from local.lifecycle import LOOPBACK

CERTIFICATE, KEY = "certificate.pem", "key.pem"
# Where a test leads these names here, what is written for Azure's addresses runs as it is.
_NAMES_OF_AZURE = ("login.microsoftonline.com", "*.queue.core.windows.net")
_VALID_FOR = timedelta(days=7)
_CLOCKS_DIFFER_BY = timedelta(hours=1)


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a new self-signed certificate for this machine's loopback address, and its key, as PEM files.

    It is good for the names in Azure, too, which the servers here stand in for.

    A client trusts it through `SSL_CERT_FILE`: https://docs.openssl.org/3.5/man7/openssl-env/.
    Python verifies strictly, so the certificate has every extension that RFC 5280 asks for:
    https://docs.python.org/3/library/ssl.html#ssl.VERIFY_X509_STRICT.

    Returns:
        Where the certificate and the key are.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, LOOPBACK)])
    now = datetime.now(UTC)
    names = [x509.IPAddress(ipaddress.ip_address(LOOPBACK)), *map(x509.DNSName, _NAMES_OF_AZURE)]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS_DIFFER_BY)
        .not_valid_after(now + _VALID_FOR)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True)
    certificate_file, key_file = folder / CERTIFICATE, folder / KEY
    key_file.touch(mode=0o600)
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return certificate_file, key_file
