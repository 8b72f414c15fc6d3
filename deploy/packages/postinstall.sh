#!/bin/sh
# Makes the user of the service, and restarts the service where it runs. A new installation starts nothing.
set -e
if ! getent passwd ark-server >/dev/null; then
	if command -v systemd-sysusers >/dev/null; then
		systemd-sysusers /usr/lib/sysusers.d/ark-server.conf
	else
		useradd --system --user-group --home-dir /var/lib/ark-server --shell /usr/sbin/nologin ark-server
	fi
fi
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	systemctl try-restart ark-server.service
fi
