"""The words at the enrolment port, spoken by those who hold no certificate that TLS accepts."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay_proto.messages import Certificate, Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolRequest:
    """Answered with Certificate or Refused (token-unknown, token-used, token-expired, bad-input)."""

    token: str
    csr_pem: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewRequest:
    """From the holder of a certificate that TLS refuses, expired or not: `signature` over the CSR by the old key proves the holding.

    Answered with Certificate or Refused (wrong-ca, wrong-identity, unknown-identity, revoked, bad-input)."""

    certificate_pem: bytes
    csr_pem: bytes
    signature: bytes


EnrolReply = Certificate | Refused
