"""Every aggregate by its repository's name: its record, what must be unique in it, and what is often looked up.

One list for all stores: the SQL tables and the memory store are made from it.  A new noun is a record, a line here,
an attribute in `port.Store` and a migration."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay_controller.domain import records as r


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`unique`: groups of fields; a row with None in one of a group's fields is not compared.  `indexed`: groups too."""

    record: type
    unique: tuple[tuple[str, ...], ...] = ()
    indexed: tuple[tuple[str, ...], ...] = ()


AGGREGATES: dict[str, Aggregate] = {
    "zones": Aggregate(r.Zone),
    "pods": Aggregate(r.Pod, indexed=(("zone_id",),)),
    "clusters": Aggregate(r.Cluster, indexed=(("zone_id",), ("pod_id",))),
    "hosts": Aggregate(r.Host, indexed=(("cluster_id",), ("state",), ("controller_id",))),
    "out_of_band": Aggregate(r.OutOfBand),
    "pools": Aggregate(r.StoragePool, indexed=(("cluster_id",), ("zone_id",))),
    "lease_slots": Aggregate(r.LeaseSlot, unique=(("pool_id", "slot"),), indexed=(("host_id",),)),
    "volumes": Aggregate(r.Volume, indexed=(("vm_id",), ("pool_id",), ("account_id",))),
    "service_offerings": Aggregate(r.ServiceOffering),
    "templates": Aggregate(r.Template),
    "vms": Aggregate(r.Vm, indexed=(("host_id",), ("state",), ("account_id",), ("created",))),
    "disk_offerings": Aggregate(r.DiskOffering),
    "image_stores": Aggregate(r.ImageStore),
    "key_pairs": Aggregate(r.KeyPair, unique=(("account_id", "name"),)),
    "user_data": Aggregate(r.UserData, unique=(("account_id", "name"),)),
    "affinity_groups": Aggregate(r.AffinityGroup, unique=(("account_id", "name"),)),
    "tags": Aggregate(r.ResourceTag, unique=(("resource_id", "key"),), indexed=(("account_id",),)),
    "physical_networks": Aggregate(r.PhysicalNetwork, indexed=(("zone_id",),)),
    "traffic_types": Aggregate(r.TrafficType, unique=(("physical_network_id", "traffic_type"),)),
    "service_providers": Aggregate(r.ServiceProvider, unique=(("physical_network_id", "name"),)),
    "network_offerings": Aggregate(r.NetworkOffering),
    "networks": Aggregate(r.Network, indexed=(("zone_id",), ("account_id",))),
    "ip_ranges": Aggregate(r.IpRange, indexed=(("zone_id",), ("network_id",))),
    "ip_addresses": Aggregate(r.IpAddress, unique=(("space", "address"),), indexed=(("account_id",), ("vm_id",))),
    "firewall_rules": Aggregate(r.FirewallRule, indexed=(("ip_address_id",), ("network_id",))),
    "security_groups": Aggregate(r.SecurityGroup, unique=(("account_id", "name"),)),
    "jobs": Aggregate(r.Job, indexed=(("state", "created"), ("owner_id",), ("serial_key",), ("instance_id",))),
    "events": Aggregate(r.Event, indexed=(("created",), ("account_id",), ("resource_id",))),
    "alerts": Aggregate(r.Alert, indexed=(("created",), ("dedupe_key",))),
    "incidents": Aggregate(r.Incident, indexed=(("phase",), ("host_id",), ("vm_id",))),
    "decisions": Aggregate(r.Decision, unique=(("incident_id", "vm_id"),), indexed=(("vm_id",), ("outcome",))),
    "domains": Aggregate(r.DomainRecord),
    "accounts": Aggregate(r.Account, indexed=(("domain_id",),)),
    "users": Aggregate(r.User, unique=(("api_key",),), indexed=(("account_id",), ("username",))),
    "projects": Aggregate(r.Project, unique=(("account_id",),), indexed=(("owner_id",),)),
    "roles": Aggregate(r.RoleRecord, unique=(("name",),)),
    "resource_limits": Aggregate(r.ResourceLimit, indexed=(("owner_id",),)),
    "login_sessions": Aggregate(r.LoginSession, indexed=(("user_id",),)),
    "downloads": Aggregate(r.Download, indexed=(("expires",),)),
    "console_tickets": Aggregate(r.ConsoleTicket, indexed=(("expires",),)),
    "call_windows": Aggregate(r.CallWindow),
    "certificates": Aggregate(r.IssuedCertificate, indexed=(("subject_id",),)),
    "enrolment_tokens": Aggregate(r.EnrolmentToken),
    "settings": Aggregate(r.Setting, indexed=(("name",),)),
    "secrets": Aggregate(r.Secret),
    "controllers": Aggregate(r.Controller),
}
