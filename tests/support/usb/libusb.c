/* A libusb-1.0 for tests: its devices are sockets in a folder, and the other end is Python.

   libccid's USB driver is linked against 22 functions of libusb. Here are these, so that the
   unmodified driver takes a program for hardware. JUKICARD_USB names a folder; a socket BUS-DEVICE
   in it is a device (tests/support/usb/bus.py). The first packet of a connection says what it is for:

     D   device descriptor and configuration descriptor come back, then the end
     C   and a setup packet and data: what the control transfer gives comes back; nothing is a stall
     B   from then on bulk messages, both ways
     I   from then on what the interrupt pipe carries

   The declarations are the binary interface of libusb 1.0. */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

enum { OK = 0, NO_DEVICE = -4, NOT_FOUND = -5, TIMEOUT = -7, OVERFLOWED = -8, PIPE = -9, NO_MEM = -11 };
enum { COMPLETED = 0, TIMED_OUT = 2, CANCELLED = 3, DEVICE_GONE = 5, TOO_LONG = 6 };
enum { DEVICE_BYTES = 18, CONFIGURATION_BYTES = 9, INTERFACE = 4, ENDPOINT = 5, ENDPOINTS = 3 };

struct device_descriptor {
	uint8_t bLength, bDescriptorType;
	uint16_t bcdUSB;
	uint8_t bDeviceClass, bDeviceSubClass, bDeviceProtocol, bMaxPacketSize0;
	uint16_t idVendor, idProduct, bcdDevice;
	uint8_t iManufacturer, iProduct, iSerialNumber, bNumConfigurations;
};

struct endpoint_descriptor {
	uint8_t bLength, bDescriptorType, bEndpointAddress, bmAttributes;
	uint16_t wMaxPacketSize;
	uint8_t bInterval, bRefresh, bSynchAddress;
	const unsigned char *extra;
	int extra_length;
};

struct interface_descriptor {
	uint8_t bLength, bDescriptorType, bInterfaceNumber, bAlternateSetting, bNumEndpoints;
	uint8_t bInterfaceClass, bInterfaceSubClass, bInterfaceProtocol, iInterface;
	const struct endpoint_descriptor *endpoint;
	const unsigned char *extra;
	int extra_length;
};

struct interface {
	const struct interface_descriptor *altsetting;
	int num_altsetting;
};

struct config_descriptor {
	uint8_t bLength, bDescriptorType;
	uint16_t wTotalLength;
	uint8_t bNumInterfaces, bConfigurationValue, iConfiguration, bmAttributes, MaxPower;
	const struct interface *interface;
	const unsigned char *extra;
	int extra_length;
};

struct device {
	int bus, address;
	char path[sizeof ((struct sockaddr_un *) 0)->sun_path];
	unsigned char raw[512];
	size_t size;
};

struct handle {
	struct device *device;
	int bulk, interrupt;
};

struct transfer {
	struct handle *dev_handle;
	uint8_t flags;
	unsigned char endpoint, type;
	unsigned int timeout;
	int status, length, actual_length;
	void (*callback)(struct transfer *);
	void *user_data;
	unsigned char *buffer;
	int num_iso_packets;
};

