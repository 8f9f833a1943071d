"""identity.py DIR: makes a Keystone's database, keys, users and catalog, once, then becomes its server.

What keystone-manage db_sync, fernet_setup, credential_setup and bootstrap would do in four starts of Python, seven seconds.
Users of the domain Default: tester/testing (project test, member; other/otherpass likewise in project other), swift/swiftpass
(project service, admin: it is Swift that asks), nobody/nothing (of no project). Swift is in the catalog of RegionOne, public only."""

import json
import os
import sqlite3
import sys
import uuid

FOLDER = sys.argv[1]
PORTS = json.load(open(f"{FOLDER}/etc/ports.json"))  # noqa: SIM115
CONFIGURATION = f"{FOLDER}/etc/keystone.conf"
URL = f"http://127.0.0.1:{PORTS['keystone']}/v3"


def bootstrap():
    from keystone.cmd.bootstrap import Bootstrapper

    one = Bootstrapper()
    one.admin_username, one.admin_password = "admin", "adminpass"
    one.project_name, one.admin_role_name = "admin", "admin"
    one.service_name, one.service_id, one.immutable_roles = "keystone", None, True
    one.public_url, one.internal_url, one.admin_url = URL, None, None
    one.region_id, one.endpoints = "RegionOne", {}
    one.bootstrap()
    return one


def project(apis, name):
    number = uuid.uuid4().hex
    new = {"id": number, "name": name, "domain_id": "default", "enabled": True, "description": "", "is_domain": False}
    apis.resource_api.create_project(number, new)
    return number


def user(apis, name, password, of=None, role=None):
    made = apis.identity_api.create_user({"name": name, "password": password, "domain_id": "default", "enabled": True})
    if of is not None:
        apis.assignment_api.add_role_to_user_and_project(made["id"], of, role)


def fill():
    # Write-ahead: else a reader in one process makes a writer in the other fail after five seconds, with an empty reply.
    with sqlite3.connect(f"{FOLDER}/keystone/keystone.db") as database:
        database.execute("PRAGMA journal_mode=WAL").fetchall()
    import keystone.conf
    import keystone.server
    from keystone.common import fernet_utils, provider_api
    from keystone.common.sql import upgrades

    keystone.server.configure(config_files=[CONFIGURATION])
    upgrades.offline_sync_database_to_version()
    for namespace in ("fernet_tokens", "credential"):
        section = keystone.conf.CONF[namespace]
        fernet_utils.FernetUtils(section.key_repository, getattr(section, "max_active_keys", 3), namespace).initialize_key_repository()
    roles, apis = bootstrap(), provider_api.ProviderAPIs
    user(apis, "swift", "swiftpass", project(apis, "service"), roles.admin_role_id)
    user(apis, "tester", "testing", project(apis, "test"), roles.member_role_id)
    user(apis, "other", "otherpass", project(apis, "other"), roles.member_role_id)
    user(apis, "nobody", "nothing")
    service, endpoint = uuid.uuid4().hex, uuid.uuid4().hex
    apis.catalog_api.create_service(service, {"id": service, "type": "object-store", "name": "swift", "enabled": True})
    apis.catalog_api.create_endpoint(
        endpoint,
        {
            "id": endpoint,
            "interface": "public",
            "service_id": service,
            "enabled": True,
            "region_id": "RegionOne",
            "url": f"http://127.0.0.1:{PORTS['proxy']}/v1/AUTH_$(project_id)s",
        },
    )


def main():
    sys.argv = ["keystone-setup"]
    if not os.path.exists(f"{FOLDER}/keystone/filled"):
        fill()
        with open(f"{FOLDER}/keystone/filled", "w"):
            pass
    os.environ["OS_KEYSTONE_CONFIG_FILES"] = CONFIGURATION
    # Processes, not threads: a connection to its database must stay in one thread.
    words = ["--plugins", "python3", "--http-socket", f"127.0.0.1:{PORTS['keystone']}", "--wsgi-file", "/usr/bin/keystone-wsgi-public"]
    words += ["--master", "--die-on-term", "--no-orphans", "--processes", "2", "--buffer-size", "65535", "--need-app", "--chdir", FOLDER]
    # It closes after each answer and does not say so: Swift would send its next question into a closed connection, and refuse a token.
    words += ["--add-header", "Connection: close"]
    os.execvp("uwsgi", ["uwsgi", *words])


main()
