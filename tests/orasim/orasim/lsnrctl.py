"""lsnrctl status: the listener, and the services that running instances have registered."""

import time

from . import access


def main(host, argv):
    words = [w.lower() for w in argv] or ["help"]
    version = host.version["release"]
    now = time.strftime("%d-%b-%Y %H:%M:%S").upper()
    print(f"\nLSNRCTL for Linux: Version {version} - Production on {now}\n\n"
          f"Copyright (c) 1991, {host.version['copyright']}, Oracle.  All rights reserved.\n")
    if words[0] not in ("status", "services"):
        print('The following operations are available\nAn asterisk (*) denotes a modifier or '
              'extended command:\n\nstart               stop                status')
        return 0
    print("Connecting to (DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST=localhost)(PORT=1521)))")
    if host.knob("listener") == "down":
        print("TNS-12541: TNS:no listener\n TNS-12560: TNS:protocol adapter error\n"
              "  TNS-00511: No listener\n   Linux Error: 111: Connection refused")
        return 1
    print(f"""STATUS of the LISTENER
------------------------
Alias                     LISTENER
Version                   TNSLSNR for Linux: Version {version} - Production
Start Date                {now}
Uptime                    0 days 0 hr. 0 min. 48 sec
Trace Level               off
Security                  ON: Local OS Authentication
SNMP                      OFF
Listener Parameter File   {host.network}/listener.ora
Listener Log File         {host.base}/diag/tnslsnr/{host.name}/listener/alert/log.xml
Listening Endpoints Summary...
  (DESCRIPTION=(ADDRESS=(PROTOCOL=tcp)(HOST=localhost)(PORT=1521)))""")
    services = []
    for inst in access.running(host) if host.knob("listener") != "bare" else []:
        state = "BLOCKED" if inst.status() == "STARTED" else "READY"
        services.append((inst.parameter("db_unique_name"), inst.sid, state))
    if not services:
        print("The listener supports no services")
    else:
        print("Services Summary...")
    for name, sid, state in services:
        print(f'Service "{name}" has 1 instance(s).\n  Instance "{sid}", status {state}, has 1 '
              "handler(s) for this service...")
    print("The command completed successfully")
    return 0
