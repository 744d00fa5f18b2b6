"""The agent's lines over gRPC: method, words and certificate put together."""

from __future__ import annotations

from mainstay_proto import codec
from mainstay_proto.messages import Down, Up
from mainstay_proto.screens import ScreenPiece
from mainstay_runtime.channel import GrpcTransport
from mainstay_runtime.enrolment import Credentials

SESSION = "/mainstay.agent.v1.Agents/Session"
SCREEN = "/mainstay.agent.v1.Screens/Carry"


def over_grpc(credentials: Credentials) -> GrpcTransport[Up, Down]:
    return GrpcTransport(SESSION, codec.up, codec.down, lambda: credentials.current)


def screens_over_grpc(credentials: Credentials) -> GrpcTransport[ScreenPiece, ScreenPiece]:
    return GrpcTransport(SCREEN, codec.screen_piece, codec.screen_piece, lambda: credentials.current)
