"""SSH key pairs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated

from mainstay_controller.api.access import EVERYBODY, USERS, Caller, owner_named
from mainstay_controller.api.answers import Success
from mainstay_controller.api.listing import ScopedListing, listing
from mainstay_controller.api.parameters import Filter, Length
from mainstay_controller.api.registry import command
from mainstay_controller.api.views import groups as views
from mainstay_controller.api.views import one
from mainstay_controller.domain.ids import DomainId, KeyPairId
from mainstay_controller.domain.records import KeyPair
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.vms import key_pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSshKeyPairs(ScopedListing):
    """Lists SSH key pairs."""

    id: Annotated[KeyPairId | None, "the ID of the key pair", Filter()] = None
    name: Annotated[str | None, "the name of the key pair", Filter()] = None
    fingerprint: Annotated[str | None, "its fingerprint", Filter()] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedKeyPair:
    name: Annotated[str, "the name of the key pair"]
    account: Annotated[str | None, "of this account, with domainid; administrators only"] = None
    domain_id: Annotated[DomainId | None, "the domain of the account"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterSshKeyPair(NamedKeyPair):
    public_key: Annotated[str, "the public key, as in a .pub file", Length(5120)]


list_key_pairs = listing(
    "listSSHKeyPairs",
    request=ListSshKeyPairs,
    rows=lambda store: store.key_pairs,
    view=views.key_pairs,
    roles=EVERYBODY,
    keyword=("name", "fingerprint"),
    fixed=(),
)


@command("createSSHKeyPair", roles=USERS)
async def create(request: NamedKeyPair, caller: Caller, cloud: Cloud) -> views.NewKeyPairView:
    """Makes a key pair; its private key is in this answer and nowhere else."""
    owner = await owner_named(caller, request.account, request.domain_id, cloud.store)
    made = await key_pairs.make_key_pair(request.name, owner, cloud)
    return await _new(made.key_pair, caller, cloud, made.private_key)


@command("registerSSHKeyPair", roles=USERS)
async def register(request: RegisterSshKeyPair, caller: Caller, cloud: Cloud) -> views.NewKeyPairView:
    """Registers a public key."""
    owner = await owner_named(caller, request.account, request.domain_id, cloud.store)
    pair = await key_pairs.register_key_pair(request.name, request.public_key, owner, cloud)
    return await _new(pair, caller, cloud)


@command("deleteSSHKeyPair", roles=USERS)
async def delete(request: NamedKeyPair, caller: Caller, cloud: Cloud) -> Success:
    """Deletes a key pair; virtual machines that have it keep it."""
    owner = await owner_named(caller, request.account, request.domain_id, cloud.store)
    pair = await key_pairs.key_pair_named(request.name, owner, cloud)
    await cloud.store.key_pairs.remove(pair.id)
    return Success()


async def _new(pair: KeyPair, caller: Caller, cloud: Cloud, private_key: str | None = None) -> views.NewKeyPairView:
    shown = await one(views.key_pairs, pair, caller, cloud)
    return views.NewKeyPairView(**asdict(shown), private_key=private_key)


COMMANDS = (list_key_pairs, create, register, delete)
