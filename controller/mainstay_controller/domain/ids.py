"""Identities.  Every one is a UUID as text; NewTypes keep them apart."""

from typing import NewType

ZoneId = NewType("ZoneId", str)
PodId = NewType("PodId", str)
ClusterId = NewType("ClusterId", str)
HostId = NewType("HostId", str)
PoolId = NewType("PoolId", str)
OfferingId = NewType("OfferingId", str)
TemplateId = NewType("TemplateId", str)
VmId = NewType("VmId", str)
VolumeId = NewType("VolumeId", str)
NicId = NewType("NicId", str)
JobId = NewType("JobId", str)
EventId = NewType("EventId", str)
AlertId = NewType("AlertId", str)
IncidentId = NewType("IncidentId", str)
DecisionId = NewType("DecisionId", str)
AccountId = NewType("AccountId", str)
UserId = NewType("UserId", str)
DomainId = NewType("DomainId", str)
ControllerId = NewType("ControllerId", str)
