/*
 * The application and the floor of the D-Bus benchmark, on sd-bus.
 *
 *     bus receive ADDRESS STRIDE   takes events as org.pushcai.Handler1 and answers `accepted`
 *     bus agent ADDRESS STRIDE     takes pushes as the push agent of oFono's modem
 *     bus call ADDRESS COUNT WINDOW
 *                                  calls the receiver as the daemon does: so often, so many calls under way
 *
 * A receiver writes the time (CLOCK_MONOTONIC, nanoseconds, eight octets) to its standard output: once, as soon as it can be called,
 * and at each call whose number is a multiple of the stride. The time is taken when the call is there, and written when it is answered.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#define NAME "org.example.Bench"
#define HANDLER_PATH "/org/pushcai/Handler"
#define HANDLER_INTERFACE "org.pushcai.Handler1"
#define AGENT_PATH "/org/example/Bench"
#define AGENT_INTERFACE "org.ofono.PushNotificationAgent"

static uint64_t stride;
static uint64_t events;
static uint64_t to_send;
static uint64_t answered;
static const char *receiver;

static int check(const char *what, int result)
{
	if (result < 0) {
		fprintf(stderr, "%s: %s\n", what, strerror(-result));
		exit(1);
	}
	return result;
}

static uint64_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void tell(uint64_t time)
{
	if (write(STDOUT_FILENO, &time, sizeof time) != sizeof time)
		exit(1);
}

static void count(sd_bus_message *call, uint64_t time)
{
	events += 1;
	if (events % stride != 0)
		return;
	check("flush", sd_bus_flush(sd_bus_message_get_bus(call)));
	tell(time);
}

/* Looks at every entry, and at the content of the event as an application does. */
static size_t read_event(sd_bus_message *call)
{
	size_t length = 0;
	check("map", sd_bus_message_enter_container(call, 'a', "{sv}"));
	while (check("entry", sd_bus_message_enter_container(call, 'e', "sv")) > 0) {
		const char *key;
		check("key", sd_bus_message_read(call, "s", &key));
		if (strcmp(key, "content") == 0) {
			const void *content;
			check("variant", sd_bus_message_enter_container(call, 'v', "ay"));
			check("content", sd_bus_message_read_array(call, 'y', &content, &length));
			check("variant", sd_bus_message_exit_container(call));
		} else {
			check("value", sd_bus_message_skip(call, "v"));
		}
		check("entry", sd_bus_message_exit_container(call));
	}
	check("map", sd_bus_message_exit_container(call));
	return length;
}

static int push_event(sd_bus_message *call, void *data, sd_bus_error *error)
{
	uint64_t time = now();
	(void)data;
	(void)error;
	if (read_event(call) == 0)
		return sd_bus_reply_method_errorf(call, "org.example.NoContent", "no content");
	check("reply", sd_bus_reply_method_return(call, "a{sv}", 1, "outcome", "s", "accepted"));
	count(call, time);
	return 1;
}

static int receive_notification(sd_bus_message *call, void *data, sd_bus_error *error)
{
	uint64_t time = now();
	const void *content;
	size_t length;
	(void)data;
	(void)error;
	check("content", sd_bus_message_read_array(call, 'y', &content, &length));
	check("reply", sd_bus_reply_method_return(call, ""));
	count(call, time);
	return 1;
}

static int release(sd_bus_message *call, void *data, sd_bus_error *error)
{
	(void)data;
	(void)error;
	return sd_bus_reply_method_return(call, "");
}

