"""Who may: Swift's own authentication and Keystone's, what is wrong with them and how that is said, tokens that end, TLS, proxies."""

import random
import re
import select
import shutil
import socket
import ssl
import subprocess
import time

import pytest
from proxy import Proxy, Rule
from support.daemon import ERROR

pytestmark = pytest.mark.only_swift


@pytest.fixture(scope="module")
def keystone(make_cluster):
    return make_cluster(keystone=True)


def fails(daemon, error, *things):
    """A backup that is refused before anything of it is anywhere, and soon."""
    started = daemon.create_backup()
    asked = time.monotonic()
    outcome = daemon.wait(started.job)
    assert (outcome.result, outcome.error_name) == ("failed", ERROR + error), f"{outcome}\n{daemon.log()[-6000:]}"
    for thing in things:
        assert thing in outcome.error_message, f"'{outcome.error_message}' does not name {thing}"
    return time.monotonic() - asked


def heal(daemon, **swift):
    daemon.configure(swift={**daemon.place.swift_section(), **swift})
    daemon.call("Reload")
    daemon.backup()


# Version 1 --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user, secret", [("test:tester", "Canary-51c"), ("test:nobody", "testing")])
def test_a_wrong_password_is_said_at_once(make_daemon, ora, place, user, secret):
    one = make_daemon(ora)
    one.configure(swift={**place.swift_section(), "username": user})
    one.give_credential("swift-password", secret)
    one.start()
    fails(one, "StoreAuth", user, "401")
    assert "Canary" not in one.log()
    assert len(place.proxy.requests("GET", "/auth/v1.0")) < 6
    one.give_credential("swift-password", "testing")
    heal(one)


def test_a_user_who_may_not_write_is_told_so(make_daemon, ora, place):
    one = make_daemon(ora)
    one.configure(swift={**place.swift_section(), "username": "test:limited"})
    one.give_credential("swift-password", "limited")
    one.start()
    fails(one, "StoreAuth", "403")
    one.give_credential("swift-password", "testing")
    heal(one)


def test_without_a_secret_the_credential_is_named(make_daemon, ora):
    one = make_daemon(ora)
    (one.credentials / "swift-password").unlink()
    one.start()
    fails(one, "Config", "swift-password")
    one.give_credential("swift-password", "testing\n")
    heal(one)


def test_an_address_that_is_no_authentication_is_named(make_daemon, ora, place):
    one = make_daemon(ora)
    one.configure(swift={**place.swift_section(), "auth_url": f"{place.proxy.url}/nowhere"})
    one.start()
    fails(one, "Config", "auth_url", f"{place.proxy.url}/nowhere")
    heal(one)


def test_tokens_that_are_forgotten_are_renewed_once(make_cluster, make_swift_store, make_daemon, ora):
    """All tokens are void from one moment to the next: one new one, and what was refused is sent again, whole."""
    cluster = make_cluster(recheck=59)
    place = make_swift_store(cluster)
    one = make_daemon(ora, store=place).start()
    ora.hold("piece-2")
    started = one.create_backup()
    ora.wait_reached("piece-2")
    place.proxy.wait_for("PUT", "*_segments/*", done=True)
    before = len(place.proxy.requests("GET", "/auth/v1.0"))
    cluster.forget_tokens()
    ora.release("piece-2")
    assert one.wait(started.job).result == "done"
    assert len(place.proxy.requests("GET", "/auth/v1.0")) == before + 1
    refused = [s for s in place.proxy.requests("PUT") if s.status == 401]
    assert refused and all(s.size == 0 for s in refused)  # Expect: nothing was sent for nothing


def test_a_token_that_is_refused_again_and_again_is_an_error(make_daemon, ora, place):
    one = make_daemon(ora).start()
    one.backup()
    place.proxy.add(Rule(method="PUT", path="*_segments/*", status=401, count=None))
    one.configure(oracle={"retries": 0})
    one.call("Reload")
    started = one.create_backup()
    outcome = one.wait(started.job)
    assert outcome.error_name == ERROR + "StoreAuth", outcome
    place.proxy.clear()
    one.backup()


