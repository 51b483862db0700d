"""From the stream into a service: each event once, each aggregate in order (reliability O6 to O8).

Up to 256 events share one transaction with their inbox rows, the sequence gate and the handlers'
effects; they are acknowledged after its commit. Where each is its aggregate's next, as nearly
always, gate and inbox take two statements; any other batch goes the careful way, which finds for
each event what is to be done. The gate of an aggregate begins at 0: its first event is number 1. An
event that comes before its turn is given back for a while; when the ones before it have not come
within `gap_grace`, the publisher's record is read (bootstrap.py); what is not there either is
parked with the cause "gap" until someone redrives or discards it.
"""

from shared.messaging.handling import Handlers, ReadModel, Received, Together
from shared.messaging.inbox.consuming import Inbox
from shared.messaging.inbox.verdicts import Ack, Nak, Term, Verdict

__all__ = [
    "Ack",
    "Handlers",
    "Inbox",
    "Nak",
    "ReadModel",
    "Received",
    "Term",
    "Together",
    "Verdict",
]
