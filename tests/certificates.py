"""Certificates and keys for a federation on this machine: a CA, a server, and keys of nodes.

They show what Flower's TLS and node authentication need. A real federation gets its certificates
from its own CA, with the server's real name, and each node makes its own key.
"""

import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from zowarmup.common.files import atomic_write_bytes

CA, CERTIFICATE, KEY = "ca.pem", "server.pem", "server.key"
HOST = "127.0.0.1"
DAYS = 30


def write_server(folder: Path) -> None:
    """Write a CA's certificate, and a signed one for 127.0.0.1 with its key."""
    ca_key, key = (ec.generate_private_key(ec.SECP384R1()) for _ in range(2))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "zowarmup local CA")])
    server = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    ca = (
        _builder(name, name, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(ca_key, hashes.SHA384())
    )
    hosts = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))])
    signed = (
        _builder(server, name, key.public_key())
        .add_extension(hosts, critical=False)
        .sign(ca_key, hashes.SHA384())
    )
    pem = serialization.Encoding.PEM
    atomic_write_bytes(folder / CA, ca.public_bytes(pem))
    atomic_write_bytes(folder / CERTIFICATE, signed.public_bytes(pem))
    atomic_write_bytes(folder / KEY, _private(key))


def write_node(folder: Path, name: str) -> tuple[Path, Path]:
    """Write the private and the public key of a node; return both files."""
    key = ec.generate_private_key(ec.SECP384R1())
    private, public = folder / name, folder / f"{name}.pub"
    ssh = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    openssh = serialization.PrivateFormat.OpenSSH
    none = serialization.NoEncryption()
    atomic_write_bytes(private, key.private_bytes(serialization.Encoding.PEM, openssh, none))
    atomic_write_bytes(public, key.public_key().public_bytes(*ssh))
    return private, public


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=DAYS))
    )


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    form, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, none)