static const sd_bus_vtable handler[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("PushEvent", "a{sv}", "a{sv}", push_event, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

static const sd_bus_vtable agent[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("ReceiveNotification", "aya{sv}", "", receive_notification, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Release", "", "", release, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

static sd_bus *connect_to(const char *address)
{
	sd_bus *bus;
	check("new", sd_bus_new(&bus));
	check("address", sd_bus_set_address(bus, address));
	check("client", sd_bus_set_bus_client(bus, 1));
	check("start", sd_bus_start(bus));
	return bus;
}

static void work(sd_bus *bus)
{
	if (check("process", sd_bus_process(bus, NULL)) == 0)
		check("wait", sd_bus_wait(bus, UINT64_MAX));
}

static void serve(sd_bus *bus)
{
	tell(now());
	for (;;)
		work(bus);
}

static void receive(sd_bus *bus)
{
	check("object", sd_bus_add_object_vtable(bus, NULL, HANDLER_PATH, HANDLER_INTERFACE, handler, NULL));
	check("name", sd_bus_request_name(bus, NAME, 0));
	serve(bus);
}

static void receive_as_agent(sd_bus *bus)
{
	check("object", sd_bus_add_object_vtable(bus, NULL, AGENT_PATH, AGENT_INTERFACE, agent, NULL));
	check("agent", sd_bus_call_method(bus, "org.ofono", "/phonesim", "org.ofono.PushNotification", "RegisterAgent", NULL,
					  NULL, "o", AGENT_PATH));
	serve(bus);
}

static int on_answer(sd_bus_message *answer, void *data, sd_bus_error *error);

static void entry(sd_bus_message *call, const char *key, const char *value)
{
	check("entry", sd_bus_message_append(call, "{sv}", key, "s", value));
}

/* The content of the push with this number in corpus.rs: as long as there, which the number says. */
static void content(sd_bus_message *call, uint32_t number)
{
	uint8_t octets[8 + 60 + 128];
	size_t length = 8 + 60 + (number * 2654435761u >> 25);
	memset(octets, 'x', length);
	check("entry", sd_bus_message_open_container(call, 'e', "sv"));
	check("key", sd_bus_message_append(call, "s", "content"));
	check("variant", sd_bus_message_open_container(call, 'v', "ay"));
	check("content", sd_bus_message_append_array(call, 'y', octets, length));
	check("variant", sd_bus_message_close_container(call));
	check("entry", sd_bus_message_close_container(call));
}

/* The headers of the push with this number in corpus.rs. */
static void headers(sd_bus_message *call, uint32_t number)
{
	check("entry", sd_bus_message_open_container(call, 'e', "sv"));
	check("key", sd_bus_message_append(call, "s", "headers"));
	check("variant", sd_bus_message_open_container(call, 'v', "a(ss)"));
	check("headers", sd_bus_message_open_container(call, 'a', "(ss)"));
	check("header", sd_bus_message_append(call, "(ss)", "X-Wap-Application-Id", "x-bench:meter.reading"));
	check("header", sd_bus_message_append(call, "(ss)", "Push-Flag", "1"));
	if (number % 3 == 0)
		check("header", sd_bus_message_append(call, "(ss)", "X-Wap-Initiator-URI", "http://pi.example.net/service/7"));
	if (number % 5 == 0)
		check("header", sd_bus_message_append(call, "(ss)", "Expires", "Sun, 22 Nov 2026 12:00:00 GMT"));
	check("headers", sd_bus_message_close_container(call));
	check("variant", sd_bus_message_close_container(call));
	check("entry", sd_bus_message_close_container(call));
}

/*
 * A call with the entries of an event of the daemon, each as long as there, and by the receiver's unique name as there. The pushes are
 * those that the daemon is sent: every fourth of corpus.rs, from the one with the number 3 on.
 */
static void begin(sd_bus *bus)
{
	static uint32_t number = 3;
	sd_bus_message *call;
	to_send -= 1;
	check("call", sd_bus_message_new_method_call(bus, &call, receiver, HANDLER_PATH, HANDLER_INTERFACE, "PushEvent"));
	check("map", sd_bus_message_open_container(call, 'a', "{sv}"));
	entry(call, "id", "0000000000000001");
	entry(call, "registrationID", "0000000000000001");
	entry(call, "pushApplicationID", "x-bench:meter.reading");
	entry(call, "contentType", "text/plain");
	check("entry", sd_bus_message_append(call, "{sv}", "parameters", "a{ss}", 1, "charset", "utf-8"));
	content(call, number);
	headers(call, number);
	number += 4;
	entry(call, "protocol", "OTA-WSP");
	entry(call, "bearer", "IP");
	entry(call, "server", "127.0.0.1");
	entry(call, "sender", "127.0.0.1");
	check("entry", sd_bus_message_append(call, "{sv}", "dstPort", "q", 2948));
	check("entry", sd_bus_message_append(call, "{sv}", "srcPort", "q", 9200));
	check("entry", sd_bus_message_append(call, "{sv}", "received", "t", (uint64_t)1795000000000));
	check("entry", sd_bus_message_append(call, "{sv}", "attempt", "u", 1));
	entry(call, "trust", "authenticated");
	check("map", sd_bus_message_close_container(call));
	check("send", sd_bus_call_async(bus, NULL, call, on_answer, NULL, 0));
	sd_bus_message_unref(call);
}

static int on_answer(sd_bus_message *answer, void *data, sd_bus_error *error)
{
	(void)data;
	(void)error;
	if (sd_bus_message_is_method_error(answer, NULL)) {
		fprintf(stderr, "refused: %s\n", sd_bus_message_get_error(answer)->message);
		exit(1);
	}
	answered += 1;
	if (to_send > 0)
		begin(sd_bus_message_get_bus(answer));
	return 1;
}

static void call(sd_bus *bus, uint64_t calls, uint64_t window)
{
	sd_bus_message *owner;
	check("owner", sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetNameOwner", NULL,
					  &owner, "s", NAME));
	check("owner", sd_bus_message_read(owner, "s", &receiver));
	to_send = calls;
	for (uint64_t under_way = 0; under_way < window && to_send > 0; under_way++)
		begin(bus);
	while (answered < calls)
		work(bus);
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	sd_bus *bus = connect_to(argv[2]);
	stride = strtoull(argv[3], NULL, 10);
	if (strcmp(argv[1], "receive") == 0)
		receive(bus);
	else if (strcmp(argv[1], "agent") == 0)
		receive_as_agent(bus);
	else if (argc > 4)
		call(bus, stride, strtoull(argv[4], NULL, 10));
	return 0;
}
