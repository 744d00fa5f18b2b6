"""Since when have all other controllers been heard?"""

from __future__ import annotations

from mainstay_controller.domain.ids import ControllerId
from mainstay_controller.fleet.elsewhere import Elsewhere
from mainstay_proto.peers import Pictures

C2, C3 = ControllerId("c2"), ControllerId("c3")
ADDRESSES = {C2: "c2:8250", C3: "c3:8250"}
NOTHING_NEW = Pictures(life="1", upto=0, hosts=())


def heard(elsewhere: Elsewhere, *heard: tuple[ControllerId, float]) -> None:
    for controller_id, at in heard:
        elsewhere.heard(controller_id, NOTHING_NEW, at)


def test_with_nobody_else_there_is_no_silence() -> None:
    assert Elsewhere().heard_since(100.0) == float("-inf")


def test_one_that_is_silent_is_heard_since_it_speaks_again() -> None:
    elsewhere = Elsewhere()
    elsewhere.know(ADDRESSES, 100.0)
    heard(elsewhere, (C2, 101.0), (C3, 101.0))
    assert elsewhere.heard_since(102.0) == float("-inf")

    heard(elsewhere, (C2, 105.0))
    assert elsewhere.heard_since(105.0) == 105.0

    heard(elsewhere, (C3, 111.0), (C2, 111.5))
    assert elsewhere.heard_since(112.0) == 111.5


def test_the_silence_of_one_that_lives_no_longer_is_over() -> None:
    elsewhere = Elsewhere()
    elsewhere.know(ADDRESSES, 100.0)
    heard(elsewhere, (C2, 109.0), (C3, 101.0))

    elsewhere.know({C2: "c2:8250"}, 110.0)

    assert elsewhere.heard_since(111.0) == 110.0
