"""What Trove's own tests of backups ask of a database, step by step and in their order: one long story on one host.

The numbers are those of Trove's scenario: groups BackupCreate (1-20), IncCreate (21-24), InstCreate and IncInstCreate (25, 26), the
waiting groups (27-29), the deletion of what was restored (30) and of the backups (31-35). The table at the end says what each of
Trove's terms is here."""

import pytest
from support.daemon import ERROR
from support.dbus import DBusError

SIDS = ("TROVE1", "TROVE2")
LARGE, TINY, TINY2 = ("LARGE", 100_000), ("TINY", 100), ("TINY2", 100)
NOBODY = "11111111-2222-4333-8444-555555555555"
INVALID = "org.freedesktop.DBus.Error.InvalidArgs"


class Story:
    """The instance, its backups, and what was learnt on the way."""

    def __init__(self, host, make_host, make_daemon, other_store):
        self.host, self.make_host, self.make_daemon = host, make_host, make_daemon
        self.service = make_daemon(host)
        self.other = make_daemon(host, name="other-tenant", store=other_store)
        self.tables = {}
        self.full = self.inc_1 = self.inc_2 = self.counts = self.databases = None

    # helpers ----------------------------------------------------------------------------------------
    def add(self, table):
        name, rows = table
        self.host.create_table(SIDS[0], name, rows)
        self.tables[name] = list(range(1, rows + 1))

    def verify(self, host=None, tables=None):
        """Exactly these rows, no more and no less."""
        assert (host or self.host).rows(SIDS[0]) == (self.tables if tables is None else tables)

    def count(self):
        """All, per datastore, per instance."""
        call = self.service.call
        return (
            len(self.service.list_backups()),
            len(self.service.list_backups(datastore="oracle")),
            len(call("ListInstanceBackups", "sa{sv}", "", {})),
        )

    def is_active(self):
        running = [job for job in self.service.call("ListJobs") if job[3] == "running"]
        assert self.service.property("NJobs") == len(running)
        return not running

    def begin(self, **options):
        """A backup that waits before it has done anything: where "while it runs" can be tested at leisure."""
        self.host.hold("sqlplus")
        started = self.service.create_backup(**options)
        self.host.wait_reached("sqlplus")
        return started

    def complete(self, started):
        """On its way it is NEW, then BUILDING, then COMPLETED, and FAILED never."""
        self.host.release("sqlplus")
        outcome = self.service.wait(started.job)
        assert outcome.result == "done", f"{outcome}\n{self.service.log()[-6000:]}"
        states = [s.arguments[1]["State"] for s in self.service.signals if s.path == started.job and "State" in s.arguments[1]]
        assert "failed" not in states
        assert self.service.get_backup(started.backup_id)["state"] == "COMPLETED"

    def refused(self, error, method, signature, *arguments):
        with pytest.raises(DBusError) as refused:
            self.service.call(method, signature, *arguments)
        assert refused.value.name == error, refused.value

    def fails(self, error, job):
        outcome = self.service.wait(job)
        assert (outcome.result, outcome.error_name) == ("failed", ERROR + error), outcome

    def as_other_tenant(self, look):
        """look(daemon) with a service whose container is another one."""
        self.service.stop()
        self.service.hang_up()
        self.other.start()
        look(self.other)
        self.other.stop()
        self.other.hang_up()
        self.service.start()

    def is_gone(self, backup_id):
        self.refused(ERROR + "NoSuchBackup", "GetBackup", "s", backup_id)

    # BackupCreate -----------------------------------------------------------------------------------
    def step_01_add_large(self):
        self.add(LARGE)

    def step_02_verify(self):
        self.verify()

    def step_03_save_the_counts(self):
        self.counts = self.count()
        self.databases = self.service.call("ListDatabases")
        assert [d["sid"] for d in self.databases] == list(SIDS) and {d["state"] for d in self.databases} == {"OPEN"}

    def step_04_create(self):
        self.full = self.begin(name="backup_test", description="test description")
        backup = self.service.get_backup(self.full.backup_id)
        assert (backup["name"], backup["description"]) == ("backup_test", "test description")
        assert (backup["instance"], backup["datastore"]) == (self.service.instance, "oracle")
        assert backup["state"] == "NEW"
        assert not self.is_active()

    def step_05_delete_it_while_it_runs(self):
        self.refused(ERROR + "Busy", "DeleteBackup", "sa{sv}", self.full.backup_id, {})

    def step_06_restore_it_while_it_runs(self):
        self.refused(ERROR + "NotCompleted", "RestoreBackup", "sa{sv}", self.full.backup_id, {})

    def step_07_create_another_meanwhile(self):
        self.refused(ERROR + "Busy", "CreateBackup", "a{sv}", {})

    def step_08_act_on_the_instance_meanwhile(self):
        self.refused(ERROR + "Busy", "TakeOver", "sa{sv}", self.service.instance, {})

    def step_09_delete_an_unknown_backup(self):
        self.fails("NoSuchBackup", self.service.delete_backup(NOBODY))

    def step_10_create_with_an_invalid_id(self):
        with pytest.raises(DBusError) as refused:
            self.service.create_backup(parent="$#@&?")
        assert refused.value.name == INVALID

    def step_11_create_for_something_unknown(self):
        with pytest.raises(DBusError) as refused:
            self.service.create_backup(databases=["NOSUCHDB"])
        assert refused.value.name == ERROR + "NoSuchDatabase"

    def step_12_wait(self):
        self.complete(self.full)

    def step_13_the_instance_is_active(self):
        assert self.is_active()

    def step_14_list(self):
        newest, *_ = listed = self.service.list_backups()
        assert len(listed) == self.counts[0] + 1
        assert (newest["id"], newest["state"]) == (self.full.backup_id, "COMPLETED") and newest["size"] > 0

    def step_15_list_of_this_datastore(self):
        assert len(self.service.list_backups(datastore="oracle")) == self.counts[1] + 1

    def step_16_list_of_another_datastore(self):
        assert self.service.list_backups(datastore="mysql") == []

    def step_17_list_of_an_unknown_datastore(self):
        with pytest.raises(DBusError) as refused:
            self.service.list_backups(datastore="abracadabra")
        assert refused.value.name == INVALID

    def step_18_list_of_the_instance(self):
        for name in ("", self.service.instance):
            listed = self.service.call("ListInstanceBackups", "sa{sv}", name, {})
            assert len(listed) == self.counts[2] + 1 and listed[0]["id"] == self.full.backup_id
        assert self.service.call("ListInstanceBackups", "sa{sv}", "another", {}) == []

    def step_19_show(self):
        backup = self.service.get_backup(self.full.backup_id)
        assert (backup["name"], backup["description"]) == ("backup_test", "test description")
        assert (backup["datastore"], backup["datastore_version"]) == ("oracle", self.databases[0]["version"])
        assert (backup["level"], backup["parent_id"], backup["children"]) == (0, "", [])
        assert [d["sid"] for d in backup["databases"]] == list(SIDS)
        assert backup["location"] and backup["checksum"] and backup["created"] <= backup["updated"]
        (volume,) = self.service.record(self.full.backup_id)["volumes"]
        assert volume["segments"]["count"] > 1

    def step_20_show_to_another_tenant(self):
        def look(other):
            assert other.list_backups() == []
            with pytest.raises(DBusError) as refused:
                other.get_backup(self.full.backup_id)
            assert refused.value.name == ERROR + "NoSuchBackup"

        self.as_other_tenant(look)

    # IncCreate --------------------------------------------------------------------------------------
    def step_21_add_tiny(self):
        self.add(TINY)
        self.verify()

    def step_22_create_incremental(self):
        self.inc_1 = self.begin(parent=self.full.backup_id)
        backup = self.service.get_backup(self.inc_1.backup_id)
        assert (backup["state"], backup["level"], backup["parent_id"]) == ("NEW", 1, self.full.backup_id)

    def step_23_wait(self):
        self.complete(self.inc_1)
        assert self.service.get_backup(self.inc_1.backup_id)["parent_id"] == self.full.backup_id
        assert self.is_active()

    def step_24_the_next_one_takes_the_last_completed_for_its_parent(self):
        self.add(TINY2)
        self.verify()
        self.inc_2 = self.begin(parent="latest")
        self.complete(self.inc_2)
        assert self.service.get_backup(self.inc_2.backup_id)["parent_id"] == self.inc_1.backup_id
        assert self.is_active()

    # InstCreate, IncInstCreate, the waiting groups ------------------------------------------------------
    def step_25_to_30_restore_into_new_instances(self):
        """Each on a bare host at the place of the old one, which stands aside meanwhile, and each deleted at its end (30)."""
        databases, key = self.service.call("ListDatabases"), self.service.own_key()
        aside = self.host.folder.with_name("aside")
        for sid in SIDS:
            self.host.shutdown(sid)
        self.service.stop()
        self.host.folder.rename(aside)
        for backup, tables in ((self.full, (LARGE,)), (self.inc_1, (LARGE, TINY)), (self.inc_2, (LARGE, TINY, TINY2))):
            self.restore_into_a_new_instance(backup, dict(tables), key, databases)
        aside.rename(self.host.folder)
        for sid in SIDS:
            self.host.startup(sid)
        self.service.start()

    def restore_into_a_new_instance(self, backup, tables, key, databases):
        host = self.make_host(self.host.folder.name)
        one = self.make_daemon(host, name=f"restored-{len(tables)}")
        one.trusted_keys.write_text(f"{self.service.instance} {key} the source\n")
        one.give_identity()
        one.start()
        assert one.call("ListDatabases") == []
        job = one.restore_backup(backup.backup_id)
        assert one.job(job)["State"] == "running"
        outcome = one.wait(job)
        assert outcome.result == "done", f"{outcome}\n{one.log()[-6000:]}"
        self.verify(host, {name: list(range(1, rows + 1)) for name, rows in tables.items()})
        assert one.call("ListDatabases") == databases
        one.stop()
        host.lose()
        assert not host.folder.exists()

    # IncDelete, Delete --------------------------------------------------------------------------------
    def step_31_delete_the_leaf(self):
        assert self.service.wait(self.service.delete_backup(self.inc_2.backup_id)).result == "done"
        self.is_gone(self.inc_2.backup_id)

    def step_32_delete_as_another_tenant(self):
        def look(other):
            outcome = other.wait(other.delete_backup(self.full.backup_id, recursive=True))
            assert outcome.error_name == ERROR + "NoSuchBackup"

        self.as_other_tenant(look)
        assert self.service.get_backup(self.full.backup_id)["state"] == "COMPLETED"

    def step_33_delete_the_full_one(self):
        self.fails("HasChildren", self.service.delete_backup(self.full.backup_id))
        assert self.service.wait(self.service.delete_backup(self.full.backup_id, recursive=True)).result == "done"
        self.is_gone(self.full.backup_id)

    def step_34_its_children_are_gone(self):
        self.is_gone(self.inc_1.backup_id)
        assert self.count() == self.counts

    def step_35_remove_the_data(self):
        self.verify()
        for sid in SIDS:
            self.host.shutdown(sid, abort=True)


