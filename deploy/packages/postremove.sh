#!/bin/sh
# The data in /var/lib/ark-server and the user that owns it stay: delete them by hand if you want to.
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
fi
