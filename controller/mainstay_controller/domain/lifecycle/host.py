"""The connection status of a host.  Alert: under suspicion.  Down: proven dead, and only a new session leads out of it."""

from __future__ import annotations

from enum import StrEnum

from mainstay_controller.domain.states import HostState


class HostEvent(StrEnum):
    AGENT_CONNECTED = "AgentConnected"
    READY = "Ready"  # its guests are reconciled with our rows
    PING = "Ping"  # heard again in the same session
    PING_TIMEOUT = "PingTimeout"
    AGENT_DISCONNECTED = "AgentDisconnected"
    SHUTDOWN_REQUESTED = "ShutdownRequested"  # its agent said goodbye
    HOST_DOWN = "HostDown"  # proven
    START_AGENT_REBALANCE = "StartAgentRebalance"
    REBALANCE_FAILED = "RebalanceFailed"
    ERROR = "Error"  # it could not be taken in
    REMOVE = "Remove"


S, E = HostState, HostEvent

TRANSITIONS: dict[tuple[HostState, HostEvent], HostState] = {
    (S.CREATING, E.AGENT_CONNECTED): S.CONNECTING,
    (S.CREATING, E.ERROR): S.ERROR,
    (S.CREATING, E.REMOVE): S.REMOVED,
    #
    (S.CONNECTING, E.AGENT_CONNECTED): S.CONNECTING,
    (S.CONNECTING, E.READY): S.UP,
    (S.CONNECTING, E.PING_TIMEOUT): S.ALERT,
    (S.CONNECTING, E.AGENT_DISCONNECTED): S.ALERT,
    (S.CONNECTING, E.SHUTDOWN_REQUESTED): S.DISCONNECTED,
    (S.CONNECTING, E.REMOVE): S.REMOVED,
    #
    (S.UP, E.AGENT_CONNECTED): S.CONNECTING,
    (S.UP, E.PING_TIMEOUT): S.ALERT,
    (S.UP, E.AGENT_DISCONNECTED): S.ALERT,
    (S.UP, E.SHUTDOWN_REQUESTED): S.DISCONNECTED,
    (S.UP, E.START_AGENT_REBALANCE): S.REBALANCING,
    (S.UP, E.REMOVE): S.REMOVED,
    #
    (S.DISCONNECTED, E.AGENT_CONNECTED): S.CONNECTING,
    (S.DISCONNECTED, E.PING_TIMEOUT): S.ALERT,
    (S.DISCONNECTED, E.AGENT_DISCONNECTED): S.ALERT,
    (S.DISCONNECTED, E.REMOVE): S.REMOVED,
    #
    (S.ALERT, E.AGENT_CONNECTED): S.CONNECTING,
    (S.ALERT, E.PING): S.UP,
    (S.ALERT, E.HOST_DOWN): S.DOWN,
    (S.ALERT, E.REMOVE): S.REMOVED,
    #
    (S.DOWN, E.AGENT_CONNECTED): S.CONNECTING,
    (S.DOWN, E.REMOVE): S.REMOVED,
    #
    (S.REBALANCING, E.AGENT_CONNECTED): S.CONNECTING,
    (S.REBALANCING, E.REBALANCE_FAILED): S.DISCONNECTED,
    (S.REBALANCING, E.PING_TIMEOUT): S.ALERT,
    (S.REBALANCING, E.AGENT_DISCONNECTED): S.ALERT,
    #
    (S.ERROR, E.AGENT_CONNECTED): S.CONNECTING,
    (S.ERROR, E.REMOVE): S.REMOVED,
}
