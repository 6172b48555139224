"""A polkit for tests: it says the same to every question (allow, deny, challenge), or nothing (slow), and writes the questions down."""

import json
import sys

import dbus
import dbus.service
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

NAME = "org.freedesktop.PolicyKit1"
INTERFACE = NAME + ".Authority"
VERDICTS = {"allow": (True, False), "deny": (False, False), "challenge": (False, True)}

verdict = VERDICTS.get(sys.argv[1])


class Authority(dbus.service.Object):
    @dbus.service.method(
        INTERFACE, in_signature="(sa{sv})sa{ss}us", out_signature="(bba{ss})", async_callbacks=("reply", "fail")
    )
    def CheckAuthorization(self, subject, action, details, flags, cancellation, reply, fail):
        kind, properties = subject
        question = [kind, properties["name"], action, int(flags), cancellation]
        print(json.dumps(question), flush=True)
        if verdict:
            reply((*verdict, dbus.Dictionary({}, signature="ss")))

    @dbus.service.method(INTERFACE, in_signature="s")
    def CancelCheckAuthorization(self, cancellation):
        print(json.dumps(["cancelled", cancellation]), flush=True)


DBusGMainLoop(set_as_default=True)
bus = dbus.SystemBus()
name = dbus.service.BusName(NAME, bus)
authority = Authority(bus, "/org/freedesktop/PolicyKit1/Authority")
print(json.dumps(["ready"]), flush=True)
GLib.MainLoop().run()
