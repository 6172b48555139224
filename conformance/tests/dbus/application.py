"""An event handler on D-Bus that is started for its events, writes down what it accepts, and ends when nothing comes.

Arguments: the bus (session or system), the name, the file to write to, and what it is to do, once:

- accept: nothing but that;
- refuse: answer contents that begin with `!` by an error, always;
- start: die before it owns its name;
- before, during, after: die at a content that begins with `!`: without a reply, with a reply that is half written, with a whole one;
- stay: never end;
- hold-start, hold: not own its name, or not answer on a content that begins with `!`, until the file's `.go` is there.

While the file's `.kept` is there, it does not end.
"""

import hashlib
import os
import signal
import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

scope, name, file, mischief = sys.argv[1:5]
# More than a socket takes at once.
LARGE = "x" * (4 << 20)


def write(word, content):
    with open(file, "a") as log:
        log.write(f"{word} {os.getpid()} {content}\n")
        log.flush()
        os.fsync(log.fileno())


def times(word, content):
    with open(file) as log:
        return sum(line.split()[0::2] == [word, content] for line in log)


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def when_released(then):
    def look():
        if not os.path.exists(file + ".go"):
            return True
        then()
        return False

    if look():
        GLib.timeout_add(10, look)


def content_of(event):
    """The content, and the way that it came; what is long is told by its beginning, its length and its hash."""
    if "contentFd" in event:
        with os.fdopen(event["contentFd"].take(), "rb") as content:
            octets, way = content.read(), "described"
    else:
        octets, way = bytes(event["content"]), "inline"
    if len(octets) > 100:
        return f"{octets[:8].decode()}:{len(octets)}:{hashlib.sha1(octets).hexdigest()}", way
    return octets.decode(), way


class Handler(dbus.service.Object):
    @dbus.service.method(
        "org.pushcai.Handler1", in_signature="a{sv}", out_signature="a{sv}", async_callbacks=("reply", "fail")
    )
    def PushEvent(self, event, reply, fail):
        content, way = content_of(event)
        write(way, content)
        quiet()
        is_odd = content.startswith("!")
        if is_odd and mischief == "refuse":
            fail(dbus.DBusException("out of order", name="org.example.Error.OutOfOrder"))
        elif is_odd and mischief == "hold":
            when_released(lambda: accept(content, reply))
        elif is_odd and mischief in ("before", "during", "after") and times(way, content) == 1:
            leave(content, reply)
        else:
            accept(content, reply)

    @dbus.service.method("org.pushcai.Handler1", in_signature="ss")
    def RegistrationLost(self, registration, cause):
        write(cause, registration)
        quiet()


def accept(content, reply, detail=""):
    write("accepted", content)
    reply(dbus.Dictionary({"outcome": "accepted", "detail": detail}, signature="sv"))


def leave(content, reply):
    if mischief == "during":
        # What does not fit into the socket is never written: nothing runs between the two.
        reply(dbus.Dictionary({"outcome": "accepted", "detail": LARGE}, signature="sv"))
    if mischief == "after":
        accept(content, reply)
        bus.flush()
    die()


def quiet():
    """Ends when no event has come for a while."""
    global timer
    if timer:
        GLib.source_remove(timer)
    timer = 0 if mischief == "stay" else GLib.timeout_add(500, end)


def end():
    if os.path.exists(file + ".kept"):
        return True
    loop.quit()
    return False


def own():
    global owned
    owned = dbus.service.BusName(name, bus)
    quiet()


timer = 0
write("born", "-")
if mischief == "start" and times("born", "-") == 1:
    die()
dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
loop = GLib.MainLoop()
bus = dbus.SessionBus() if scope == "session" else dbus.SystemBus()
handler = Handler(bus, "/org/pushcai/Handler")
if mischief == "hold-start":
    when_released(own)
else:
    own()
loop.run()
bus.flush()