@pytest.fixture
def other_store(make_swift_store):
    """Another tenant's: containers of its own."""
    return make_swift_store()


@pytest.mark.only_swift
def test_the_35_steps_of_trove_in_their_order(make_host, make_daemon, other_store):
    host = make_host()
    host.create_database(SIDS[0], "8M", rows=0)
    host.create_database(SIDS[1], "2M")
    story = Story(host, make_host, make_daemon, other_store)
    story.service.start()
    for name in sorted(n for n in dir(story) if n.startswith("step_")):
        print(name)  # the last one is where it failed
        getattr(story, name)()


# Trove's terms, and what they are here:
#
#   instance                          the configured instance name; its databases are the SIDs of oratab
#   instance shows BACKUP, ACTIVE     NJobs and ListJobs: a running job, none
#   resize, or another action (8)     TakeOver, an exclusive job like the others
#   invalid instance id (10)          CreateBackup has no instance: the id of a parent
#   unknown instance (11)             a database that oratab does not have: NoSuchDatabase, its own error
#   create an instance from a backup  RestoreBackup on a bare host: an empty ORACLE_BASE at the same place
#   delete that instance (30)         the host is lost
#   delete, always with children      DeleteBackup with recursive; without it HasChildren
#   backup without parent_id (24)     parent "latest"; without a parent it is a level 0, always
#   another tenant                    a service with another container: it sees nothing
#   datastore version id              datastore_version
#   400 bad request                   org.freedesktop.DBus.Error.InvalidArgs
#   404 not found                     NoSuchBackup; of a list's filter InvalidArgs
#   409 conflict                      NotCompleted
#   422 unprocessable                 Busy
#   202 accepted, then 404            the job of DeleteBackup is done, then NoSuchBackup
#
# Trove's traps, and the test that has each:
#
#    1 metadata of a multi-segment object is lost      there is none: the signed record has it all;
#                                                      test_backup.py::test_a_backup_is_whole_signed_and_listed
#    2 a size that is a multiple of the segment size   test_swift.py::test_the_last_byte_lies_on_a_border_or_beside_it
#    3 a lost reply after a stored segment             test_swift_faults.py::test_what_passes_is_waited_for_in_every_kind_of_request
#    4 another etag of a segment, of the manifest      test_swift_faults.py::test_a_byte_of_a_manifest_that_changes_on_the_way_does_not_..,
#                                                      test_a_byte_that_changes_on_the_way_there_is_found_and_sent_again
#    5 the dump tool dies after its last byte          test_backup.py::test_rman_that_dies_after_its_last_piece
#    6 the upload fails                                test_backup.py::test_an_upload_that_fails_ends_rman
#    7 deletes of what is gone in part                 test_delete.py; test_swift_faults.py::test_a_cluster_without_bulk_delete_..
#    8 a parent that is FAILED, another instance's,    test_chain.py::test_a_parent_that_failed, test_a_parent_of_another_instance,
#      deleted, of another incarnation                 test_after_resetlogs_a_chain_begins_anew; test_model.py
#    9 an incremental without a base                   test_chain.py::test_latest_without_a_parent_says_why
#   10 the 21st backup is still the last completed     tests/unit/job/test-parent.c, rule_4_the_latest_is_found_among_many
#   11 a token that expires                            test_swift_auth.py::test_tokens_of_forty_seconds_and_an_upload_of_two_minutes
#   12 a listing that lags                             tests/unit/job/test-parent.c, rule_4_the_latest_is_found_although_..
#   13 a large object that breaks off                  segments are got one by one, each against its digest:
#                                                      test_swift_faults.py::test_a_short_segment_is_continued_by_range,
#                                                      test_restore.py::test_a_flipped_byte_in_a_segment
#   14 more than 1000 segments                         test_swift.py::test_more_segments_than_the_real_limit_of_a_thousand
#   15 a key in /proc or in the journal                test_backup.py::test_no_secret_is_seen_and_a_planted_one_is
#   16 killed at each step                             test_backup.py::test_a_crash_leaves_it_whole_or_cleanly_failed,
#                                                      test_a_kill_while_oracle_works_leaves_it_cleanly_failed
#   17 a second set in the recovery area               test_backup.py::test_nothing_is_written_to_the_recovery_area
#   18 a restore that needs archived logs              test_restore.py::test_a_bare_host_gets_everything_back: rows are written
#                                                      during the backup
#   19 "while it runs" needs a hold                    Story.begin()
#   20 the same databases, and no TINY2 in inc 1       Story.restore_into_a_new_instance()
