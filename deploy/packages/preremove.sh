#!/bin/sh
# Stops the service when the package is removed, not when it is upgraded: "remove" is dpkg's word, 0 is rpm's.
set -e
case "$1" in
remove | 0)
	if [ -d /run/systemd/system ]; then
		systemctl disable --now ark-server.service
	fi
	;;
esac
