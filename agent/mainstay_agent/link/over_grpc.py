"""The agent's session over gRPC: method, words and certificate put together."""

from __future__ import annotations

from mainstay_proto import codec
from mainstay_proto.messages import Down, Up
from mainstay_runtime.channel import GrpcTransport
from mainstay_runtime.enrolment import Credentials

SESSION = "/mainstay.agent.v1.Agents/Session"


def over_grpc(credentials: Credentials) -> GrpcTransport[Up, Down]:
    return GrpcTransport(SESSION, codec.up, codec.down, lambda: credentials.current)
