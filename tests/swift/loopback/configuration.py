"""The configuration files of one Swift: one replica on one device, four partitions, everything on 127.0.0.1."""

# Debian's own hash salt: Swift's tools read /etc/swift/swift.conf whatever they are told, and must agree with the servers.
SWIFT = """[swift-hash]
swift_hash_path_prefix = changeme
swift_hash_path_suffix = changeme
[storage-policy:0]
name = Policy-0
default = yes
[swift-constraints]
{constraints}
"""

COMMON = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
bind_timeout = 1
user = {user}
swift_dir = {folder}/etc
workers = {workers}
log_level = INFO
"""

STORAGE = """devices = {folder}/srv
mount_check = false
fallocate_reserve = 0
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
[{kind}-updater]
recon_cache_path = {folder}/cache
"""

# conn_timeout: Swift's own half second turns a busy machine into a dead peer. error_suppression_interval: after ten errors Swift shuns
# a device for a minute; with one device that is an outage, and an object server that is back would go on to be unreachable.
PROXY = """client_timeout = {client_timeout}
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck proxy-logging cache listing_formats {middleware} proxy-logging proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
conn_timeout = 5
node_timeout = 60
error_suppression_interval = 0.1
recheck_container_existence = {recheck}
recheck_account_existence = {recheck}
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:proxy-logging]
use = egg:swift#proxy_logging
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{memcached}
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:copy]
use = egg:swift#copy
[filter:container-quotas]
use = egg:swift#container_quotas
[filter:account-quotas]
use = egg:swift#account_quotas
[filter:slo]
use = egg:swift#slo
max_manifest_segments = {max_manifest_segments}
{slo_brake}
[filter:dlo]
use = egg:swift#dlo
"""

# The middleware's own choice of interface is internal, which is not in the catalog: each request would be a 500.
KEYSTONE_AUTH = """[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
www_authenticate_uri = http://127.0.0.1:{keystone}/v3
auth_url = http://127.0.0.1:{keystone}/v3
auth_type = password
interface = public
username = swift
password = swiftpass
user_domain_id = default
project_name = service
project_domain_id = default
cache = swift.cache
token_cache_time = {token_cache_time}
delay_auth_decision = True
service_token_roles_required = True
[filter:keystoneauth]
use = egg:swift#keystoneauth
operator_roles = admin, member
"""

KEYSTONE = """[DEFAULT]
use_stderr = true
[database]
connection = sqlite:///{folder}/keystone/keystone.db
sqlite_synchronous = false
[token]
provider = fernet
expiration = {token_life}
allow_expired_window = 0
[fernet_tokens]
key_repository = {folder}/keystone/fernet
[fernet_receipts]
key_repository = {folder}/keystone/fernet
[credential]
key_repository = {folder}/keystone/credential
[identity]
max_password_length = 72
password_hash_rounds = 4
"""


def tempauth(options):
    lines = ["[filter:tempauth]", "use = egg:swift#tempauth", f"token_life = {options.token_life}"]
    lines += [f"user_{account}_{user} = {key} {groups}" for account, user, key, groups in options.users]
    return "\n".join(lines) + "\n"


def middleware(options):
    names = ["bulk"] if options.bulk else []
    names += ["authtoken", "keystoneauth"] if options.keystone else ["tempauth"]
    names += ["copy"]
    names += ["container-quotas", "account-quotas"] if options.quotas else []
    return " ".join([*names, "slo", "dlo"])


def files(folder, ports, options, user):
    """{name below etc/: text}"""
    constraints = "\n".join(f"{key} = {value}" for key, value in options.constraints.items())
    common = {"user": user, "folder": folder, "workers": options.workers}
    found = {"swift.conf": SWIFT.format(constraints=constraints)}
    for kind in ("account", "container", "object"):
        found[f"{kind}.conf"] = (COMMON + STORAGE).format(port=ports[kind], kind=kind, **common)
    proxy = (COMMON + PROXY).format(
        port=ports["proxy"],
        middleware=middleware(options),
        client_timeout=options.client_timeout,
        recheck=options.recheck,
        memcached=ports["memcached"],
        max_manifest_segments=options.max_manifest_segments,
        slo_brake="" if options.slo_brake else "rate_limit_under_size = 0",
        **common,
    )
    if options.keystone:
        # A token is not taken for good after its end because of a cache.
        cached = min(300, max(1, options.token_life // 8))
        proxy += KEYSTONE_AUTH.format(keystone=ports["keystone"], token_cache_time=cached)
        found["keystone.conf"] = KEYSTONE.format(folder=folder, token_life=options.token_life)
    else:
        proxy += tempauth(options)
    found["proxy.conf"] = proxy
    return found
