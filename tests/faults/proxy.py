"""A way to a server that can be cut, as a firewall does with what was silent for too long."""

import socket
import threading
from contextlib import suppress


class Proxy:
    """Passes bytes on between whoever connects to `port` and the server."""

    def __init__(self, server_port: int) -> None:
        self.server_port = server_port
        self.lines: list[socket.socket] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        self.waiter = threading.Thread(target=self._accept, daemon=True)
        self.waiter.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self.listener.accept()
                onward = socket.create_connection(("127.0.0.1", self.server_port))
                self.lines += [line, onward]
                for here, there in ((line, onward), (onward, line)):
                    threading.Thread(target=_pass_on, args=(here, there), daemon=True).start()

    def cut(self) -> int:
        """Every connection there is; new ones come through. How many it were."""
        lines, self.lines = self.lines, []
        for line in lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()
        return len(lines) // 2

    def close(self) -> None:
        # A thread that waits for the next one wakes of this only.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.waiter.join()
        self.listener.close()
        self.cut()


def _pass_on(here: socket.socket, there: socket.socket) -> None:
    with suppress(OSError):
        while content := here.recv(65536):
            there.sendall(content)
    with suppress(OSError):
        there.shutdown(socket.SHUT_RDWR)