/* What is allocated for a transfer: around it, how it is cancelled, and the next one under way. */
struct pending {
	struct pending *next;
	int wake;
	struct transfer transfer;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct pending *under_way;
static struct device *devices[16]; /* every device that was ever seen: the driver keeps pointers */

static int connect_for(const char *path, const void *first, size_t size)
{
	struct sockaddr_un where = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	strcpy(where.sun_path, path);
	if (fd >= 0 && !connect(fd, (struct sockaddr *) &where, sizeof where)
			&& send(fd, first, size, MSG_NOSIGNAL) == (ssize_t) size)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static ssize_t ask(const char *path, const void *question, size_t size, void *answer, size_t room)
{
	int fd = connect_for(path, question, size);
	ssize_t got = fd < 0 ? -1 : recv(fd, answer, room, 0);

	if (fd >= 0)
		close(fd);
	return got;
}

static struct device *device_at(const char *path, int bus, int address)
{
	struct device look = {.bus = bus, .address = address};
	ssize_t got;
	size_t i;

	if (strlen(path) >= sizeof look.path)
		return NULL;
	strcpy(look.path, path);
	got = ask(path, "D", 1, look.raw, sizeof look.raw);
	if (got < DEVICE_BYTES + CONFIGURATION_BYTES)
		return NULL;
	look.size = (size_t) got;
	for (i = 0; i < sizeof devices / sizeof *devices; i++) {
		if (!devices[i] && !(devices[i] = calloc(1, sizeof look)))
			return NULL;
		if (!devices[i]->path[0] || !strcmp(devices[i]->path, path)) {
			*devices[i] = look;
			return devices[i];
		}
	}
	return NULL;
}

int libusb_init(void **context)
{
	if (context)
		*context = devices;
	return OK;
}

void libusb_exit(void *context)
{
	(void) context; /* no thread of this library is ever left behind */
}

const char *libusb_error_name(int code)
{
	switch (code) {
	case OK: return "LIBUSB_SUCCESS";
	case NO_DEVICE: return "LIBUSB_ERROR_NO_DEVICE";
	case NOT_FOUND: return "LIBUSB_ERROR_NOT_FOUND";
	case TIMEOUT: return "LIBUSB_ERROR_TIMEOUT";
	case OVERFLOWED: return "LIBUSB_ERROR_OVERFLOW";
	case PIPE: return "LIBUSB_ERROR_PIPE";
	default: return "LIBUSB_ERROR_OTHER";
	}
}

ssize_t libusb_get_device_list(void *context, struct device ***list)
{
	const char *folder = getenv("JUKICARD_USB");
	DIR *bus = folder ? opendir(folder) : NULL;
	struct dirent *entry;
	char path[4096];
	ssize_t count = 0;
	int number, address;

	(void) context;
	*list = calloc(sizeof devices / sizeof *devices + 1, sizeof **list);
	if (!*list) {
		if (bus)
			closedir(bus);
		return NO_MEM;
	}
	pthread_mutex_lock(&lock);
	while (bus && (entry = readdir(bus))
			&& count < (ssize_t) (sizeof devices / sizeof *devices)) {
		if (sscanf(entry->d_name, "%d-%d", &number, &address) != 2)
			continue;
		snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		if (((*list)[count] = device_at(path, number, address)))
			count++;
	}
	pthread_mutex_unlock(&lock);
	if (bus)
		closedir(bus);
	return count;
}

void libusb_free_device_list(struct device **list, int unreference)
{
	(void) unreference;
	free(list);
}

uint8_t libusb_get_bus_number(struct device *device)
{
	return (uint8_t) device->bus;
}

uint8_t libusb_get_device_address(struct device *device)
{
	return (uint8_t) device->address;
}

int libusb_get_device_descriptor(struct device *device, struct device_descriptor *descriptor)
{
	memcpy(descriptor, device->raw, DEVICE_BYTES);
	return OK;
}

/* One configuration with one interface, its class descriptor and its endpoints. */
struct configuration {
	struct config_descriptor head;
	struct interface interface;
	struct interface_descriptor setting;
	struct endpoint_descriptor endpoint[ENDPOINTS];
};

int libusb_get_active_config_descriptor(struct device *device, struct config_descriptor **found)
{
	struct configuration *all = calloc(1, sizeof *all);
	const unsigned char *at = device->raw + DEVICE_BYTES, *end = device->raw + device->size;
	int endpoints = 0;

	if (!all)
		return NO_MEM;
	memcpy(&all->head, at, CONFIGURATION_BYTES);
	for (; end - at >= 2 && at[0] >= 2 && at[0] <= end - at; at += at[0]) {
		if (at[1] == INTERFACE) {
			memcpy(&all->setting, at, 9);
		} else if (at[1] == ENDPOINT && endpoints < ENDPOINTS) {
			memcpy(&all->endpoint[endpoints++], at, 7);
		} else if (at[1] == 0x21) {
			all->setting.extra = at;
			all->setting.extra_length = at[0];
		}
	}
	all->setting.endpoint = all->endpoint;
	all->interface.altsetting = &all->setting;
	all->interface.num_altsetting = 1;
	all->head.interface = &all->interface;
	*found = &all->head;
	return OK;
}

void libusb_free_config_descriptor(struct config_descriptor *configuration)
{
	free(configuration); /* the first member of what was allocated */
}

int libusb_open(struct device *device, struct handle **opened)
{
	struct handle *handle = malloc(sizeof *handle);

	if (!handle)
		return NO_MEM;
	handle->device = device;
	handle->bulk = connect_for(device->path, "B", 1);
	handle->interrupt = connect_for(device->path, "I", 1);
	*opened = handle;
	return handle->bulk < 0 || handle->interrupt < 0 ? NO_DEVICE : OK;
}

void libusb_close(struct handle *handle)
{
	close(handle->bulk);
	close(handle->interrupt);
	free(handle);
}

int libusb_claim_interface(struct handle *handle, int number)
{
	(void) handle;
	(void) number;
	return OK;
}

int libusb_release_interface(struct handle *handle, int number)
{
	return libusb_claim_interface(handle, number);
}

int libusb_get_string_descriptor_ascii(
	struct handle *handle, uint8_t index, unsigned char *data, int length)
{
	(void) handle;
	(void) index;
	(void) data;
	(void) length;
	return NOT_FOUND; /* the descriptors name no string */
}

int libusb_control_transfer(struct handle *handle, uint8_t type, uint8_t request, uint16_t value,
	uint16_t index, unsigned char *data, uint16_t length, unsigned int timeout)
{
	unsigned char question[9 + 256] = {'C', type, request, value & 0xFF, value >> 8, index & 0xFF,
		index >> 8, length & 0xFF, length >> 8};
	size_t down = type & 0x80 ? 0 : length;
	ssize_t got;

	(void) timeout;
	if (down > 256)
		return PIPE;
	memcpy(question + 9, data, down);
	got = ask(handle->device->path, question, 9 + down, data, type & 0x80 ? length : 0);
	return got > 0 ? (int) got : got ? NO_DEVICE : PIPE;
}

/* Wait for a packet; timeout in ms, 0 for ever. The size, or what it failed with. */
static int receive(int fd, int wake, unsigned char *data, int length, unsigned int timeout)
{
	struct pollfd look[] = {{fd, POLLIN, 0}, {wake, POLLIN, 0}};
	ssize_t got;
	int ready;

	do
		ready = poll(look, wake < 0 ? 1 : 2, timeout ? (int) timeout : -1);
	while (ready < 0 && errno == EINTR);
	if (ready == 0)
		return TIMEOUT;
	if (wake >= 0 && look[1].revents)
		return NOT_FOUND;
	got = recv(fd, data, (size_t) length, MSG_TRUNC);
	return got <= 0 ? NO_DEVICE : got > length ? OVERFLOWED : (int) got;
}

int libusb_bulk_transfer(struct handle *handle, unsigned char endpoint, unsigned char *data,
	int length, int *moved, unsigned int timeout)
{
	int got;

	if (endpoint & 0x80)
		got = receive(handle->bulk, -1, data, length, timeout);
	else
		got = send(handle->bulk, data, (size_t) length, MSG_NOSIGNAL) == length ? length : NO_DEVICE;
	*moved = got < 0 ? 0 : got;
	return got < 0 ? got : OK;
}

struct transfer *libusb_alloc_transfer(int packets)
{
	struct pending *made = calloc(1, sizeof *made);

	(void) packets;
	if (!made)
		return NULL;
	made->wake = eventfd(0, EFD_CLOEXEC);
	return &made->transfer;
}

static struct pending *around(struct transfer *transfer)
{
	return (struct pending *) ((char *) transfer - offsetof(struct pending, transfer));
}

void libusb_free_transfer(struct transfer *transfer)
{
	if (transfer) {
		close(around(transfer)->wake);
		free(around(transfer));
	}
}

int libusb_submit_transfer(struct transfer *transfer)
{
	pthread_mutex_lock(&lock);
	around(transfer)->next = under_way;
	under_way = around(transfer);
	pthread_mutex_unlock(&lock);
	return OK;
}

int libusb_cancel_transfer(struct transfer *transfer)
{
	return eventfd_write(around(transfer)->wake, 1) ? NOT_FOUND : OK;
}

/* The driver waits for one transfer in each of its threads: that whose user_data is `completed`. */
int libusb_handle_events_completed(void *context, int *completed)
{
	struct pending **at, *mine = NULL;
	struct transfer *transfer;
	int got;

	(void) context;
	pthread_mutex_lock(&lock);
	for (at = &under_way; *at; at = &(*at)->next)
		if ((*at)->transfer.user_data == completed) {
			mine = *at;
			*at = mine->next;
			break;
		}
	pthread_mutex_unlock(&lock);
	if (!mine)
		return NOT_FOUND;
	transfer = &mine->transfer;
	got = receive(transfer->dev_handle->interrupt, mine->wake, transfer->buffer, transfer->length,
		transfer->timeout);
	transfer->actual_length = got < 0 ? 0 : got;
	transfer->status = got >= 0 ? COMPLETED : got == TIMEOUT ? TIMED_OUT : got == NOT_FOUND ? CANCELLED
		: got == OVERFLOWED ? TOO_LONG : DEVICE_GONE;
	transfer->callback(transfer);
	return OK;
}
