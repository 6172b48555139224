"""An event handler on D-Bus that is started for its events, writes down what it accepts, and ends when nothing comes.

Arguments: the bus (session or system), the name, the file to write to, and what to do with contents that begin with `!`:
`accept` them, `refuse` them by an error, or die `before` or `after` the reply, each once.
"""

import os
import signal
import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

scope, name, file, mischief = sys.argv[1:5]


def write(word, content):
    with open(file, "a") as log:
        log.write(f"{word} {os.getpid()} {content}\n")
        log.flush()
        os.fsync(log.fileno())


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def is_first(content):
    with open(file) as log:
        return sum(line.split()[0::2] == ["got", content] for line in log) == 1


class Handler(dbus.service.Object):
    @dbus.service.method("org.pushcai.Handler1", in_signature="a{sv}", out_signature="a{sv}")
    def PushEvent(self, event):
        content = bytes(event["content"]).decode()
        write("got", content)
        quiet()
        if content.startswith("!"):
            if mischief == "refuse":
                raise dbus.DBusException("out of order", name="org.example.Error.OutOfOrder")
            if mischief == "before" and is_first(content):
                die()
            if mischief == "after" and is_first(content):
                GLib.idle_add(lambda: (bus.flush(), die()))
        write("accepted", content)
        return dbus.Dictionary({"outcome": "accepted"}, signature="sv")


def quiet():
    """Ends when no event has come for a while."""
    global timer
    if timer:
        GLib.source_remove(timer)
    timer = GLib.timeout_add(500, loop.quit)


timer = 0
dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
loop = GLib.MainLoop()
bus = dbus.SessionBus() if scope == "session" else dbus.SystemBus()
handler = Handler(bus, "/org/pushcai/Handler")
owned = dbus.service.BusName(name, bus)
quiet()
loop.run()
bus.flush()
