"""Sandboxes that one user makes, each an application of its own, which ask for more than anybody needs.

Arguments: `bus` or `http`, the path of the socket, the user, how many sandboxes, and how many requests each makes. Needs root, who
puts on the sandboxes what a user's namespaces would. Every line of standard output is a refusal in its words; what is not refused
waits until this program ends. Ends with its standard input.
"""

import ctypes
import os
import signal
import socket
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

CLIENT = "org.pushcai.Client1"
PATH = "/org/pushcai/Client"
WAIT = 300
PR_SET_PDEATHSIG = 1


def enter(number, directory, user):
    """Becomes the user in a sandbox that says what it is called. The directory outside is still at hand."""
    os.chdir(directory)
    root = f"{sandboxes}/{number}"
    os.mkdir(root)
    with open(f"{root}/.flatpak-info", "w") as description:
        description.write(f"[Application]\nname=org.example.S{number}\n")
    os.chroot(root)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    # It ends with this program, however that ends.
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def refused(words):
    os.write(1, f"refused: {words}\n".encode())


def flood_bus(name, requests, entered):
    import dbus
    import dbus.bus
    import dbus.mainloop.glib
    from gi.repository import GLib

    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    bus = dbus.bus.BusConnection(f"unix:path={name}")
    client = dbus.Interface(bus.get_object(CLIENT, PATH, introspect=False), CLIENT)
    try:
        client.List({}, signature="a{sv}")
    except dbus.DBusException as error:
        refused(error.get_dbus_message())
    entered()
    for _ in range(requests):
        client.Fetch(
            "", dbus.UInt32(1), dbus.UInt32(WAIT * 1000), reply_handler=lambda events: None, timeout=WAIT * 2,
            error_handler=lambda error: refused(error.get_dbus_message()),
        )
    GLib.MainLoop().run()


def flood_http(name, requests, entered):
    known = threading.Barrier(requests)

    def answer(connection, request):
        try:
            connection.sendall(f"GET {request} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            return connection.recv(65536).decode().replace("\r\n", " ")
        except OSError:
            return ""

    def ask(number):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(name)
            heard = answer(connection, "/v1/status")
            known.wait()
            if number == 0:
                entered()
            if heard.startswith("HTTP/1.1 200 "):
                heard = answer(connection, f"/v1/events?fetch=1&wait={WAIT}")
            refused(heard or "closed without a word")

    with ThreadPoolExecutor(requests) as pool:
        list(pool.map(ask, range(requests)))


road, path, user, count, requests = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
directory, name = os.path.split(path)
flood = {"bus": flood_bus, "http": flood_http}[road]
libc = ctypes.CDLL(None)
children = []
with tempfile.TemporaryDirectory() as sandboxes:
    os.chmod(sandboxes, 0o755)
    if road == "bus":
        # Nothing is found any more from inside.
        import dbus.mainloop.glib  # noqa: F401
        from gi.repository import GLib  # noqa: F401
    for number in range(count):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            enter(number, directory, user)
            flood(name, requests, lambda: os.close(writer))
            os._exit(0)
        children.append(child)
        os.close(writer)
        # One after the other, so that each is known before the next one comes.
        os.read(reader, 1)
        os.close(reader)
    sys.stdin.read()
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