# Keystone ---------------------------------------------------------------------------------------------------


@pytest.fixture
def guarded(keystone, make_swift_store):
    return make_swift_store(keystone)


def test_a_password_of_keystone(make_daemon, ora, guarded):
    one = make_daemon(ora, store=guarded)
    one.configure(swift={**guarded.swift_section(), "region_name": "RegionOne", "user_domain_name": "Default", "project_domain_name": "Default"})
    one.give_identity()
    one.start()
    backup_id = one.backup()
    one.restore(backup_id, overwrite=True)
    assert len(guarded.keystone.requests("POST")) == 1
    secret = guarded.credentials()["swift-password"]
    assert f'"{secret}"' not in one.log()


def test_an_application_credential(make_daemon, ora, guarded):
    identity, secret = guarded.client.authenticate().application_credential(guarded.container)
    one = make_daemon(ora, store=guarded)
    section = {**guarded.swift_section(), "username": None, "project_name": None, "application_credential_id": identity}
    one.configure(swift=section)
    one.give_credential("swift-application-credential-secret", secret)
    one.start()
    one.backup()
    assert secret not in one.log()
    one.give_credential("swift-application-credential-secret", "wrong")
    one.stop()
    one.start()
    fails(one, "StoreAuth", identity)


WRONG = {
    "password": ({"secret": "wrong"}, "StoreAuth", ["tester", "401"]),
    "project": ({"project_name": "nothing"}, "StoreAuth", ["nothing", "401"]),
    "domain": ({"user_domain_name": "Elsewhere"}, "StoreAuth", ["tester"]),
    "region": ({"region_name": "RegionTwo"}, "Config", ["RegionTwo", "RegionOne"]),
    "interface": ({"interface": "internal"}, "Config", ["internal", "public"]),
    "foreign project": ({"username": "other", "secret": "otherpass"}, "StoreAuth", ["other"]),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_with_keystone_is_explained(make_daemon, ora, guarded, what):
    changes, error, things = WRONG[what]
    changes = dict(changes)
    one = make_daemon(ora, store=guarded)
    one.give_credential("swift-password", changes.pop("secret", "testing"))
    one.configure(swift={**guarded.swift_section(), **changes})
    one.start()
    fails(one, error, *things)
    one.give_credential("swift-password", "testing")
    heal(one)


def test_a_token_without_a_scope_has_no_catalog_and_that_is_said(make_daemon, ora, guarded):
    """Keystone gives a token to a user of no project; what is missing in its answer is named."""
    one = make_daemon(ora, store=guarded)
    unscoped = b'{"token": {"methods": ["password"], "expires_at": "2099-01-01T00:00:00.000000Z", "issued_at": "2026-01-01T00:00:00.000000Z"}}'
    guarded.keystone.add(Rule(method="POST", status=201, headers={"X-Subject-Token": "t", "Content-Type": "application/json"}, body=unscoped, count=None))
    one.start()
    fails(one, "StoreAuth", "catalog", "project_name")
    guarded.keystone.clear()
    heal(one)


def test_keystone_that_is_away_is_not_a_wrong_password(make_daemon, ora, guarded):
    one = make_daemon(ora, store=guarded)
    rule = guarded.keystone.add(Rule(status=503, count=None))
    one.start()
    guarded.keystone.wait_for("POST", done=True)
    guarded.keystone.remove(rule)
    one.backup()


def test_tokens_of_forty_seconds_and_an_upload_of_two_minutes(make_cluster, make_swift_store, make_daemon, ora):
    """The token is renewed before it ends, once each time; nothing is refused and nothing is sent twice."""
    guarded = make_swift_store(make_cluster(keystone=True, token_life=40))
    one = make_daemon(ora, store=guarded)
    one.start()
    size = one.get_backup(one.backup())["size"]
    seconds = 95
    one.configure(store={"rate_limit": size // seconds})
    one.call("Reload")
    first = guarded.keystone.requests("POST")[0].at
    started, begun = one.create_backup(), time.monotonic()
    outcome = one.wait(started.job, timeout=400)
    assert outcome.result == "done", outcome
    lasted = time.monotonic() - begun
    assert lasted > 80
    renewals = guarded.keystone.requests("POST")[1:]
    assert 2 <= len(renewals) <= (time.monotonic() - first) / 25
    assert not [s for s in guarded.proxy.requests() if s.status == 401]
    names = [s.name for s in guarded.proxy.requests("PUT", "*_segments/*")]
    assert len(names) == len(set(names))


# The way there ------------------------------------------------------------------------------------------------


class Authority:
    """A certificate authority and a server of 127.0.0.1, made by openssl."""

    def __init__(self, folder, name):
        self.ca, self.key, self.certificate = (folder / f"{name}-{part}.pem" for part in ("ca", "key", "certificate"))
        ca_key, request, extensions = (folder / f"{name}-{part}" for part in ("ca-key", "request", "extensions"))
        extensions.write_text("subjectAltName=IP:127.0.0.1\n")
        new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        self.openssl("req", "-x509", *new, "-keyout", ca_key, "-out", self.ca, "-days", "2", "-subj", f"/CN={name}")
        self.openssl("req", *new, "-keyout", self.key, "-out", request, "-subj", "/CN=127.0.0.1")
        signing = ["-CA", self.ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "2", "-extfile", extensions]
        self.openssl("x509", "-req", "-in", request, "-out", self.certificate, *signing)

    @staticmethod
    def openssl(*words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)

    def context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def test_tls_with_an_authority_of_the_sites_own(make_daemon, ora, place, tmp_path):
    assert shutil.which("openssl")
    authority, other = Authority(tmp_path, "ours"), Authority(tmp_path, "other")
    with Proxy(place.proxy.address, tls=authority.context()) as terminator:
        section = {**place.swift_section(), "auth_url": f"{terminator.url}/auth/v1.0"}
        one = make_daemon(ora)
        for ca_file in (None, other.ca):
            one.configure(store={"retry_time": "1s"}, swift={**section, "ca_file": ca_file})
            one.start()
            fails(one, "StoreUnavailable", "certificate")
            assert not terminator.requests()
            one.stop()
        one.configure(swift={**section, "ca_file": authority.ca})
        one.start()
        one.backup()
        assert terminator.requests("PUT", "*_segments/*")


def test_the_proxy_of_the_environment_is_used(make_daemon, ora, place):
    with Proxy(place.proxy.address) as between:
        one = make_daemon(ora)
        one.start(http_proxy=between.url, no_proxy="")
        one.backup()
        assert between.requests() and all(s.is_absolute for s in between.requests())


@pytest.mark.needs_root
@pytest.mark.measures
def test_a_name_that_is_not_resolved_does_not_stop_the_loop(make_daemon, ora, place, tmp_path):
    """The only name server is a socket that nobody reads: no turn of the loop is long, and Cancel works within a second."""
    one = make_daemon(ora)
    one.configure(swift={**place.swift_section(), "auth_url": "http://swift.example.com:8080/auth/v1.0", "connect_timeout": "60s"})
    address = f"127.{random.randrange(1, 255)}.{random.randrange(255)}.{random.randrange(1, 255)}"
    (tmp_path / "resolv.conf").write_text(f"nameserver {address}\noptions timeout:30\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind((address, 53))
        one.start(prefix=["unshare", "--mount", "sh", "-c", f'mount --bind {tmp_path}/resolv.conf /etc/resolv.conf && exec "$@"', "sh"])
        started = one.create_backup()
        assert select.select([mute], [], [], 30)[0], "no name server was asked"
        for _ in range(100):
            assert one.job(started.job)["State"] in ("queued", "running")
        asked = time.monotonic()
        one.call("CancelJob", "u", one.job(started.job)["Id"])
        assert one.wait(started.job).result == "cancelled"
        assert time.monotonic() - asked < 1
        one.stop()
    longest = int(re.findall(r"longest turn took (\d+) us", one.log())[-1])
    print(f"the loop's longest turn: {longest / 1000} ms")
    assert longest < 50_000
