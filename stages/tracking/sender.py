"""The thread that sends a spool while its run goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable

from stages.errors import UserError
from stages.tracking.delivery import Delivery, deliver_others
from stages.tracking.spool import ROOT, Spool, warn
from stages.tracking.store import prepare


class Sender(threading.Thread):
    """Sends a spool while its run goes on, and what others left behind."""

    def __init__(self, spool: Spool, begin: Callable[[], None], seconds: float):
        super().__init__(name="mlflow", daemon=True)
        self.delivery, self.begin, self.seconds = Delivery(spool), begin, seconds
        self.ending = threading.Event()
        self.tries = 0

    def run(self) -> None:
        """Send from time to time until `ending`, then once more, and let the spool go."""
        try:
            self.begin()
            self._send()
        finally:
            self.delivery.leave()

    def _send(self) -> None:
        client, alone, warned = None, False, False
        while True:
            last = self.ending.is_set()
            try:
                client = client or prepare()
                self.delivery.send(client)
                if not alone:
                    deliver_others(client)
                    alone = True
            except UserError as error:
                client = None
                if not warned:
                    warn(
                        f"{error} Training goes on: what it logs is kept in {ROOT} and sent when "
                        "the store answers, or by `python -m stages.deliver`."
                    )
                warned = True
            self.tries += 1
            if last:
                return
            self.ending.wait(self.seconds)
