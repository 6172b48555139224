"""An application that calls org.pushcai.Client1 as it is told, and writes down what it hears.

Each line of standard input is a JSON list: an interface, a method and the arguments of a call. Each line of standard output is a
JSON object: the `answer` of a call, its `error` with a `message`, or a `signal` with its `arguments`. The list `["name"]` asks for
the name of its connection.
"""

import json
import sys

import dbus
import dbus.mainloop.glib
from gi.repository import GLib

CLIENT = "org.pushcai.Client1"


def write(**line):
    print(json.dumps(line), flush=True)


def signalled(*arguments, member):
    write(signal=str(member), arguments=arguments)


def failed(error):
    write(error=error.get_dbus_name(), message=error.get_dbus_message())


def typed(value):
    """As D-Bus wants it: maps are of options, numbers are not negative."""
    if isinstance(value, dict):
        return dbus.Dictionary({name: typed(each) for name, each in value.items()}, signature="sv")
    if isinstance(value, list):
        return dbus.Array(map(typed, value), signature=None if value else "s")
    if type(value) is int:
        return dbus.UInt32(value)
    return value


def call(line):
    interface, method, *arguments = json.loads(line)
    if interface == "org.freedesktop.DBus":
        target = bus.get_object(interface, "/org/freedesktop/DBus", introspect=False)
    else:
        target = client
    target.get_dbus_method(method, interface)(
        *map(typed, arguments), reply_handler=lambda *answer: write(answer=answer), error_handler=failed, timeout=60
    )


def read(channel, _):
    line = channel.readline()
    if not line:
        loop.quit()
        return False
    if json.loads(line) == ["name"]:
        write(name=bus.get_unique_name())
    else:
        call(line)
    return True


dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
loop = GLib.MainLoop()
bus = dbus.SystemBus()
for interface in (CLIENT, "org.freedesktop.DBus.Properties"):
    bus.add_signal_receiver(
        signalled, dbus_interface=interface, path="/org/pushcai/Client", member_keyword="member"
    )
client = bus.get_object(CLIENT, "/org/pushcai/Client", introspect=False, follow_name_owner_changes=True)
GLib.io_add_watch(sys.stdin, GLib.PRIORITY_DEFAULT, GLib.IO_IN | GLib.IO_HUP, read)
loop.run()
